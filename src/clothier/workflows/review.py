"""``clothier review``: people look at tags, and what they say leaves as labels."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clothier.catalogue.review import ActionResult, Filter, ReviewStatistics, accept_all, statistics, undo
from clothier.catalogue.review.actions import check_reviewer
from clothier.catalogue.review.annotations import import_annotations
from clothier.catalogue.review.corrections import CORRECTION_COLUMNS, Corrections
from clothier.catalogue.review.desk import ReviewDesk
from clothier.catalogue.review.label_studio import NO_LABEL, NOT_OURS, SEVERAL, read_annotations
from clothier.catalogue.review.queue import EVERYTHING
from clothier.catalogue.sources import check_is_no_source
from clothier.catalogue.tables import check_output, write_table
from clothier.paths import local_path
from clothier.store import open_existing_store
from clothier.types import SHARE_ACCEPTED, FailedInput

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from clothier.catalogue.review.annotations import ImportedAnnotations

BIASED = (
    "{doubtful} of these {n} photos were not accepted by the model, which is more than in the catalogue ({share}). "
    "Thresholds from them are stricter than necessary. For others, review some photos with --random."
)
UNSEEN = (
    "{n} photos are left out: their tags were accepted all at once, so nobody has looked at them. As labels they would "
    "make the model's errors look right."
)
UNUSABLE = {
    NOT_OURS: "{n} annotations are of tasks without an item_id, so they were not read",
    NO_LABEL: "{n} annotations have no class, so they were not read",
    SEVERAL: "{n} annotations have several classes, so they were not read",
}
NOT_IN_STORE = "{n} photos are not in this store, so their annotations were not read"
UNKNOWN_LABELS = "{n} annotations have a label that is no class of the model, so they were not read"
MAX_NAMES = 5  # that are shown for each reason
FEW = 1.2  # times as many doubtful ones as in the catalogue are no reason to warn


@dataclass(frozen=True, slots=True)
class ExportResult:
    """Labels that were written.

    Attributes:
        output: the table.
        n: its rows.
        labels: rows by label; "" for none of the classes.
        has_products: whether some rows have a product.
        failures: reviewed items whose photo is not there any more.
        warnings: one sentence each.
    """

    output: Path
    n: int
    labels: dict[str, int]
    has_products: bool
    failures: tuple[FailedInput, ...]
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return {
            "output": str(self.output),
            "n": self.n,
            "labels": self.labels,
            "has_products": self.has_products,
            "failed": len(self.failures),
            "failures": [one.to_json() for one in self.failures],
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True, slots=True)
class ImportResult:
    """Annotations of Label Studio that were read.

    Attributes:
        source: the export.
        annotations: how many it has.
        skipped: of those, the ones that an annotator skipped.
        found: what became of the others.
        failures: one for each reason why annotations cannot be used, with their number and examples.
    """

    source: Path
    annotations: int
    skipped: int
    found: ImportedAnnotations
    failures: tuple[FailedInput, ...]

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return {
            "source": str(self.source),
            "annotations": self.annotations,
            "skipped": self.skipped,
            "reviewed": self.found.reviewers.total(),
            "already_known": self.found.known,
            "reviewers": dict(self.found.reviewers.most_common()),
            "disagreements": self.found.disagreements,
            "unknown_items": self.found.unknown_items,
            "failures": [one.to_json() for one in self.failures],
        }


@dataclass(frozen=True, slots=True)
class ReviewSummary:
    """What a reviewer did: the number of items by what was done."""

    store: str
    reviewer: str
    counts: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return {"store": self.store, "reviewer": self.reviewer, "counts": self.counts}


@contextmanager
def open_desk(
    store: str | Path,
    reviewer: str,
    *,
    filters: Filter = EVERYTHING,
    share_accepted: float = SHARE_ACCEPTED,
    order: str = "doubtful",
) -> Iterator[ReviewDesk]:
    """A desk at which a reviewer goes through the queue of a store; the arguments are those of the queue."""
    name = check_reviewer(reviewer)
    with open_existing_store(store) as opened:
        opened.require_tags()
        yield ReviewDesk(opened, name, filters, share_accepted, order)


def summarize(desk: ReviewDesk) -> ReviewSummary:
    """What was done at a desk."""
    return ReviewSummary(desk.store.name, desk.reviewer, {name: n for name, n in desk.counts.items() if n})


def accept_matching(store: str | Path, reviewer: str, filters: Filter, limit: int) -> ActionResult:
    """Accepts all tags that match (:func:`clothier.catalogue.review.accept_all`)."""
    with open_existing_store(store) as opened:
        opened.require_tags()
        return accept_all(opened, filters, reviewer, limit=limit)


def undo_last(store: str | Path, reviewer: str) -> ActionResult:
    """Takes back the last action of a reviewer (:func:`clothier.catalogue.review.undo`)."""
    with open_existing_store(store) as opened:
        return undo(opened, reviewer)


def review_statistics(store: str | Path, share_accepted: float = SHARE_ACCEPTED) -> ReviewStatistics:
    """What the reviews of a store tell (:func:`clothier.catalogue.review.statistics`)."""
    with open_existing_store(store) as opened:
        opened.require_tags()
        return statistics(opened, share_accepted=share_accepted)


def import_label_studio(store: str | Path, source: str | Path) -> ImportResult:
    """Writes what annotators said in Label Studio as reviews (:mod:`clothier.catalogue.review.annotations`).

    Args:
        store: whose tags were exported with ``clothier export --format label-studio``.
        source: the project, exported from Label Studio as JSON or JSON-MIN.

    Raises:
        DataError: the store or the export is missing or damaged.
        StorageError: the store cannot be written. What was written stays; reading again continues.
    """
    path = local_path(source)
    read = read_annotations(path)
    with open_existing_store(store) as opened:
        found = import_annotations(opened, read.annotations)
    reasons = {**{UNUSABLE[name]: tasks for name, tasks in read.unusable.items()}, NOT_IN_STORE: found.unknown_items}
    reasons[UNKNOWN_LABELS] = [repr(name) for name, n in found.unknown_labels.items() for _ in range(n)]
    n = len(read.annotations) + read.skipped + sum(map(len, read.unusable.values()))
    failures = tuple(_failure(path, reason, names) for reason, names in reasons.items() if names)
    return ImportResult(path, n, read.skipped, found, failures)


def _failure(path: Path, reason: str, names: Sequence[str]) -> FailedInput:
    """How many annotations or photos cannot be used, why, and the first of them."""
    distinct = list(dict.fromkeys(names))
    more = f" and {len(distinct) - MAX_NAMES:,} more" if len(distinct) > MAX_NAMES else ""
    shown = ", ".join(distinct[:MAX_NAMES]) + more
    return FailedInput(str(path), "unusable", f"{path}: {reason.format(n=f'{len(names):,}')}: {shown}.")


def export_corrections(store: str | Path, output: str | Path) -> ExportResult:
    """Writes the reviewed photos with the persons' labels: a table for ``calibrate`` and ``train photo``.

    Args:
        store: a SQLite file or the URL of a PostgreSQL database.
        output: ``.csv``, ``.jsonl`` or ``.parquet``; the two commands take CSV.

    Raises:
        UsageError: another suffix, or a table whose photos were tagged.
        DataError: the store is missing, damaged or without tags.
        StorageError: it cannot be written; an older file is unchanged.
    """
    path = Path(output)
    check_output(path)
    with open_existing_store(store) as opened:
        check_is_no_source(opened, path)
        opened.require_tags()
        corrections = Corrections(opened)
        write_table(path, CORRECTION_COLUMNS, corrections)
        found = statistics(opened)
    n, n_doubtful = corrections.labels.total(), corrections.n_doubtful
    share = 1 - found.decisions.get("accept", 0) / max(found.n_items, 1)
    is_biased = n_doubtful > FEW * share * n
    warnings = [UNSEEN.format(n=f"{corrections.n_unseen:,}")] if corrections.n_unseen else []
    if is_biased:
        warnings.append(BIASED.format(doubtful=f"{n_doubtful:,}", n=f"{n:,}", share=f"{100 * share:.0f} %"))
    return ExportResult(
        output=path,
        n=n,
        labels=dict(Counter(corrections.labels).most_common()),
        has_products=corrections.n_products > 0,
        failures=tuple(corrections.failures),
        warnings=tuple(warnings),
    )
