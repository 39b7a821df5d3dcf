"""Figures of one classifier: confusion matrix, metrics per class, errors and calibration."""

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
    percent_axis,
    shorten,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from clothier.data.dataset import LabeledImages
    from clothier.evaluation.misclassified import Misclassification
    from clothier.metrics import Reliability
    from clothier.types import Evaluation, Int64Array

MAX_CELL_OPACITY = 0.5
"""Opacity of the strongest cell of a confusion matrix: text on it has a contrast of 4.5:1 in light and dark mode."""

MAX_CLASSES_WITH_COUNTS = 14
"""With more classes, the cells of a confusion matrix are too small for their counts."""


@rc_context(STYLE)
def confusion_matrix(evaluation: Evaluation) -> CaptionedFigure:
    """Counts of true by predicted class: correct in blue, errors in orange, stronger where there are more."""
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
    axes.set(xlabel="predicted", ylabel="true", aspect="equal")
    title = _confusion_summary(counts, names)
    sums = counts.sum(axis=1)
    rows = f"Each row holds {sums[0]:,} images. " if sums.min() == sums.max() else ""
    note = f"{rows}Blue: correct. Orange: errors, strongest for the most frequent one."
    return CaptionedFigure(figure, title, f"Confusion matrix, one row per true class. {title}.", note)


@rc_context(STYLE)
def class_metrics(evaluation: Evaluation) -> CaptionedFigure:
    """Precision, recall and F1 of every class, one row each."""
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
    title = f"{names[hardest]} has the lowest F1 ({f1[hardest]:.2f}), {names[easiest]} the highest ({f1[easiest]:.2f})"
    return CaptionedFigure(
        figure, title, f"Precision, recall and F1 of each class. {title}. All values are in the table."
    )


def misclassification_gallery(
    labeled: LabeledImages, misclassifications: Sequence[Misclassification], classes: Sequence[str]
) -> CaptionedFigure:
    """The images of ``misclassifications``, at least one, with true class, prediction and probability."""
    tiles = [
        Tile(
            labeled.images[error.index],
            f"{shorten(classes[error.true], 12)}\n→ {shorten(classes[error.predicted], 12)}\n"
            f"{format_percent(error.probability)}",
        )
        for error in misclassifications
    ]
    lowest = format_percent(misclassifications[-1].probability)
    title = f"The {len(tiles)} most confident errors have a probability of {lowest} or more"
    alt = "; ".join(f"{classes[error.true]} predicted as {classes[error.predicted]}" for error in misclassifications)
    note = "Below each: its label, which may be wrong itself, then the prediction and its probability."
    return CaptionedFigure(gallery(tiles, 5), title, f"Images with confident wrong predictions: {alt}.", note)


@rc_context(STYLE)
def reliability_diagram(diagram: Reliability) -> CaptionedFigure:
    """Accuracy by confidence, above the number of images in each bin."""
    figure = new_figure(4.4)
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    filled = diagram.counts > 0
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1.2, dashes=(4, 3))
    low, high = wilson_interval(diagram.accuracy[filled], diagram.counts[filled])
    axes.vlines(diagram.confidence[filled], low, high, color=PRIMARY, linewidth=2)
    axes.plot(diagram.confidence[filled], diagram.accuracy[filled], "o", color=PRIMARY, markersize=6, clip_on=False)
    axes.set(ylabel="accuracy", xlim=(0, 1), ylim=(0, 1))
    axes.grid(visible=True)
    below.bar(diagram.edges[:-1], diagram.counts, np.diff(diagram.edges) * 0.86, align="edge", color=PRIMARY)
    below.set(xlabel="confidence: probability of the predicted class", ylabel="images")
    below.yaxis.set_major_locator(MaxNLocator(2, prune="lower"))
    for axis in (axes.xaxis, axes.yaxis):
        percent_axis(axis, 0)
    below.yaxis.set_major_formatter(lambda count, _: f"{count:,.0f}")
    title = _calibration_summary(diagram)
    note = "On the dashed line, predictions with 80 % confidence are correct in 80 % of cases. Bars: 95 % intervals."
    return CaptionedFigure(figure, title, f"Accuracy over confidence in {len(diagram.counts)} bins. {title}.", note)


def _plot_cells(axes: Axes, counts: Int64Array) -> None:
    """One square per cell, with its count where it is not zero and there is room."""
    fractions = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    worst = max(float((fractions * (1 - np.eye(len(fractions)))).max()), 1e-9)
    for (row, column), fraction in np.ndenumerate(fractions):
        correct = row == column
        opacity = max(MAX_CELL_OPACITY * (fraction**2 if correct else fraction / worst), 0.035)
        color = PRIMARY if correct else SECONDARY
        corner = (column - 0.47, row - 0.47)
        axes.add_patch(Rectangle(corner, 0.94, 0.94, facecolor=color, alpha=opacity, linewidth=0))
        if counts[row, column] and len(counts) <= MAX_CLASSES_WITH_COUNTS:
            axes.text(column, row, str(counts[row, column]), ha="center", va="center", fontsize=9, color=TEXT)


def _confusion_summary(counts: Int64Array, names: Sequence[str]) -> str:
    wrong = counts * (1 - np.eye(len(counts), dtype=np.int64))
    row, column = divmod(int(wrong.argmax()), len(names))
    if not wrong[row, column]:
        return "No errors"
    errors = f"{wrong[row, column]:,} of {counts[row].sum():,} images"
    return f"The most frequent error is {names[row]} predicted as {names[column]}: {errors}"


def _metric_axis(axes: Axes, names: Sequence[str], lowest: float) -> None:
    class_axis(axes, names)
    axes.set_xlim(max(0.0, np.floor((lowest - 0.01) * 10) / 10), 1.0)
    axes.legend(ncols=3, loc="lower left", bbox_to_anchor=(-0.02, 1.0), handletextpad=0.2, borderpad=0, numpoints=1)


def _calibration_summary(diagram: Reliability) -> str:
    gap = float((diagram.confidence - diagram.accuracy) @ diagram.counts / diagram.counts.sum())
    error = f"calibration error {100 * diagram.ece:.1f} percentage points"
    if abs(gap) < 0.005:
        return f"Mean confidence and accuracy agree ({error})"
    return f"The model is {abs(100 * gap):.1f} percentage points {'over' if gap > 0 else 'under'}confident ({error})"
