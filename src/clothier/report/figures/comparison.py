"""Figures of two classifiers on the same images.

Legend: N images, K classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib import rc_context

from clothier.metrics import NORMAL_95
from clothier.report.captioned_figure import CaptionedFigure
from clothier.report.figures.gallery import Tile, gallery
from clothier.report.formatting import format_percent
from clothier.report.style import (
    BORDER,
    MUTED,
    PRIMARY,
    SECONDARY,
    STYLE,
    TEXT,
    class_axis,
    new_figure,
    new_plot,
    shorten,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from clothier.data.dataset import LabeledImages
    from clothier.evaluation.misclassified import Misclassification
    from clothier.types import Evaluation, McNemarResult

NamePair = tuple[str, str]


@rc_context(STYLE)
def accuracies(names: NamePair, evaluations: tuple[Evaluation, Evaluation], paired: McNemarResult) -> CaptionedFigure:
    """Both accuracies with their 95 % intervals, and the images that only one of the two got right."""
    figure = new_figure(3.3)
    above, below = figure.subplots(2, 1, height_ratios=(3, 2))
    for row, (found, colour) in enumerate(zip(evaluations, (PRIMARY, SECONDARY), strict=True)):
        reach = NORMAL_95 * found.standard_error
        above.errorbar(found.accuracy, row, xerr=reach, fmt="o", color=colour, markersize=8, capsize=5, linewidth=2.2)
        words = f"{format_percent(found.accuracy, 2)} ± {100 * reach:.2f}"
        above.annotate(words, (found.accuracy, row), (0, 11), textcoords="offset points", ha="center", color=TEXT)
    class_axis(above, names)
    above.set_ylim(1.5, -0.75)
    above.margins(x=0.35)
    above.grid(visible=True, axis="x")
    above.set_xlabel("accuracy, with its 95 % interval")
    above.xaxis.set_major_formatter(lambda share, _: format_percent(share))
    _plot_disagreement(below, names, paired)
    title = comparison_summary(names, paired)
    alt = f"{title}. Only {names[0]} right: {paired.only_first:,}; only {names[1]} right: {paired.only_second:,}."
    return CaptionedFigure(figure, title, alt, mcnemar_summary(paired))


@rc_context(STYLE)
def f1_by_class(names: NamePair, evaluations: tuple[Evaluation, Evaluation]) -> CaptionedFigure:
    """The F1 of both for every class, joined by a line."""
    classes = [score.name for score in evaluations[0].per_class]
    first, second = (np.array([score.f1 for score in found.per_class]) for found in evaluations)
    figure, axes = new_plot(0.95 + 0.3 * len(classes), grid="x")
    rows = np.arange(len(classes))
    axes.hlines(rows, np.minimum(first, second), np.maximum(first, second), color=BORDER, linewidth=5)
    axes.plot(first, rows, "o", color=PRIMARY, markersize=7, label=names[0])
    axes.plot(second, rows, "D", color=SECONDARY, markersize=6, label=names[1])
    class_axis(axes, classes)
    axes.set(xlabel="F1", xlim=(max(0.0, np.floor(10 * min(first.min(), second.min()) - 0.1) / 10), 1.0))
    axes.legend(ncols=2, loc="lower left", bbox_to_anchor=(-0.02, 1.0), handletextpad=0.2, borderpad=0)
    gain = second - first
    most = int(np.abs(gain).argmax())
    better = names[1] if gain[most] > 0 else names[0]
    title = f"{classes[most]} differs most: {better} is {abs(gain[most]):.2f} ahead in F1"
    return CaptionedFigure(figure, title, f"F1 of {names[0]} and {names[1]} for each class. {title}.")


def only_one_correct(
    labeled: LabeledImages,
    predictions: Sequence[tuple[Misclassification, Misclassification]],
    classes: Sequence[str],
    names: NamePair,
    total: int,
) -> CaptionedFigure:
    """Pictures that the first of ``names`` got right and the second wrong, with the wrong answer.

    Args:
        labeled: where the pictures are.
        predictions: the answers of both, a pair a picture, at least one.
        classes: the K names.
        names: of the model that was right and of the one that was wrong.
        total: how many such pictures there are in all.
    """
    right, wrong = names
    tiles = [
        Tile(
            labeled.images[said.index],
            f"{shorten(classes[said.true], 12)}\nnot {shorten(classes[said.predicted], 12)}\n"
            f"{format_percent(said.probability)}",
        )
        for _, said in predictions
    ]
    alt = "; ".join(f"{classes[said.true]}, not {classes[said.predicted]}" for _, said in predictions)
    return CaptionedFigure(
        gallery(tiles, 5),
        f"{total:,} pictures were named right by {right} and wrong by {wrong}",
        f"Pictures that {right} named right and {wrong} wrong: {alt}.",
        f"The {len(tiles)} where {wrong} was surest. Below each: its class, as {right} answered, then the answer of "
        f"{wrong} and its probability.",
    )


def comparison_summary(names: NamePair, paired: McNemarResult) -> str:
    """The difference in one line: which is better and by how much, or that the test cannot tell."""
    better, worse = names if paired.difference >= 0 else names[::-1]
    low, high = sorted(abs(100 * bound) for bound in paired.interval)
    if paired.interval[0] <= 0 <= paired.interval[1]:
        reach = " to ".join(f"{100 * bound:+.1f}" for bound in paired.interval)
        return f"{names[0]} and {names[1]} cannot be told apart (difference {reach} points)"
    points = f"{abs(100 * paired.difference):.1f} points"
    return f"{better} is {points} more accurate than {worse} (95 % interval {low:.1f} to {high:.1f})"


def mcnemar_summary(paired: McNemarResult) -> str:
    """McNemar's test in one sentence."""
    value = "p\N{NO-BREAK SPACE}<\N{NO-BREAK SPACE}0.001"
    if paired.p_value >= 0.001:
        value = f"p\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{paired.p_value:.3f}"
    return (
        f"McNemar's exact test on the {paired.only_first + paired.only_second:,} of {paired.n:,} images "
        f"that exactly one of the two got right: {value}."
    )


def _plot_disagreement(axes: Axes, names: NamePair, paired: McNemarResult) -> None:
    counts = (paired.only_first, paired.only_second)
    axes.barh((0, 1), counts, height=0.5, color=(PRIMARY, SECONDARY))
    for row, count in enumerate(counts):
        axes.annotate(f"{count:,}", (count, row), (5, 0), textcoords="offset points", va="center", color=MUTED)
    axes.margins(x=0.12)
    class_axis(axes, [f"only {name}" for name in names])
    axes.set_xlabel("images that only one got right")
    axes.grid(visible=True, axis="x")
