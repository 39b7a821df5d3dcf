"""The findings of an audit, one row each, as ``audit.csv`` and ``--json`` hold them."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from clothier.exploration.audit.outliers import OUTLIER_REASONS
from clothier.untrusted import disarm_cell

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from clothier.data.combined_splits import CombinedLabels
    from clothier.exploration.audit.duplicates import Duplicates
    from clothier.exploration.audit.label_issues import LabelIssues
    from clothier.exploration.audit.outliers import Outlier
    from clothier.types import FailedInput

Kind = Literal["unreadable", "exact-duplicate", "near-duplicate", "label", "outlier"]

COLUMNS = ("kind", "split", "index", "file", "class", "score", "reason", "suggested_label", "duplicate_of")
"""Of ``audit.csv``; see :class:`Finding`. A value that a finding does not have is empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One image and what may be wrong with it.

    Attributes:
        kind: the check that found it.
        split: ``train`` or ``test``; None for a file that could not be read.
        index: of the image in its split, from 0; None where images are files.
        file: path of the image, where images are files.
        class_name: its label.
        score: higher is more suspicious. ``exact-duplicate``: 1; ``near-duplicate``: the correlation with
            ``duplicate_of``; ``label``: how much more probable ``suggested_label`` is, 0 to 1; ``outlier``: robust
            z-score within the class.
        reason: what is suspected, in words.
        suggested_label: the class that may be the right one.
        duplicate_of: the image that this one repeats: its split and index, or its path.
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


def findings_to_csv(findings: Iterable[Finding]) -> str:
    """The text of ``audit.csv``: the column names, then one row per finding."""
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    table.writeheader()
    for finding in findings:
        table.writerow({name: disarm_cell(value) for name, value in finding.to_json().items()})
    return text.getvalue()


def unreadable_rows(failures: Iterable[FailedInput]) -> Iterator[Finding]:
    """Files that could not be read and are therefore in no split."""
    for failure in failures:
        yield Finding(kind="unreadable", file=failure.file, reason=failure.message)


def duplicate_rows(combined: CombinedLabels, duplicates: Duplicates) -> Iterator[Finding]:
    """Images that repeat an earlier one: exact copies by group, then near duplicates by correlation."""
    for first, *copies in duplicates.exact:
        for copy in copies:
            yield _repeat(combined, first, copy, "exact-duplicate", 1.0, "the same image")
    near = duplicates.near_pairs
    for (first, second), correlation, mirrored in zip(near.edges, near.correlation, near.mirrored, strict=True):
        reason = "nearly the same image" + (", mirrored" if mirrored else "")
        yield _repeat(combined, int(first), int(second), "near-duplicate", float(correlation), reason)


def label_rows(combined: CombinedLabels, start: int, issues: LabelIssues) -> Iterator[Finding]:
    """Suspected label errors of the split that begins at ``start`` in ``combined``."""
    for index in issues.issue_indices.tolist():
        suggested = combined.classes[issues.suggested_labels[index]]
        reason = f"labeled {combined.class_name(start + index)}, looks like {suggested}"
        score = -float(issues.margin[index])
        yield _finding(combined, start + index, "label", score, reason, suggested_label=suggested)


def outlier_rows(combined: CombinedLabels, outliers: Iterable[Outlier]) -> Iterator[Finding]:
    """Images that differ from their class in brightness."""
    for outlier in outliers:
        reason = f"{outlier.reason}: {OUTLIER_REASONS[outlier.reason]}"
        yield _finding(combined, outlier.index, "outlier", outlier.score, reason)


def _repeat(combined: CombinedLabels, first: int, copy: int, kind: Kind, score: float, reason: str) -> Finding:
    original = combined.file(first) or combined.caption(first)
    return _finding(combined, copy, kind, score, reason, duplicate_of=original)


def _finding(combined: CombinedLabels, index: int, kind: Kind, score: float, reason: str, **details: str) -> Finding:
    file = combined.file(index)
    return Finding(
        kind=kind,
        split=combined.split(index),
        index=combined.index_in_split(index) if file is None else None,  # a folder is split at random
        file=file,
        class_name=combined.class_name(index),
        score=round(score, 6),
        reason=reason,
        **details,
    )
