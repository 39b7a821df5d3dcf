"""All figures of a report, public as ``clothier.figures``; the keys of a set are also file names.

N images of H x W pixels, K classes, k components.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clothier import metrics
from clothier.evaluation.misclassified import most_confident_errors, only_first_correct
from clothier.report.figures.audit import near_duplicates
from clothier.report.figures.classification import (
    class_metrics,
    confusion_matrix,
    misclassification_gallery,
    reliability_diagram,
    risk_coverage_plot,
)
from clothier.report.figures.comparison import accuracies, f1_by_class, only_one_correct
from clothier.report.figures.dataset import (
    class_counts,
    class_gray_levels,
    gray_level_histogram,
    mean_and_std_image,
    mean_images,
    sample_grid,
    std_images,
)
from clothier.report.figures.pca import (
    VARIANCE_TARGETS,
    component_images,
    correlation_heatmaps,
    reconstruction_error,
    reconstruction_ranks,
    reconstructions,
    scree_plot,
    variance_curve,
)
from clothier.report.figures.scatter import component_scatter, component_scatter_3d, map_quality_bars, map_scatter
from clothier.report.figures.training_curves import accuracy_curves, loss_curves

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clothier.data.dataset import LabeledImages
    from clothier.metrics import Reliability
    from clothier.recipes.schema import HardExampleMining
    from clothier.report.captioned_figure import CaptionedFigure
    from clothier.types import EpochRecord, Evaluation, Floats

__all__ = [
    "VARIANCE_TARGETS",
    "accuracies",
    "accuracy_curves",
    "class_counts",
    "class_gray_levels",
    "class_metrics",
    "comparison_figures",
    "component_images",
    "component_scatter",
    "component_scatter_3d",
    "confusion_matrix",
    "correlation_heatmaps",
    "evaluation_figures",
    "f1_by_class",
    "gray_level_histogram",
    "loss_curves",
    "map_quality_bars",
    "map_scatter",
    "mean_and_std_image",
    "mean_images",
    "misclassification_gallery",
    "model_figures",
    "near_duplicates",
    "only_one_correct",
    "reconstruction_error",
    "reconstruction_ranks",
    "reconstructions",
    "reliability_diagram",
    "risk_coverage_plot",
    "sample_grid",
    "scree_plot",
    "std_images",
    "variance_curve",
]

MAX_ERRORS = 16


def evaluation_figures(
    evaluation: Evaluation,
    calibration: Reliability,
    history: Sequence[EpochRecord] = (),
    mining: HardExampleMining | None = None,
) -> dict[str, CaptionedFigure]:
    """The figures of any trained model; without ``history`` there are no training curves."""
    curves = {"loss": loss_curves(history), "accuracy": accuracy_curves(history, mining)} if history else {}
    return {
        **curves,
        "confusion": confusion_matrix(evaluation),
        "class-metrics": class_metrics(evaluation),
        "reliability": reliability_diagram(calibration),
    }


def model_figures(
    logits: Floats,
    labeled: LabeledImages,
    classes: Sequence[str],
    history: Sequence[EpochRecord] = (),
    mining: HardExampleMining | None = None,
) -> dict[str, CaptionedFigure]:
    """Every figure of a model of small gray images.

    Args:
        logits: (N, K) for the images of ``labeled``.
        labeled: the N images and their labels, usually the test split.
        classes: the K names.
        history: one record an epoch; may be empty.
        mining: of the recipe, if it is known; it explains a drop of the training accuracy.
    """
    evaluation = metrics.evaluate_logits(logits, labeled.labels, classes)
    calibration = metrics.reliability(metrics.softmax(logits), labeled.labels)
    figures = evaluation_figures(evaluation, calibration, history, mining)
    if errors := most_confident_errors(logits, labeled.labels, MAX_ERRORS):
        figures["misclassified"] = misclassification_gallery(labeled, errors, classes)
    return figures


def comparison_figures(
    names: tuple[str, str], logits: tuple[Floats, Floats], labeled: LabeledImages, classes: Sequence[str]
) -> dict[str, CaptionedFigure]:
    """Every figure that compares two models.

    Args:
        names: as the figures show them, such as ``("DNN", "CNN")``.
        logits: (N, K) of each, for the images of ``labeled``.
        labeled: the N images and their labels.
        classes: the K names.
    """
    labels, (first, second) = labeled.labels, logits
    evaluations = (metrics.evaluate_logits(first, labels, classes), metrics.evaluate_logits(second, labels, classes))
    paired = metrics.mcnemar(first.argmax(axis=1) == labels, second.argmax(axis=1) == labels)
    figures = {"accuracies": accuracies(names, evaluations, paired), "f1": f1_by_class(names, evaluations)}
    for which, ordered, one, other, count in (
        ("first", names, first, second, paired.only_first),
        ("second", names[::-1], second, first, paired.only_second),
    ):
        if count:
            pairs = only_first_correct(one, other, labels, MAX_ERRORS)
            figures[f"correct-only-in-{which}"] = only_one_correct(labeled, pairs, classes, ordered, count)
    return figures
