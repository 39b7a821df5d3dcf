"""``clothier tag``: source -> store -> table."""

from __future__ import annotations

import time
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clothier import atomic
from clothier.catalogue.engines import LocalEngine, RayEngine, WorkerPlan, require_ray
from clothier.catalogue.product_votes import with_votes
from clothier.catalogue.reviewed_rows import with_reviews
from clothier.catalogue.rows import PRODUCT_COLUMNS, output_columns
from clothier.catalogue.rules import TaggingRules
from clothier.catalogue.shift import rules_after, rules_before
from clothier.catalogue.sources import check_is_no_source, run_warnings
from clothier.catalogue.tables import check_output, write_table
from clothier.catalogue.tagger import tag_source
from clothier.catalogue.versions import load_current, register
from clothier.data.photo_sources import DEFAULT_FILE_COLUMN, SourceColumns, open_source
from clothier.errors import ADDRESS_WITHOUT_RAY, NO_OUTPUT, Interrupted, UnknownNameError, UsageError
from clothier.inference import load
from clothier.paths import local_path, optional_path
from clothier.selective.decisions import describe_class_limits, describe_limits
from clothier.store import open_store
from clothier.store.lock import file_lock
from clothier.taxonomy import read_taxonomy
from clothier.types import no_progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from clothier.catalogue.rows import OutputColumn
    from clothier.catalogue.tagger import Tally
    from clothier.data.photo_sources import Source
    from clothier.inference import Model
    from clothier.store import Store
    from clothier.store.store import Row, RunId
    from clothier.types import CatalogueShift, FailedInput, Progress

STORE_SUFFIX = ".store"  # of the store beside an output, where none is named
DECISIONS = ("accept", "review", "reject")
PROGRESS_ROWS = 1_000
ENGINES = ("local", "ray")


@dataclass(frozen=True, slots=True)
class TagResult:
    """What a run of ``clothier tag`` did.

    Attributes:
        source: the photos.
        model: its name.
        output: the table that was written; None without.
        store: its file or URL.
        n: photos.
        computed: photos that the model ran on; the tags of the others follow from the store.
        decisions: photos by decision; "uncalibrated" if the model has no thresholds.
        errors: failed photos by error code.
        failures: the first twenty of them.
        warnings: one sentence each.
        seconds: of the whole run.
        catalogue: whether the photos are unlike those of the model's guarantee; None if the model cannot tell.
        trusted: whether tags of an unlike catalogue are accepted nevertheless.
        limits: what the model's limits guarantee, and what they come from; None without thresholds.
    """

    source: Path
    model: str
    output: Path | None
    store: str
    n: int
    computed: int
    decisions: dict[str, int]
    errors: dict[str, int]
    failures: tuple[FailedInput, ...]
    warnings: tuple[str, ...]
    seconds: float
    catalogue: CatalogueShift | None = None
    trusted: bool = False
    limits: str | None = None

    @property
    def n_failed(self) -> int:
        """Photos without a tag."""
        return sum(self.errors.values())

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return {
            "source": str(self.source),
            "model": self.model,
            "output": str(self.output) if self.output else None,
            "store": self.store,
            "n": self.n,
            "tagged": self.n - self.n_failed,
            "computed": self.computed,
            "failed": self.n_failed,
            "decisions": self.decisions,
            "errors": self.errors,
            "failures": [one.to_json() for one in self.failures],
            "catalogue": self.catalogue.to_json() if self.catalogue else None,
            "trusted": self.trusted,
            "limits": self.limits,
            "warnings": list(self.warnings),
            "seconds": self.seconds,
            "photos_per_second": self.n / self.seconds,
        }


def tag(
    source: str | Path,
    output: str | Path | None = None,
    *,
    store: str | Path | None = None,
    model: str | Path | None = None,
    taxonomy: str | Path | None = None,
    columns: str | None = None,
    file_column: str | None = None,
    id_column: str | None = None,
    product_column: str | None = None,
    trust_model: bool = False,
    engine: str = "local",
    address: str | None = None,
    progress: Progress = no_progress,
) -> TagResult:
    """Tags the photos of a folder, a ZIP file or a table, and keeps model outputs and tags in a store.

    Stopped anywhere and called again, it continues. Photos that did not change are not read again, and other thresholds
    or codes are applied to the stored outputs. A photo that cannot be read is a row with an error.

    Args:
        source: a folder or a ZIP file of photos, or a CSV or Parquet file that lists or holds them.
        output: the table to write: ``.csv``, ``.jsonl`` or ``.parquet``; None for the store alone.
        store: a SQLite file or the URL of a PostgreSQL database; None for a file beside ``output``.
        model: as :func:`clothier.load` takes it; None for the one promoted in the store, or else ``photo``.
        taxonomy: a TOML file or a CSV with a company's code for each class.
        columns: of the output, chosen and renamed (:func:`clothier.catalogue.rows.output_columns`); None for all.
        file_column: of a table, with the photos; None for ``file``.
        id_column: of a table, with an id for each photo; None to make one from the content.
        product_column: of a table, with the product of each photo, which gets a class; in a ZIP's list ``product``.
        trust_model: accept tags even if the photos are unlike the training photos.
        engine: where photos are read and the model runs: ``local``, in this process, or ``ray``, on a Ray cluster.
        address: of the Ray cluster, ``HOST:PORT`` or ``auto``; None to start one on this machine for this run.
        progress: receives the number of photos.

    Raises:
        UsageError: no output and no store, an output whose photos were tagged, an unknown column or engine, or another
            process uses the store.
        MissingExtraError: the engine is not installed.
        DataError: source, taxonomy or store are missing or damaged.
        ModelError: the model is missing or damaged.
        StorageError: output or store cannot be written. Photos that are in the store stay there.
        ClusterError: the Ray cluster cannot be used.
    """
    started = time.monotonic()
    _check_engine(engine, address)
    path, target, codes_file = local_path(source), optional_path(output), optional_path(taxonomy)
    database = _store_name(path, target, store)
    special = SourceColumns(file_column or DEFAULT_FILE_COLUMN, id_column, product_column)
    photos = open_source(path, special, _own_files(target, database))
    shown = []
    if target or columns:  # a store takes all columns, whatever their names
        shown = output_columns(photos.columns, columns, without=frozenset() if photos.has_products else PRODUCT_COLUMNS)
    if target:
        check_output(target)
    chosen = None if model is None else (str(model), load(model, threads=1))  # for each thread that reads photos
    tagging = _Tagging(path, photos, target, shown, engine, address, progress, started)
    with _reserved(target), open_store(database) as opened, opened.locked():
        if target:
            check_is_no_source(opened, target)
        name, loaded = chosen or load_current(opened, threads=1)
        codes = read_taxonomy(codes_file, loaded.classes) if codes_file else None
        return tagging.run(opened, name, TaggingRules(loaded, codes, trusted=trust_model))


@dataclass(frozen=True, slots=True)
class _Tagging:
    """A call of :func:`tag` with checked arguments."""

    source: Path
    photos: Source
    output: Path | None
    columns: list[OutputColumn]  # of the output
    engine: str
    address: str | None
    progress: Progress
    started: float  # by time.monotonic

    def run(self, store: Store, name: str, rules: TaggingRules) -> TagResult:
        """Tags the photos and writes the output. ``store`` is locked; ``name`` is what the model was loaded by."""
        model = rules.model
        register(store, name, model)
        run = store.begin_run(self.photos.name, model.digest, model.name)
        engine = self._ray(name, model, store, run) if self.engine == "ray" else _local(model, store, run)
        rules = rules_before(store, run, rules)
        tally = tag_source(self.photos, store, run, rules, engine, progress=self.progress)
        rules = rules_after(store, run, rules, tally.rules)
        self._write(store, run, rules, tally.n)
        store.finish_run(run)
        return self._result(store, run, rules, tally)

    def _ray(self, name: str, model: Model, store: Store, run: RunId) -> RayEngine:
        plan = WorkerPlan(name, model.digest, Path.cwd(), self.source)
        return RayEngine(plan, lambda: store.output_digests(run.model), self.address)

    def _write(self, store: Store, run: RunId, rules: TaggingRules, n: int) -> None:
        if self.output:
            rows = store.rows(run)
            rows = with_votes(rows, store, run, rules) if self.photos.has_products else rows
            write_table(self.output, self.columns, _reported(with_reviews(rows, rules.codes), n, self.progress))

    def _result(self, store: Store, run: RunId, rules: TaggingRules, tally: Tally) -> TagResult:
        counts = store.count(run)
        return TagResult(
            source=self.source,
            model=rules.model.name,
            output=self.output,
            store=store.name,
            n=tally.n,
            computed=tally.computed,
            decisions=_decision_counts(counts["decision"]),
            errors={str(code): n for code, n in sorted(counts["error_code"].items(), key=str)},
            failures=tuple(tally.failures),
            catalogue=rules.shift,
            trusted=rules.trusted,
            limits=_describe_limits(rules.model, rules.limits),
            warnings=(*self.photos.warnings, *run_warnings(store, run)),
            seconds=time.monotonic() - self.started,
        )


def _check_engine(engine: str, address: str | None) -> None:
    if engine not in ENGINES:
        raise UnknownNameError(engine, "engine", ENGINES)
    if address is not None and engine != "ray":
        raise UsageError(ADDRESS_WITHOUT_RAY)
    if engine == "ray":
        require_ray()


def _local(model: Model, store: Store, run: RunId) -> LocalEngine:
    has_outputs = store.has_outputs(run.model)  # of earlier runs: only they are worth a look for each photo
    return LocalEngine(model, lambda digest: has_outputs and store.has_output(digest, run.model))


def _store_name(source: Path, output: Path | None, store: str | Path | None) -> str | Path:
    """The store, or else a file beside the output. An output or a store in place of the source would destroy it."""
    if store is None:
        if output is None:
            raise UsageError(NO_OUTPUT)
        store = output.with_name(output.name + STORE_SUFFIX)
    files = {"source": source, "output": output, "store": None if "://" in str(store) else Path(store)}
    found: dict[Path, str] = {}
    for role, path in files.items():
        if path and (other := found.setdefault(path.resolve(), role)) != role:
            raise UsageError(f"the {other} and the {role} are the same: {path}. Name another {role}.")
    return store


def _own_files(output: Path | None, store: str | Path) -> list[Path]:
    """Files in the source's folder that are ours; those of SQLite have suffixes of their own."""
    files = [] if "://" in str(store) else [Path(f"{store}{suffix}") for suffix in ("", "-wal", "-shm", ".lock")]
    return [*files, *([output, Path(f"{output}.lock")] if output else [])]


@contextmanager
def _reserved(output: Path | None) -> Iterator[None]:
    """Keeps other processes from writing the same output, and removes what a killed one left of it."""
    with file_lock(Path(f"{output}.lock"), str(output)) if output else nullcontext():
        if output:
            atomic.remove_leftovers(output)
        try:
            yield
        except KeyboardInterrupt as stop:
            raise Interrupted(None) from stop


def _reported(rows: Iterator[Row], n: int, progress: Progress) -> Iterator[Row]:
    for done, row in enumerate(rows, 1):
        yield row
        if done % PROGRESS_ROWS == 0 or done == n:
            progress("write", done, n)


def _describe_limits(model: Model, limits: Mapping[str, float | None]) -> str | None:
    if model.thresholds is None:
        return None
    return f"{describe_limits(model.thresholds)} {describe_class_limits(limits)}".rstrip()


def _decision_counts(found: dict[str | None, int]) -> dict[str, int]:
    """In a fixed order; "uncalibrated" only if there is such a tag."""
    counts = {name: found.get(name, 0) for name in DECISIONS}
    return {**counts, "uncalibrated": found[None]} if None in found else counts
