"""Contact sheets of an audit: what is there twice, what may be labelled wrongly, what stands out.

Legend: N images, K classes.
"""

from __future__ import annotations

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

MAX_PAIRS = 12  # shown of duplicates
PAIR_COLUMNS = 6
MAX_TILES = 30  # labels or outliers
TILE_COLUMNS = 5
MAX_CAPTION_CHARS = 11  # of a caption's line that fit below the smaller pictures, file names with their wide digits too


def audit_figures(
    combined: CombinedSplits,
    duplicates: Duplicates,
    outliers: Sequence[Outlier],
    issues: Sequence[LabelIssues] = (),
) -> dict[str, CaptionedFigure]:
    """Every figure of an audit that has something to show.

    Args:
        combined: both parts.
        duplicates: places are of ``combined``.
        outliers: likewise.
        issues: of the training part and of the test part, where labels were audited; else none.
    """
    figures = {}
    if duplicates.exact:
        figures["audit-copies"] = exact_duplicates(combined, duplicates.exact)
    if len(duplicates.near_pairs):
        figures["audit-near-duplicates"] = near_duplicates(combined, duplicates)
    for part, start, found in zip(("train", "test"), (0, combined.n_train), issues, strict=False):
        if len(found.issue_indices):
            figures[f"audit-labels-{part}"] = suspected_label_errors(combined, start, found)
    if outliers:
        figures["audit-outliers"] = outlier_gallery(combined, outliers)
    return figures


def exact_duplicates(combined: CombinedSplits, groups: Sequence[tuple[int, ...]]) -> CaptionedFigure:
    """The first two pictures of each group of exact duplicates, side by side."""
    tiles = [_tile(combined, place, f"1 of {len(group)}") for group in groups[:MAX_PAIRS] for place in group[:2]]
    pictures = sum(map(len, groups))
    title = f"{pictures:,} pictures are exact copies of one another, in {_pluralize(len(groups), 'group')}"
    return CaptionedFigure(
        _pair_gallery(tiles, ("picture", "copy")),
        title,
        f"Pictures beside their copies. {title}.",
        f"{_shown_note(len(tiles) // 2, len(groups), 'group')} Below each: its class and where it stands.",
    )


def near_duplicates(combined: CombinedSplits, duplicates: Duplicates) -> CaptionedFigure:
    """The most alike pair of each group, side by side, with its correlation; the most alike group first."""
    pairs, tiles = duplicates.near_pairs, []
    for pair in _best_pair_per_group(duplicates)[:MAX_PAIRS]:
        likeness = f"r = {pairs.correlation[pair]:.5f}"
        tiles += [_tile(combined, int(place), likeness) for place in (pairs.first[pair], pairs.second[pair])]
    across = int(((pairs.first < combined.n_train) & (pairs.second >= combined.n_train)).sum())
    title = (
        f"{_pluralize(len(pairs), 'pair')} of pictures are nearly the same, {across:,} of them across train and test"
    )
    return CaptionedFigure(
        _pair_gallery(tiles, ("picture", "its double")),
        title,
        f"Pictures beside their near duplicates. {title}.",
        f"{_shown_note(len(tiles) // 2, len(duplicates.near), 'group')} Of each the two that are most alike; below them "
        "their class, where they stand, and their correlation.",
    )


def suspected_label_errors(combined: CombinedSplits, start: int, label_issues: LabelIssues) -> CaptionedFigure:
    """The labels that are most probably wrong; ``start`` is where their part begins in ``combined``."""
    tiles = []
    for index in label_issues.issue_indices[:MAX_TILES]:
        suggested = shorten(combined.classes[label_issues.suggested_labels[index]], MAX_CAPTION_CHARS)
        tiles.append(_tile(combined, start + int(index), f"→ {suggested}", format_percent(-label_issues.margin[index])))
    part, n = combined.split(start), len(label_issues.margin)
    title = f"{len(label_issues.issue_indices):,} of {n:,} labels in {part} are doubtful"
    return CaptionedFigure(
        gallery(tiles, TILE_COLUMNS),
        title,
        f"Pictures whose labels models that did not see them doubt. {title}.",
        f"{_shown_note(len(tiles), len(label_issues.issue_indices), 'label')} Below each: its label, where it stands, the class that "
        "held-out models suggest, and by how much they hold that more probable.",
    )


def outlier_gallery(combined: CombinedSplits, outliers: Sequence[Outlier]) -> CaptionedFigure:
    """The pictures that stand out farthest from their class by light."""
    tiles = [_tile(combined, found.index, found.reason, f"{found.score:.0f} spreads") for found in outliers[:MAX_TILES]]
    predicate = "stands out from its class" if len(outliers) == 1 else "stand out from their class"
    title = f"{_pluralize(len(outliers), 'picture')} of {len(combined):,} {predicate} by light alone"
    return CaptionedFigure(
        gallery(tiles, TILE_COLUMNS),
        title,
        f"Pictures that are nearly empty, flat or cropped. {title}.",
        f"{_shown_note(len(tiles), len(outliers), 'picture')} Below each: its class, where it stands, what is suspected, "
        "and how many spreads (robust standard deviations) it lies from its class's median.",
    )


def _best_pair_per_group(duplicates: Duplicates) -> list[int]:
    """The place among the near pairs of each group's most alike pair."""
    group_of = {place: number for number, group in enumerate(duplicates.near) for place in group}
    best: dict[int, int] = {}
    for pair, first in enumerate(duplicates.near_pairs.first.tolist()):
        best.setdefault(group_of[first], pair)
    return list(best.values())


def _pair_gallery(tiles: Sequence[Tile], headings: tuple[str, str]) -> Figure:
    return gallery(tiles, PAIR_COLUMNS, headings * (min(len(tiles), PAIR_COLUMNS) // 2))


def _tile(combined: CombinedSplits, index: int, *lines: str) -> Tile:
    name = combined.caption(index)
    words = (
        shorten(combined.class_name(index), MAX_CAPTION_CHARS),
        shorten(name, MAX_CAPTION_CHARS) if combined.files else name,
        *lines,
    )
    return Tile(combined.images[index], "\n".join(words))


def _pluralize(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _shown_note(shown: int, count: int, noun: str) -> str:
    if shown == count:
        return "All of them, the most suspicious first." if count > 1 else "The only one."
    return f"The {shown} most suspicious of {_pluralize(count, noun)}."
