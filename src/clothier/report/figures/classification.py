"""Figures of how good a classifier is.

Legend: N images, K classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib import rc_context
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from clothier.metrics import wilson_interval
from clothier.report.captioned_figure import CaptionedFigure
from clothier.report.figures.gallery import Tile, gallery
from clothier.report.formatting import format_percent
from clothier.report.style import (
    BORDER,
    FIGURE_WIDTH,
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

    import numpy.typing as npt
    from matplotlib.axes import Axes

    from clothier.data.dataset import LabeledImages
    from clothier.evaluation.misclassified import Misclassification
    from clothier.metrics import Reliability
    from clothier.types import Evaluation

MAX_CELL_OPACITY = 0.5
"""Opacity of the strongest cell of a confusion matrix: ink on it keeps 4.5:1, on paper and on a dark screen."""

MAX_CLASSES_WITH_COUNTS = 14
"""Classes up to which the cells of a confusion matrix have room for their counts."""


@rc_context(STYLE)
def confusion_matrix(evaluation: Evaluation) -> CaptionedFigure:
    """Counts of true against answered: right answers in blue, mistakes in clay, stronger where there are more."""
    counts = np.array(evaluation.confusion)
    names = [score.name for score in evaluation.per_class]
    figure = new_figure(FIGURE_WIDTH)
    axes = figure.add_subplot()
    _plot_cells(axes, counts)
    axes.set_xticks(range(len(names)), [shorten(name) for name in names], rotation=45, ha="right")
    axes.set_xlim(-0.5, len(names) - 0.5)
    class_axis(axes, names)
    axes.tick_params(labelcolor=TEXT, labelsize=min(9.5, 190 / len(names)))
    axes.spines["bottom"].set_visible(False)
    axes.set(xlabel="answered", ylabel="true", aspect="equal")
    title = _confusion_summary(counts, names)
    return CaptionedFigure(figure, title, f"Confusion matrix, a row a true class. {title}.", _confusion_note(counts))


@rc_context(STYLE)
def class_metrics(evaluation: Evaluation) -> CaptionedFigure:
    """Precision, recall and F1 of every class, on one line each."""
    names = [score.name for score in evaluation.per_class]
    figure, axes = new_plot(0.95 + 0.3 * len(names), grid="x")
    rows = np.arange(len(names))
    precision, recall, f1 = np.array([(s.precision, s.recall, s.f1) for s in evaluation.per_class]).T
    axes.hlines(rows, np.minimum(precision, recall), np.maximum(precision, recall), color=BORDER, linewidth=5)
    axes.plot(precision, rows, "o", color=PRIMARY, markersize=6, label="precision")
    axes.plot(recall, rows, "D", color=SECONDARY, markersize=5.2, label="recall")
    axes.plot(f1, rows, "|", color=TEXT, markersize=13, markeredgewidth=2, label="F1")
    _metric_axis(axes, names, min(precision.min(), recall.min()))
    hardest, easiest = int(f1.argmin()), int(f1.argmax())
    title = f"{names[hardest]} is hardest (F1 {f1[hardest]:.2f}), {names[easiest]} easiest ({f1[easiest]:.2f})"
    return CaptionedFigure(
        figure, title, f"Precision, recall and F1 of each class. {title}. All values are in the table."
    )


def misclassification_gallery(
    labeled: LabeledImages, misclassifications: Sequence[Misclassification], classes: Sequence[str]
) -> CaptionedFigure:
    """The pictures of ``misclassifications`` with their true class, and what was said instead."""
    tiles = [
        Tile(
            labeled.images[said.index],
            f"{shorten(classes[said.true], 12)}\n→ {shorten(classes[said.predicted], 12)}\n"
            f"{format_percent(said.probability)}",
        )
        for said in misclassifications
    ]
    title = f"The {len(tiles)} surest mistakes were made with {format_percent(misclassifications[-1].probability)} confidence or more"
    alt = "; ".join(f"{classes[said.true]} taken for {classes[said.predicted]}" for said in misclassifications)
    note = "Below each: its label, which may be wrong itself, then the answer and its probability."
    return CaptionedFigure(gallery(tiles, 5), title, f"Pictures that the model was sure of, and wrong: {alt}.", note)


@rc_context(STYLE)
def reliability_diagram(diagram: Reliability) -> CaptionedFigure:
    """How often answers of each confidence are right, over how many there are."""
    figure = new_figure(4.4)
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    filled = diagram.counts > 0
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1.2, dashes=(4, 3))
    low, high = wilson_interval(diagram.accuracy[filled], diagram.counts[filled])
    axes.vlines(diagram.confidence[filled], low, high, color=PRIMARY, linewidth=2)
    axes.plot(diagram.confidence[filled], diagram.accuracy[filled], "o", color=PRIMARY, markersize=6, clip_on=False)
    axes.set(ylabel="share that is right", xlim=(0, 1), ylim=(0, 1))
    axes.grid(visible=True)
    below.bar(diagram.edges[:-1], diagram.counts, np.diff(diagram.edges) * 0.86, align="edge", color=PRIMARY)
    below.set(xlabel="confidence: probability of the answer", ylabel="images")
    below.yaxis.set_major_locator(MaxNLocator(2, prune="lower"))
    for share_axis in (axes.xaxis, axes.yaxis):
        share_axis.set_major_formatter(lambda share, _: format_percent(share, 0))
    below.yaxis.set_major_formatter(lambda count, _: f"{count:,.0f}")
    title = _calibration_summary(diagram)
    note = "On the dashed line, answers given with 80 % confidence are right four times in five. Bars: 95 % intervals."
    return CaptionedFigure(figure, title, f"Accuracy over confidence in {len(diagram.counts)} bins. {title}.", note)


def _plot_cells(axes: Axes, counts: npt.NDArray[np.int64]) -> None:
    """One square a cell, and its count where there is room and anything to count."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    worst = max(float((shares * (1 - np.eye(len(shares)))).max()), 1e-9)
    for (row, column), share in np.ndenumerate(shares):
        right = row == column
        strength = MAX_CELL_OPACITY * (share**2 if right else share / worst)
        square = (column - 0.47, row - 0.47)
        colour = PRIMARY if right else SECONDARY
        axes.add_patch(Rectangle(square, 0.94, 0.94, facecolor=colour, alpha=max(strength, 0.035), linewidth=0))
        if counts[row, column] and len(counts) <= MAX_CLASSES_WITH_COUNTS:
            axes.text(column, row, str(counts[row, column]), ha="center", va="center", fontsize=9, color=TEXT)


def _confusion_note(counts: npt.NDArray[np.int64]) -> str:
    sums = counts.sum(axis=1)
    each = f"Each row holds {sums[0]:,} images. " if sums.min() == sums.max() else ""
    return f"{each}Blue: right answers. Clay: mistakes, strongest for the most frequent one."


def _confusion_summary(counts: npt.NDArray[np.int64], names: Sequence[str]) -> str:
    wrong = counts * (1 - np.eye(len(counts), dtype=np.int64))
    row, column = divmod(int(wrong.argmax()), len(names))
    if not wrong[row, column]:
        return "Not one answer is wrong"
    times = f"{wrong[row, column]:,} of {counts[row].sum():,} times"
    return f"{names[row]} is taken for {names[column]} most often, {times}"


def _metric_axis(axes: Axes, names: Sequence[str], lowest: float) -> None:
    class_axis(axes, names)
    axes.set_xlim(max(0.0, np.floor((lowest - 0.01) * 10) / 10), 1.0)
    axes.legend(ncols=3, loc="lower left", bbox_to_anchor=(-0.02, 1.0), handletextpad=0.2, borderpad=0, numpoints=1)


def _calibration_summary(diagram: Reliability) -> str:
    gap = float((diagram.confidence - diagram.accuracy) @ diagram.counts / diagram.counts.sum())
    error = f"calibration error {100 * diagram.ece:.1f} points"
    if abs(gap) < 0.005:
        return f"Confidence and accuracy agree on the whole ({error})"
    return f"The model is {abs(100 * gap):.1f} points {'over' if gap > 0 else 'under'}confident ({error})"
