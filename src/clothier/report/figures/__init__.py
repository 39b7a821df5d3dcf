"""All figures of a report, public as ``clothier.figures``; the keys of a set are also file names.

N images of H x W pixels, K classes, k components.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clothier import metrics
from clothier.evaluation.misclassified import most_confident_errors, only_first_correct
from clothier.report.figures.audit import near_duplicates
from clothier.report.figures.class_overview import class_counts, mean_images, sample_grid, std_images
from clothier.report.figures.classification import (
    class_metrics,
    confusion_matrix,
    misclassification_gallery,
    reliability_diagram,
)
from clothier.report.figures.comparison import accuracies, f1_by_class, only_one_correct
from clothier.report.figures.components import (
    VARIANCE_TARGETS,
    component_images,
    reconstruction_error,
    reconstructions,
    scree_plot,
    variance_curve,
)
from clothier.report.figures.correlation import correlation_heatmaps
from clothier.report.figures.embedding_map import map_scatter
from clothier.report.figures.pixels import class_gray_levels, gray_level_histogram, mean_and_std_image
from clothier.report.figures.scatter import component_scatter, component_scatter_3d
from clothier.report.figures.training_curves import accuracy_curves, loss_curves

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clothier.data.dataset import Dataset, LabeledImages
    from clothier.exploration.pca import PCA
    from clothier.exploration.pixels import PixelStatistics
    from clothier.metrics import Reliability
    from clothier.report.captioned_figure import CaptionedFigure
    from clothier.types import EpochRecord, Evaluation, Float64Array, Floats, Labels

__all__ = [
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
    "count_figures",
    "evaluation_figures",
    "f1_by_class",
    "gray_level_histogram",
    "loss_curves",
    "map_scatter",
    "mean_and_std_image",
    "mean_images",
    "misclassification_gallery",
    "model_figures",
    "near_duplicates",
    "only_one_correct",
    "pca_figures",
    "pixel_figures",
    "reconstruction_error",
    "reconstruction_ranks",
    "reconstructions",
    "reliability_diagram",
    "sample_grid",
    "scree_plot",
    "std_images",
    "variance_curve",
]

MAX_ERRORS = 15
COARSE_RANKS = (5, 20)
"""Numbers of components shown before those that explain 90 and 95 % of the variance."""


def count_figures(dataset: Dataset, splits: Mapping[str, Labels], seed: int = 0) -> dict[str, CaptionedFigure]:
    """Number of images per class, and a random sample of the training split.

    Args:
        dataset: the images.
        splits: name to (N,) labels.
        seed: draws the sample.
    """
    return {
        "class-counts": class_counts(splits, dataset.classes),
        "samples": sample_grid(dataset.train, dataset.classes, seed=seed),
    }


def pixel_figures(statistics: PixelStatistics, classes: Sequence[str]) -> dict[str, CaptionedFigure]:
    """Mean images, standard deviations and gray levels."""
    return {
        "mean-images": mean_images(statistics, classes),
        "std-images": std_images(statistics, classes),
        "gray-levels": gray_level_histogram(statistics),
        "class-gray-levels": class_gray_levels(statistics, classes),
        "mean-and-std": mean_and_std_image(statistics),
    }


def pca_figures(
    labeled: LabeledImages,
    classes: Sequence[str],
    pca: PCA,
    correlation: tuple[Float64Array, Float64Array],
    seed: int = 0,
) -> dict[str, CaptionedFigure]:
    """Every figure of a principal component analysis; no scatter of a component that does not exist.

    Args:
        labeled: the N images that the PCA was fitted to, and their labels.
        classes: the K names.
        pca: all components.
        correlation: Pearson's r of the pixels, (P, P), and of the components, (k, k).
        seed: draws the points of the scatter plots.
    """
    ranks = reconstruction_ranks(pca)
    height, width = labeled.images.shape[1:]
    features = pca.truncate(min(3, pca.rank)).transform(labeled.images)
    scatter = (features, labeled.labels, classes, pca)
    figures = {
        "pca-variance": variance_curve(pca),
        "pca-spectrum": scree_plot(pca),
        "pca-components": component_images(pca, (height, width)),
        "correlation": correlation_heatmaps(*correlation, (height, width)),
    }
    for component in range(2, features.shape[1] + 1):
        figures[f"pca-1-{component}"] = component_scatter(*scatter, component, seed)
    if features.shape[1] == 3:
        figures["pca-1-2-3"] = component_scatter_3d(*scatter, seed)
    figures["pca-reconstructions"] = reconstructions(labeled, classes, pca, ranks)
    figures["pca-error"] = reconstruction_error(pca, len(labeled), ranks)
    return figures


def reconstruction_ranks(pca: PCA) -> list[int]:
    """Numbers of components for reconstructions: a few, and those that explain 90 and 95 % of the variance."""
    needed = sorted({pca.n_components_for(target) for target in VARIANCE_TARGETS})
    return [rank for rank in COARSE_RANKS if rank < needed[0]] + needed


def evaluation_figures(
    evaluation: Evaluation, calibration: Reliability, history: Sequence[EpochRecord] = ()
) -> dict[str, CaptionedFigure]:
    """The figures of any trained model; without ``history`` there are no training curves."""
    curves = {"loss": loss_curves(history), "accuracy": accuracy_curves(history)} if history else {}
    return {
        **curves,
        "confusion": confusion_matrix(evaluation),
        "class-metrics": class_metrics(evaluation),
        "reliability": reliability_diagram(calibration),
    }


def model_figures(
    logits: Floats, labeled: LabeledImages, classes: Sequence[str], history: Sequence[EpochRecord] = ()
) -> dict[str, CaptionedFigure]:
    """Every figure of a model of small gray images.

    Args:
        logits: (N, K) for the images of ``labeled``.
        labeled: the N images and their labels, usually the test split.
        classes: the K names.
        history: one record an epoch; may be empty.
    """
    evaluation = metrics.evaluate_logits(logits, labeled.labels, classes)
    calibration = metrics.reliability(metrics.softmax(logits), labeled.labels)
    figures = evaluation_figures(evaluation, calibration, history)
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
    if paired.only_first:
        pairs = only_first_correct(first, second, labels, MAX_ERRORS)
        figures["correct-only-in-first"] = only_one_correct(labeled, pairs, classes, names, paired.only_first)
    if paired.only_second:
        pairs = only_first_correct(second, first, labels, MAX_ERRORS)
        figures["correct-only-in-second"] = only_one_correct(labeled, pairs, classes, names[::-1], paired.only_second)
    return figures
