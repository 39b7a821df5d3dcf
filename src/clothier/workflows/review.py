"""``clothier review``: people look at tags, and what they say leaves as labels."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clothier.catalogue.review import ActionResult, Filter, ReviewStatistics, accept_all, statistics, undo
from clothier.catalogue.review.actions import check_reviewer
from clothier.catalogue.review.corrections import CORRECTION_COLUMNS, Corrections
from clothier.catalogue.review.desk import ReviewDesk
from clothier.catalogue.review.queue import EVERYTHING
from clothier.catalogue.store import open_existing_store
from clothier.catalogue.tables import check_output, write_table
from clothier.types import SHARE_ACCEPTED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clothier.types import FailedInput

BIASED = (
    "{doubtful} of these {n} photos were not accepted by the model, which is more than in the catalogue ({share}). "
    "Thresholds from them are stricter than necessary. For others, review some photos with --random."
)
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
        yield ReviewDesk(opened, name, filters, share_accepted, order)


def summarize(desk: ReviewDesk) -> ReviewSummary:
    """What was done at a desk."""
    return ReviewSummary(desk.store.name, desk.reviewer, {name: n for name, n in desk.counts.items() if n})


def accept_matching(store: str | Path, reviewer: str, filters: Filter, limit: int) -> ActionResult:
    """Accepts all tags that match (:func:`clothier.catalogue.review.accept_all`)."""
    with open_existing_store(store) as opened:
        return accept_all(opened, filters, reviewer, limit=limit)


def undo_last(store: str | Path, reviewer: str) -> ActionResult:
    """Takes back the last action of a reviewer (:func:`clothier.catalogue.review.undo`)."""
    with open_existing_store(store) as opened:
        return undo(opened, reviewer)


def review_statistics(store: str | Path, share_accepted: float = SHARE_ACCEPTED) -> ReviewStatistics:
    """What the reviews of a store tell (:func:`clothier.catalogue.review.statistics`)."""
    with open_existing_store(store) as opened:
        return statistics(opened, share_accepted=share_accepted)


def export_corrections(store: str | Path, output: str | Path) -> ExportResult:
    """Writes the reviewed photos with the persons' labels: a table for ``calibrate`` and ``train photo``.

    Args:
        store: a SQLite file or the URL of a PostgreSQL database.
        output: ``.csv``, ``.jsonl`` or ``.parquet``; the two commands take CSV.

    Raises:
        UsageError: another suffix.
        DataError: the store is missing or damaged.
        StorageError: it cannot be written; an older file is unchanged.
    """
    path = Path(output)
    check_output(path)
    with open_existing_store(store) as opened:
        corrections = Corrections(opened)
        write_table(path, CORRECTION_COLUMNS, corrections)
        found = statistics(opened)
    n, n_doubtful = corrections.labels.total(), corrections.n_doubtful
    share = 1 - found.decisions.get("accept", 0) / max(found.n_items, 1)
    is_biased = n_doubtful > FEW * share * n
    warning = BIASED.format(doubtful=f"{n_doubtful:,}", n=f"{n:,}", share=f"{100 * share:.0f} %")
    return ExportResult(
        output=path,
        n=n,
        labels=dict(Counter(corrections.labels).most_common()),
        has_products=corrections.n_products > 0,
        failures=tuple(corrections.failures),
        warnings=(warning,) if is_biased else (),
    )
