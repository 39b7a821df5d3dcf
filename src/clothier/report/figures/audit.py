"""Contact sheets of an audit: what is there twice, what may be labelled wrongly, what stands out.

Legend: N images, K classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clothier.report.captioned_figure import Drawing
from clothier.report.figures.gallery import Tile, gallery
from clothier.report.formatting import percent
from clothier.report.style import shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from clothier.data.combined_splits import Pool
    from clothier.exploration.audit.duplicates import Duplicates
    from clothier.exploration.audit.label_issues import LabelIssues
    from clothier.exploration.audit.outliers import Outlier

PAIRS = 12  # shown of duplicates
PAIR_COLUMNS = 6
SHOWN = 30  # labels or outliers
COLUMNS = 5
CHARACTERS = 11  # of a caption's line that fit below the smaller pictures, file names with their wide digits too


def audit_figures(
    pool: Pool,
    duplicates: Duplicates,
    outliers: Sequence[Outlier],
    issues: Sequence[LabelIssues] = (),
) -> dict[str, Drawing]:
    """Every figure of an audit that has something to show.

    Args:
        pool: both parts.
        duplicates: places are of ``pool``.
        outliers: likewise.
        issues: of the training part and of the test part, where labels were audited; else none.
    """
    figures = {}
    if duplicates.exact:
        figures["audit-copies"] = copies(pool, duplicates.exact)
    if len(duplicates.near_pairs):
        figures["audit-near-duplicates"] = near_duplicates(pool, duplicates)
    for part, start, found in zip(("train", "test"), (0, pool.in_train), issues, strict=False):
        if len(found.issues):
            figures[f"audit-labels-{part}"] = doubtful_labels(pool, start, found)
    if outliers:
        figures["audit-outliers"] = standing_out(pool, outliers)
    return figures


def copies(pool: Pool, groups: Sequence[tuple[int, ...]]) -> Drawing:
    """The first two pictures of each group of exact duplicates, side by side."""
    tiles = [_tile(pool, place, f"1 of {len(group)}") for group in groups[:PAIRS] for place in group[:2]]
    pictures = sum(map(len, groups))
    title = f"{pictures:,} pictures are exact copies of one another, in {_many(len(groups), 'group')}"
    return Drawing(
        _pairs(tiles, ("picture", "copy")),
        title,
        f"Pictures beside their copies. {title}.",
        f"{_shown(len(tiles) // 2, len(groups), 'group')} Below each: its class and where it stands.",
    )


def near_duplicates(pool: Pool, duplicates: Duplicates) -> Drawing:
    """The most alike pair of each group, side by side, with its correlation; the most alike group first."""
    pairs, tiles = duplicates.near_pairs, []
    for pair in _one_of_each(duplicates)[:PAIRS]:
        likeness = f"r = {pairs.correlation[pair]:.5f}"
        tiles += [_tile(pool, int(place), likeness) for place in (pairs.first[pair], pairs.second[pair])]
    across = int(((pairs.first < pool.in_train) & (pairs.second >= pool.in_train)).sum())
    title = f"{_many(len(pairs), 'pair')} of pictures are nearly the same, {across:,} of them across train and test"
    return Drawing(
        _pairs(tiles, ("picture", "its double")),
        title,
        f"Pictures beside their near duplicates. {title}.",
        f"{_shown(len(tiles) // 2, len(duplicates.near), 'group')} Of each the two that are most alike; below them "
        "their class, where they stand, and their correlation.",
    )


def doubtful_labels(pool: Pool, start: int, found: LabelIssues) -> Drawing:
    """The labels that are most probably wrong; ``start`` is where their part begins in ``pool``."""
    tiles = []
    for index in found.issues[:SHOWN]:
        suggested = shortened(pool.classes[found.suggested[index]], CHARACTERS)
        tiles.append(_tile(pool, start + int(index), f"→ {suggested}", percent(-found.margin[index])))
    part, n = pool.part(start), len(found.margin)
    title = f"{len(found.issues):,} of {n:,} labels in {part} are doubtful"
    return Drawing(
        gallery(tiles, COLUMNS),
        title,
        f"Pictures whose labels models that did not see them doubt. {title}.",
        f"{_shown(len(tiles), len(found.issues), 'label')} Below each: its label, where it stands, the class that "
        "held-out models suggest, and by how much they hold that more probable.",
    )


def standing_out(pool: Pool, outliers: Sequence[Outlier]) -> Drawing:
    """The pictures that stand out farthest from their class by light."""
    tiles = [_tile(pool, found.index, found.suspicion, f"{found.score:.0f} spreads") for found in outliers[:SHOWN]]
    predicate = "stands out from its class" if len(outliers) == 1 else "stand out from their class"
    title = f"{_many(len(outliers), 'picture')} of {len(pool):,} {predicate} by light alone"
    return Drawing(
        gallery(tiles, COLUMNS),
        title,
        f"Pictures that are nearly empty, flat or cropped. {title}.",
        f"{_shown(len(tiles), len(outliers), 'picture')} Below each: its class, where it stands, what is suspected, "
        "and how many spreads (robust standard deviations) it lies from its class's median.",
    )


def _one_of_each(duplicates: Duplicates) -> list[int]:
    """The place among the near pairs of each group's most alike pair."""
    group_of = {place: number for number, group in enumerate(duplicates.near) for place in group}
    best: dict[int, int] = {}
    for pair, first in enumerate(duplicates.near_pairs.first.tolist()):
        best.setdefault(group_of[first], pair)
    return list(best.values())


def _pairs(tiles: Sequence[Tile], headings: tuple[str, str]) -> Figure:
    return gallery(tiles, PAIR_COLUMNS, headings * (min(len(tiles), PAIR_COLUMNS) // 2))


def _tile(pool: Pool, place: int, *lines: str) -> Tile:
    name = pool.name(place)
    words = (shortened(pool.class_of(place), CHARACTERS), shortened(name, CHARACTERS) if pool.files else name, *lines)
    return Tile(pool.images[place], "\n".join(words))


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _shown(shown: int, count: int, noun: str) -> str:
    if shown == count:
        return "All of them, the most suspicious first." if count > 1 else "The only one."
    return f"The {shown} most suspicious of {_many(count, noun)}."
