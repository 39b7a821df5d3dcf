"""Galleries of an audit: duplicates, suspected label errors, outliers."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from clothier.report.captioned_figure import CaptionedFigure
from clothier.report.figures.gallery import Tile, gallery
from clothier.report.formatting import format_percent
from clothier.report.style import shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from clothier.data.combined_splits import CombinedSplits
    from clothier.exploration.audit.duplicates import Duplicates
    from clothier.exploration.audit.label_issues import LabelIssues
    from clothier.exploration.audit.outliers import Outlier

MAX_PAIRS = 12  # of duplicates
PAIR_COLUMNS = 4  # of a row; in narrower ones, the captions would touch
MAX_TILES = 30  # suspected label errors or outliers
TILE_COLUMNS = 5
MAX_CAPTION_CHARS = 11  # of a class below the smaller tiles
MAX_FILE_CHARS = 8  # of a file name there, whose digits are wide


def audit_figures(
    combined: CombinedSplits,
    duplicates: Duplicates,
    outliers: Sequence[Outlier],
    issues: Sequence[LabelIssues] = (),
) -> dict[str, CaptionedFigure]:
    """Every figure of an audit that has findings.

    Args:
        combined: both splits.
        duplicates: indices into ``combined``.
        outliers: likewise.
        issues: of the training split and of the test split, if labels were audited.
    """
    figures = {}
    if duplicates.exact:
        figures["audit-exact-duplicates"] = exact_duplicates(combined, duplicates.exact)
    if len(duplicates.near_pairs):
        figures["audit-near-duplicates"] = near_duplicates(combined, duplicates)
    for split, start, found in zip(("train", "test"), (0, combined.n_train), issues, strict=False):
        if len(found.issue_indices):
            figures[f"audit-labels-{split}"] = suspected_label_errors(combined, start, found)
    if outliers:
        figures["audit-outliers"] = outlier_gallery(combined, outliers)
    return figures


def exact_duplicates(combined: CombinedSplits, groups: Sequence[tuple[int, ...]]) -> CaptionedFigure:
    """The first two images of each group of exact duplicates."""
    tiles = [_tile(combined, index, f"1 of {len(group)}") for group in groups[:MAX_PAIRS] for index in group[:2]]
    return CaptionedFigure(
        _pair_gallery(tiles, ("image", "duplicate")),
        f"{sum(map(len, groups)):,} images are exact duplicates, in {_pluralize(len(groups), 'group')}",
        "Images next to their duplicates",
        f"{_shown_note(len(tiles) // 2, len(groups), 'group')} Below each: class, split and index.",
    )


def near_duplicates(combined: CombinedSplits, duplicates: Duplicates) -> CaptionedFigure:
    """The most similar pair of each group with its correlation, the most similar group first."""
    pairs, tiles = duplicates.near_pairs, []
    for pair in _best_pair_per_group(duplicates)[:MAX_PAIRS]:
        correlation = f"r = {pairs.correlation[pair]:.5f}" + (", mirrored" if pairs.mirrored[pair] else "")
        tiles += [_tile(combined, int(index), correlation) for index in (pairs.first[pair], pairs.second[pair])]
    across = int(((pairs.first < combined.n_train) & (pairs.second >= combined.n_train)).sum())
    return CaptionedFigure(
        _pair_gallery(tiles, ("image", "near duplicate")),
        f"{_pluralize(len(pairs), 'pair')} of near duplicates, {across:,} of them across train and test",
        "Images next to their near duplicates",
        f"{_shown_note(len(tiles) // 2, len(duplicates.near), 'group')} The two most similar images of each. Below "
        "them: class, split and index, correlation.",
    )


def suspected_label_errors(combined: CombinedSplits, start: int, label_issues: LabelIssues) -> CaptionedFigure:
    """The labels that are most probably wrong; ``start`` is the index in ``combined`` where their split begins."""
    tiles = []
    for index in label_issues.issue_indices[:MAX_TILES]:
        suggested = shorten(combined.classes[label_issues.suggested_labels[index]], MAX_CAPTION_CHARS)
        tiles.append(_tile(combined, start + int(index), f"→ {suggested}", format_percent(-label_issues.margin[index])))
    count, n = len(label_issues.issue_indices), len(label_issues.margin)
    return CaptionedFigure(
        gallery(tiles, TILE_COLUMNS),
        f"{count:,} of {n:,} labels in {combined.split(start)} are suspected errors",
        "Images whose out-of-fold predictions contradict the label",
        f"{_shown_note(len(tiles), count, 'label')} Below each: label, split and index, the class with the highest "
        "out-of-fold probability, and its margin over the label's probability.",
    )


def outlier_gallery(combined: CombinedSplits, outliers: Sequence[Outlier]) -> CaptionedFigure:
    """The strongest outliers of their class, in size, brightness or contrast."""
    tiles = [_tile(combined, found.index, found.reason, f"{found.score:.0f} std") for found in outliers[:MAX_TILES]]
    counts = Counter(found.reason for found in outliers)
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in counts.most_common())
    return CaptionedFigure(
        gallery(tiles, TILE_COLUMNS),
        f"Outliers of their class among {len(combined):,} images: {reasons}",
        "Images that are nearly empty, flat or cropped",
        f"{_shown_note(len(tiles), len(outliers), 'image')} Below each: class, split and index, the reason, and the "
        "distance from the median of its class in robust standard deviations.",
    )


def _best_pair_per_group(duplicates: Duplicates) -> list[int]:
    """Index of the most similar pair of each group in ``near_pairs``."""
    group_of = {index: number for number, group in enumerate(duplicates.near) for index in group}
    best: dict[int, int] = {}
    for pair, first in enumerate(duplicates.near_pairs.first.tolist()):
        best.setdefault(group_of[first], pair)
    return list(best.values())


def _pair_gallery(tiles: Sequence[Tile], headings: tuple[str, str]) -> Figure:
    return gallery(tiles, PAIR_COLUMNS, headings * (min(len(tiles), PAIR_COLUMNS) // 2))


def _tile(combined: CombinedSplits, index: int, *lines: str) -> Tile:
    name = combined.caption(index)
    name = shorten(name, MAX_FILE_CHARS) if combined.files else name
    return Tile(
        combined.images[index], "\n".join((shorten(combined.class_name(index), MAX_CAPTION_CHARS), name, *lines))
    )


def _pluralize(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _shown_note(shown: int, count: int, noun: str) -> str:
    if shown == count:
        return "All of them, the strongest first." if count > 1 else "The only one."
    return f"The {shown} strongest of {_pluralize(count, noun)}."
