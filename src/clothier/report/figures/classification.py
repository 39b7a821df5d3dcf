"""Figures of one classifier: confusion matrix, metrics per class, errors, calibration, risk by coverage."""

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
    FIGURE_WIDTH,
    MUTED,
    PRIMARY,
    SECONDARY,
    STYLE,
    TEXT,
    class_axis,
    legend_above,
    new_figure,
    new_plot,
    pair_plot,
    percent_axis,
    shorten,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from clothier.data.dataset import LabeledImages
    from clothier.evaluation.misclassified import Misclassification
    from clothier.metrics import Reliability
    from clothier.selective.decisions import RiskCoverage
    from clothier.selective.thresholds import RiskGuarantee
    from clothier.types import Evaluation, Int64Array

MAX_CELL_OPACITY = 0.5
"""Opacity of the strongest cell of a confusion matrix: text on it has a contrast of 4.5:1 in light and dark mode."""

MAX_CLASSES_WITH_COUNTS = 14
"""With more classes, the cells of a confusion matrix are too small for their counts."""

ERROR_COLUMNS = 4  # of misclassified images; in narrower ones, "not T-shirt/top" would touch the next

MIN_TAGS_SHOWN = 20  # the error rate of fewer tags is too noisy


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
    axes.tick_params(labelcolor=TEXT, labelsize=min(10, 190 / len(names)))
    axes.spines["bottom"].set_visible(False)
    axes.set(xlabel="predicted", ylabel="true", aspect="equal")
    sums = counts.sum(axis=1)
    rows = f"Each row holds {sums[0]:,} images. " if sums.min() == sums.max() else ""
    note = f"{rows}Blue: correct. Orange: errors, strongest for the most frequent one."
    return CaptionedFigure(figure, _confusion_summary(counts, names), "Confusion matrix, one row per true class", note)


@rc_context(STYLE)
def class_metrics(evaluation: Evaluation) -> CaptionedFigure:
    """Precision, recall and F1 of every class that occurs, one row each."""
    scores = [score for score in evaluation.per_class if score.n]
    names = [score.name for score in scores]
    precision, recall, f1 = np.array([(score.precision, score.recall, score.f1) for score in scores]).T
    figure, axes = pair_plot(names, precision, recall, ("precision", "recall"))
    axes.plot(f1, range(len(names)), "|", color=TEXT, markersize=13, markeredgewidth=2, label="F1")
    legend_above(axes, 3)
    hardest, easiest = int(f1.argmin()), int(f1.argmax())
    title = f"{names[hardest]} has the lowest F1 ({f1[hardest]:.2f}), {names[easiest]} the highest ({f1[easiest]:.2f})"
    content = "Precision, recall and F1 of each class; all values are in the table"
    return CaptionedFigure(figure, title, content, absent_note(len(evaluation.per_class) - len(scores)))


def misclassification_gallery(
    labeled: LabeledImages, misclassifications: Sequence[Misclassification], classes: Sequence[str]
) -> CaptionedFigure:
    """The images of ``misclassifications``, at least one, with true class, prediction and probability."""
    lowest = format_percent(misclassifications[-1].probability)
    pairs = "; ".join(f"{classes[error.true]} predicted as {classes[error.predicted]}" for error in misclassifications)
    return CaptionedFigure(
        error_gallery(labeled, misclassifications, classes, "→"),
        f"The {len(misclassifications)} most confident errors have a probability of {lowest} or more",
        f"Images with confident wrong predictions: {pairs}",
        "Below each: its label, which may be wrong itself, then the prediction and its probability.",
    )


def error_gallery(
    labeled: LabeledImages, errors: Sequence[Misclassification], classes: Sequence[str], mark: str
) -> Figure:
    """The images of ``errors``, each over its class, ``mark`` with the prediction, and the probability."""
    tiles = [
        Tile(
            labeled.images[error.index],
            f"{shorten(classes[error.true], 12)}\n{mark} {shorten(classes[error.predicted], 12)}\n"
            f"{format_percent(error.probability)}",
        )
        for error in errors
    ]
    return gallery(tiles, ERROR_COLUMNS)


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
    note = "On the dashed line, predictions with 80 % confidence are correct in 80 % of cases. Bars: 95 % intervals."
    content = f"Accuracy over confidence in {len(diagram.counts)} bins"
    return CaptionedFigure(figure, _calibration_summary(diagram), content, note)


@rc_context(STYLE)
def risk_coverage_plot(curve: RiskCoverage, n_photos: int, guarantee: RiskGuarantee | None = None) -> CaptionedFigure:
    """Error rate of the accepted tags by coverage, with the operating point of the guarantee.

    Args:
        curve: of the predictions for the photos.
        n_photos: number of photos.
        guarantee: of the model's thresholds, if any.
    """
    figure, axes = new_plot(3.2, grid="both")
    shown = curve.coverage * n_photos >= min(MIN_TAGS_SHOWN, n_photos)
    axes.plot(curve.coverage[shown], curve.risk[shown], color=PRIMARY)
    highest = float(curve.risk[shown].max())
    if guarantee:
        highest = max(highest, guarantee.risk)
        axes.axhline(guarantee.risk, color=MUTED, linewidth=1.2, dashes=(4, 3))
        label = f"guarantee: {format_percent(guarantee.risk, 0)}"
        axes.text(0.01, guarantee.risk, label, va="bottom", fontsize=10, color=MUTED)
        _mark_operating_point(axes, guarantee)
        highest = max(highest, _plot_provable(axes, guarantee))
    axes.set(xlabel="coverage: fraction of photos accepted", ylabel="error rate of accepted tags")
    axes.set(xlim=(0, 1), ylim=(0, max(1.15 * highest, 0.01)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        percent_axis(axis)
    note = f"{n_photos:,} photos, most confident first."
    if guarantee and guarantee.provable:
        confidence = format_percent(guarantee.confidence_level, 0)
        note += f" Squares: risks that are proven, all at once with {confidence} confidence."
    return CaptionedFigure(figure, _risk_summary(curve, guarantee), "Risk-coverage curve", note)


def absent_note(n_classes: int) -> str:
    """Says that classes without an image are left out, if there are any."""
    return f"Classes without an image, which are left out: {n_classes}." if n_classes else ""


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
            axes.text(column, row, str(counts[row, column]), ha="center", va="center", fontsize=10, color=TEXT)


def _confusion_summary(counts: Int64Array, names: Sequence[str]) -> str:
    wrong = counts * (1 - np.eye(len(counts), dtype=np.int64))
    row, column = divmod(int(wrong.argmax()), len(names))
    if not wrong[row, column]:
        return "No errors"
    errors = f"{wrong[row, column]:,} of {counts[row].sum():,} images"
    return f"The most frequent error is {names[row]} predicted as {names[column]}: {errors}"


def _calibration_summary(diagram: Reliability) -> str:
    gap = float((diagram.confidence - diagram.accuracy) @ diagram.counts / diagram.counts.sum())
    error = f"calibration error {100 * diagram.ece:.1f} percentage points"
    if abs(gap) < 0.005:
        return f"Mean confidence and accuracy agree ({error})"
    return f"The model is {abs(100 * gap):.1f} percentage points {'over' if gap > 0 else 'under'}confident ({error})"


def _mark_operating_point(axes: Axes, guarantee: RiskGuarantee) -> None:
    """Marks coverage and empirical risk at the threshold."""
    if guarantee.empirical_risk is None:
        return
    axes.plot(guarantee.coverage, guarantee.empirical_risk, "o", color=SECONDARY, markersize=6)
    axes.annotate(
        f"{format_percent(guarantee.coverage, 0)} accepted",
        (guarantee.coverage, guarantee.empirical_risk),
        xytext=(7, -13),
        textcoords="offset points",
        fontsize=10,
        color=TEXT,
    )


def _plot_provable(axes: Axes, guarantee: RiskGuarantee) -> float:
    """Plots the risks that are proven over their coverage; returns the highest shown, 0 if there is none."""
    proven = [one for one in guarantee.provable if one.min_probability is not None]
    coverages, risks = [one.coverage for one in proven], [one.risk for one in proven]
    n_shown = next((n for n, one in enumerate(coverages, 1) if one >= 1), len(proven))  # no more at full coverage
    if not proven:
        return 0.0
    axes.plot(coverages[:n_shown], risks[:n_shown], "s", color=MUTED, markersize=4)
    return max(risks[:n_shown])


def _risk_summary(curve: RiskCoverage, guarantee: RiskGuarantee | None) -> str:
    if guarantee is None:
        half = float(curve.risk[np.searchsorted(curve.coverage, 0.5)])
        every = format_percent(float(curve.risk[-1]))
        return f"The error rate is {every} on all photos and {format_percent(half)} on the more confident half"
    if guarantee.empirical_risk is None:
        nothing = f"No threshold meets the guarantee of {format_percent(guarantee.risk, 0)}, so nothing is accepted"
        if not (found := guarantee.strictest):
            return nothing
        provable = f"{format_percent(found.risk)} can be proven with {format_percent(found.coverage, 0)} accepted"
        return f"{nothing}; {provable}"
    accepted = f"{format_percent(guarantee.coverage, 0)} of the photos are accepted"
    return f"{accepted}, and {format_percent(guarantee.empirical_risk)} of those tags are wrong"
