"""A job of the HTTP API: upload -> store, as ``clothier tag`` does it."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from clothier.catalogue.engines.local import LocalEngine
from clothier.catalogue.exports.tags import StoreTags
from clothier.catalogue.product_votes import with_votes
from clothier.catalogue.reviewed_rows import with_reviews
from clothier.catalogue.rows import ALL_OTHERS, OUR_COLUMNS, PRODUCT_COLUMNS, USER_PREFIX, output_columns
from clothier.catalogue.shift import rules_after, rules_before
from clothier.catalogue.sources import run_warnings
from clothier.catalogue.tables import write_table
from clothier.catalogue.tagger import tag_source
from clothier.catalogue.versions import register
from clothier.data.photo_sources.archive import ZipSource
from clothier.data.photo_sources.archive_list import PRODUCT
from clothier.errors import ClothierError, StorageError
from clothier.store import jobs
from clothier.store.previews import has_preview
from clothier.temporary import temporary_dir
from clothier.types import no_progress
from clothier.workflows.export import export_tags

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clothier.catalogue.rules import TaggingRules
    from clothier.store import Store
    from clothier.store.jobs import Job
    from clothier.store.store import RunId
    from clothier.types import Progress
    from clothier.workflows.export import ExportResult

LOG = logging.getLogger("clothier.jobs")
UPLOAD = "the upload"
GAVE_UP = "it was started {n} times and did not end; the last time, {why}."
SERVER_ENDED = "the server ended"
STORE_FAILED = "the store could not be used (the server's log has the cause)"


class _StopError(Exception):
    """The job is not wanted anymore, or the server stops."""


def run_next_job(
    store: Store, model: str, rules: TaggingRules, *, should_stop: Callable[[], bool], with_previews: bool = True
) -> bool:
    """Tags the photos of the oldest job that is not done.

    Args:
        store: locked by the caller.
        model: what the model was loaded by.
        rules: the model and the company's codes.
        should_stop: asked after every chunk; the job then continues at the next call.
        with_previews: keep small JPEGs of the photos, for pages. A photo that has none yet is decoded again.

    Returns:
        Whether there was a job.

    Raises:
        StorageError: the store cannot be used. The job continues at the next call.
    """
    job = jobs.next_job(store)
    if job is None or should_stop():
        return False
    if job.attempts >= jobs.MAX_ATTEMPTS:
        jobs.finish_job(store, job, error=GAVE_UP.format(n=job.attempts, why=job.error or SERVER_ENDED))
        return True
    try:
        jobs.finish_job(store, job, result=_run(store, model, rules, job, should_stop, with_previews))
    except _StopError:
        if should_stop():
            jobs.interrupt_job(store, job)
        return not should_stop()
    except StorageError:
        with suppress(StorageError):  # it may be the store itself that cannot be written
            jobs.note_problem(store, job, STORE_FAILED)
        raise
    except ClothierError as error:
        jobs.finish_job(store, job, error=str(error))
    except Exception:  # a job must not end the server, nor be tried for ever
        LOG.exception("job %s failed", job.job_id)
        jobs.finish_job(store, job, error="an unexpected error; the server's log has its cause.")
    return True


def write_result(store: Store, rules: TaggingRules, job: Job, path: Path) -> None:
    """Writes the rows of a job that is done as a table, in the format of the suffix of ``path``.

    The columns of the upload's list of photos come last; one that has the name of ours begins with ``input.``. If the
    list has products, each has a class, unless another model is in use now: it cannot read the outputs of the first.
    """
    run = jobs.job_run(store, job)
    rows = store.rows(run)
    first = next(store.rows(run), None)
    users = first["columns"] if first else {}
    taken = {one.name for one in OUR_COLUMNS}
    chosen = ",".join([ALL_OTHERS, *(f"{USER_PREFIX}{name}={USER_PREFIX}{name}" for name in users if name in taken)])
    votes = PRODUCT in users and store.model_digest(run) == rules.model.digest
    columns = output_columns(dict.fromkeys(users, str), chosen, without=frozenset() if votes else PRODUCT_COLUMNS)
    rows = with_votes(rows, store, run, rules) if votes else rows
    write_table(path, columns, with_reviews(rows, rules.codes))


def export_result(
    store: Store, job: Job, path: Path, name: str, *, image_url: str | None = None, include_all: bool = False
) -> ExportResult:
    """Writes the tags of a job that is done in the format ``name`` of another program, as ``clothier export`` does."""
    tags = StoreTags(store, [jobs.job_run(store, job)])
    return export_tags(tags, path, name, image_url=image_url, include_all=include_all)


def _run(
    store: Store, model: str, rules: TaggingRules, job: Job, should_stop: Callable[[], bool], with_previews: bool
) -> dict[str, Any]:
    with temporary_dir("clothier-job-") as folder:
        path = folder / "upload.zip"
        _write_upload(store, job, path)
        source = ZipSource(path, shown=UPLOAD)
        source.name = job.source
        register(store, model, rules.model)
        run = store.begin_run(source.name, rules.model.digest, rules.model.name)
        job = jobs.start_job(store, job, run)
        rules = rules_before(store, run, rules)

        def is_known(digest: str) -> bool:
            return store.has_output(digest, run.model) and (not with_previews or has_preview(store, digest))

        engine = LocalEngine(rules.model, is_known, with_previews=with_previews)
        tally = tag_source(source, store, run, rules, engine, progress=_reporting(store, job, should_stop))
        final = rules_after(store, run, rules, tally.rules)
        store.finish_run(run)
        return _result(store, run, final, tally.n, [*source.warnings, *run_warnings(store, run)])


def _write_upload(store: Store, job: Job, path: Path) -> None:
    try:
        with path.open("wb") as file:
            for part in jobs.read_upload(store, job):
                file.write(part)
    except OSError as error:
        raise StorageError(f"an upload cannot be unpacked in {path.parent.parent}: {error.strerror}.") from error


def _reporting(store: Store, job: Job, should_stop: Callable[[], bool]) -> Progress:
    """Keeps the progress in the store, and ends the job when it is not wanted."""

    def report(task: str, done: float, total: float, note: str = "") -> None:
        no_progress(task, done, total, note)
        if not jobs.report_progress(store, job, int(done), int(total)) or should_stop():
            raise _StopError

    return report


def _result(store: Store, run: RunId, rules: TaggingRules, n: int, warnings: list[str]) -> dict[str, Any]:
    counts = store.count(run)
    failed = sum(counts["error_code"].values())
    return {
        "n": n,
        "tagged": n - failed,
        "failed": failed,
        "decisions": {str(name or "uncalibrated"): count for name, count in counts["decision"].items()},
        "errors": {str(code): count for code, count in counts["error_code"].items()},
        "catalogue": rules.shift.to_json() if rules.shift else None,
        "warnings": warnings,
        "model": rules.model.name,
        "thresholds": rules.thresholds_version,
    }
