"""Figures that compare two classifiers on the same images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib import rc_context
from matplotlib.ticker import MaxNLocator

from clothier.metrics import accuracy_interval
from clothier.report.captioned_figure import CaptionedFigure
from clothier.report.figures.classification import absent_note, error_gallery
from clothier.report.formatting import format_percent
from clothier.report.style import (
    MUTED,
    PRIMARY,
    SECONDARY,
    STYLE,
    TEXT,
    class_axis,
    legend_above,
    new_figure,
    pair_plot,
    percent_axis,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from clothier.data.dataset import LabeledImages
    from clothier.evaluation.misclassified import Misclassification
    from clothier.types import Evaluation, McNemarResult

NamePair = tuple[str, str]
SIGNIFICANCE = 0.05  # of McNemar's exact test; its interval then excludes 0


@rc_context(STYLE)
def accuracies(names: NamePair, evaluations: tuple[Evaluation, Evaluation], paired: McNemarResult) -> CaptionedFigure:
    """Both accuracies with 95 % intervals, and the number of images that only one model classifies correctly."""
    figure = new_figure(3.3)
    above, below = figure.subplots(2, 1, height_ratios=(3, 2))
    for row, (one, color) in enumerate(zip(evaluations, (PRIMARY, SECONDARY), strict=True)):
        low, high = accuracy_interval(one.accuracy, one.standard_error, one.n)
        margins = [[one.accuracy - low], [high - one.accuracy]]
        above.errorbar(one.accuracy, row, xerr=margins, fmt="o", color=color, markersize=8, capsize=5, linewidth=2.2)
        text = f"{format_percent(one.accuracy, 2)} ({100 * low:.1f} to {100 * high:.1f})"
        above.annotate(text, (one.accuracy, row), (0, 11), textcoords="offset points", ha="center", color=TEXT)
    class_axis(above, names)
    above.set_ylim(1.5, -0.75)
    above.margins(x=0.35)
    above.grid(visible=True, axis="x")
    above.set_xlabel("accuracy with 95 % interval")
    above.xaxis.set_major_locator(MaxNLocator(4))
    percent_axis(above.xaxis, 1)
    _plot_disagreement(below, names, paired)
    content = f"Only {names[0]} correct: {paired.only_first:,}; only {names[1]} correct: {paired.only_second:,}"
    return CaptionedFigure(figure, comparison_summary(names, paired), content, mcnemar_summary(paired))


@rc_context(STYLE)
def f1_by_class(names: NamePair, evaluations: tuple[Evaluation, Evaluation]) -> CaptionedFigure:
    """F1 of both models for every class that occurs, one row each."""
    classes = [score.name for score in evaluations[0].per_class if score.n]
    first, second = (np.array([score.f1 for score in one.per_class if score.n]) for one in evaluations)
    figure, axes = pair_plot(classes, first, second, names)
    axes.set_xlabel("F1")
    legend_above(axes)
    gain = second - first
    most = int(np.abs(gain).argmax())
    title = (
        f"The largest difference in F1 is on {classes[most]}: {names[int(gain[most] > 0)]} is better by "
        f"{abs(gain[most]):.2f}"
    )
    note = absent_note(len(evaluations[0].per_class) - len(classes))
    return CaptionedFigure(figure, title, f"F1 of {names[0]} and {names[1]} for each class", note)


def only_one_correct(
    labeled: LabeledImages,
    predictions: Sequence[tuple[Misclassification, Misclassification]],
    classes: Sequence[str],
    names: NamePair,
    total: int,
) -> CaptionedFigure:
    """Images that the first of ``names`` classifies correctly and the second does not, with the wrong prediction.

    Args:
        labeled: the images.
        predictions: of both models, one pair per image, at least one.
        classes: the K names.
        names: of the correct model and of the wrong one.
        total: number of such images.
    """
    correct, wrong = names
    errors = [error for _, error in predictions]
    pairs = "; ".join(f"{classes[error.true]}, not {classes[error.predicted]}" for error in errors)
    return CaptionedFigure(
        error_gallery(labeled, errors, classes, "not"),
        f"{total:,} images are correct only in {correct}, not in {wrong}",
        f"Images that {correct} classifies correctly and {wrong} does not: {pairs}",
        f"The {len(errors)} most confident errors of {wrong}. Below each: its class, as {correct} predicts, then the "
        f"prediction of {wrong} and its probability.",
    )


def comparison_summary(names: NamePair, paired: McNemarResult) -> str:
    """The difference in one line: which model is better and by how much, or that the difference is not significant."""
    better, worse = names if paired.difference >= 0 else names[::-1]
    low, high = sorted(abs(100 * bound) for bound in paired.interval)
    if paired.p_value >= SIGNIFICANCE:
        interval = " to ".join(f"{100 * bound:+.1f}" for bound in paired.interval)
        return f"{names[0]} and {names[1]} do not differ significantly ({interval} percentage points)"
    points = f"{abs(100 * paired.difference):.1f} percentage points"
    return f"{better} is {points} more accurate than {worse} (95 % interval {low:.1f} to {high:.1f})"


def mcnemar_summary(paired: McNemarResult) -> str:
    """McNemar's test in one sentence."""
    value = "p\N{NO-BREAK SPACE}<\N{NO-BREAK SPACE}0.001"
    if paired.p_value >= 0.001:
        value = f"p\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{paired.p_value:.3f}"
    return (
        f"McNemar's exact test on the {paired.only_first + paired.only_second:,} of {paired.n:,} images "
        f"that exactly one of the two classifies correctly: {value}."
    )


def _plot_disagreement(axes: Axes, names: NamePair, paired: McNemarResult) -> None:
    counts = (paired.only_first, paired.only_second)
    axes.barh((0, 1), counts, height=0.5, color=(PRIMARY, SECONDARY))
    for row, count in enumerate(counts):
        axes.annotate(f"{count:,}", (count, row), (5, 0), textcoords="offset points", va="center", color=MUTED)
    axes.margins(x=0.12)
    class_axis(axes, [f"only {name}" for name in names])
    axes.set_xlabel("images correct in only one model")
    axes.grid(visible=True, axis="x")
