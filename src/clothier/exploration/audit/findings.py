"""What an audit found, one line a finding: as ``audit.csv`` and ``--json`` hold it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from clothier.exploration.audit.outliers import OUTLIER_REASONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from clothier.data.combined_splits import CombinedSplits
    from clothier.exploration.audit.duplicates import Duplicates
    from clothier.exploration.audit.label_issues import LabelIssues
    from clothier.exploration.audit.outliers import Outlier
    from clothier.types import FailedInput

Kind = Literal["unreadable", "exact-duplicate", "near-duplicate", "label", "outlier"]

COLUMNS = ("kind", "split", "index", "file", "class", "score", "reason", "suggested_label", "duplicate_of")
"""The columns of ``audit.csv``; see :class:`Finding`. A value that a finding does not have is empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One picture, and what may be wrong with it.

    Attributes:
        kind: what was looked for.
        split: ``train`` or ``test``; None for a file that could not be read and is in neither.
        index: the picture's place in its part, from 0; None where it is a file.
        file: its path, where it is a file of its own.
        class_name: the class that it is labelled with.
        score: of its kind, higher is more suspicious. ``exact-duplicate``: 1; ``near-duplicate``: the correlation with
            ``duplicate_of``; ``label``: by how much ``suggested_label`` is more probable, 0 to 1; ``outlier``: robust spreads from
            the median of the class.
        reason: what is suspected, in words.
        suggested_label: the class that a wrong label should perhaps be.
        duplicate_of: the picture that this one repeats: its part and index, or its path.
    """

    kind: Kind
    split: str | None = None
    index: int | None = None
    file: str | None = None
    class_name: str | None = None
    score: float | None = None
    reason: str
    suggested_label: str | None = None
    duplicate_of: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Column name to value, in the order of :data:`COLUMNS`."""
        return {name: getattr(self, "class_name" if name == "class" else name) for name in COLUMNS}


def unreadable_rows(failures: Iterable[FailedInput]) -> Iterator[Finding]:
    """Files that are no pictures of the data set, because they could not be read."""
    for failure in failures:
        yield Finding(kind="unreadable", file=failure.file, reason=failure.message)


def duplicate_rows(pool: CombinedSplits, duplicates: Duplicates) -> Iterator[Finding]:
    """Pictures that repeat an earlier one: exact copies by group, then near duplicates by correlation."""
    for first, *copies in duplicates.exact:
        for copy in copies:
            yield _finding(
                pool, copy, "exact-duplicate", 1.0, "the same picture", duplicate_of=_image_name(pool, first)
            )
    near = duplicates.near_pairs
    for first, second, correlation in zip(near.first, near.second, near.correlation, strict=True):
        other = _image_name(pool, int(first))
        yield _finding(
            pool, int(second), "near-duplicate", float(correlation), "nearly the same picture", duplicate_of=other
        )


def label_rows(pool: CombinedSplits, start: int, issues: LabelIssues) -> Iterator[Finding]:
    """Labels that are probably wrong, of the part that begins at ``start`` in ``pool``."""
    for index in issues.issue_indices.tolist():
        suggested = pool.classes[issues.suggested_labels[index]]
        words = f"labelled {pool.class_name(start + index)}, looks like {suggested}"
        yield _finding(pool, start + index, "label", -float(issues.margin[index]), words, suggested_label=suggested)


def outlier_rows(pool: CombinedSplits, outliers: Iterable[Outlier]) -> Iterator[Finding]:
    """Pictures that stand out from their class by light."""
    for outlier in outliers:
        words = f"{outlier.reason}: {OUTLIER_REASONS[outlier.reason]}"
        yield _finding(pool, outlier.index, "outlier", outlier.score, words)


def _finding(
    pool: CombinedSplits,
    index: int,
    kind: Kind,
    score: float,
    reason: str,
    *,
    suggested_label: str | None = None,
    duplicate_of: str | None = None,
) -> Finding:
    file = pool.file(index)
    return Finding(
        kind=kind,
        split=pool.split(index),
        index=pool.index_in_split(index)
        if file is None
        else None,  # where a folder is split by chance, an index names nothing
        file=file,
        class_name=pool.class_name(index),
        score=round(score, 6),
        reason=reason,
        suggested_label=suggested_label,
        duplicate_of=duplicate_of,
    )


def _image_name(pool: CombinedSplits, index: int) -> str:
    return pool.file(index) or pool.caption(index)
