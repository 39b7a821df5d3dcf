"""Data in, drawings out: every figure of a report by its name, which is also its file's.

Legend: N images, H, W, K classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clothier import metrics
from clothier.evaluation.misclassified import most_confident_errors, only_first_correct
from clothier.report.figures import (
    class_overview,
    classification,
    comparison,
    components,
    pixels,
    spectrum,
    training_curves,
)
from clothier.report.figures.correlation import correlation_heatmaps
from clothier.report.figures.scatter3d import component_scatter_3d

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    from clothier.data.dataset import Dataset, LabeledImages
    from clothier.exploration.pca import PCA
    from clothier.exploration.pixels import PixelStatistics
    from clothier.report.captioned_figure import CaptionedFigure
    from clothier.types import EpochRecord, Floats, Labels

    FloatArray = npt.NDArray[np.float64]

MAX_MISTAKES = 15
COARSE_RANKS = (5, 20)
"""Components that keep the outline only, shown before those that keep 90 and 95 % of the variance."""


def count_figures(dataset: Dataset, splits: Mapping[str, Labels], seed: int = 0) -> dict[str, CaptionedFigure]:
    """How many of what, and what they look like.

    Args:
        dataset: what to look at; pictures are of its training part.
        splits: name to (N,) labels.
        seed: draws the sample.
    """
    return {
        "class-counts": class_overview.class_counts(splits, dataset.classes),
        "samples": class_overview.sample_grid(dataset.train, dataset.classes, seed=seed),
    }


def pixel_figures(statistics: PixelStatistics, classes: Sequence[str]) -> dict[str, CaptionedFigure]:
    """Average garments, and the grey levels that they are made of."""
    return {
        "mean-garments": class_overview.mean_images(statistics, classes),
        "deviations": class_overview.std_images(statistics, classes),
        "grey-levels": pixels.gray_level_histogram(statistics),
        "class-greys": pixels.class_gray_levels(statistics, classes),
        "ink": pixels.mean_and_std_image(statistics),
    }


def pca_figures(
    labeled: LabeledImages, classes: Sequence[str], pca: PCA, correlation: tuple[FloatArray, FloatArray], seed: int = 0
) -> dict[str, CaptionedFigure]:
    """Every figure of a principal component analysis; without a second or third component, no scatter of it.

    Args:
        labeled: the N pictures that it was fitted to, and their labels.
        classes: the K names.
        pca: all components of the pictures, ``fit_pca(labelled.images)``.
        correlation: Pearson's r of the pixels, (P, P), and of the components, (k, k).
        seed: draws the dots of the scatters.
    """
    ranks = reconstruction_ranks(pca)
    features = pca.truncate(min(3, pca.rank)).transform(labeled.images)
    seen = (features, labeled.labels, classes, pca)
    figures = {
        "pca-variance": components.variance_curve(pca),
        "pca-spectrum": spectrum.scree_plot(pca),
        "pca-components": components.component_images(pca, _image_shape(labeled)),
        "correlation": correlation_heatmaps(*correlation, _image_shape(labeled)),
    }
    for other in range(2, features.shape[1] + 1):
        figures[f"pca-1-{other}"] = components.component_scatter(*seen, other, seed)
    if features.shape[1] == 3:
        figures["pca-1-2-3"] = component_scatter_3d(*seen, seed)
    figures["pca-reconstructions"] = components.reconstructions(labeled, classes, pca, ranks)
    figures["pca-error"] = spectrum.reconstruction_error(pca, len(labeled), ranks)
    return figures


def reconstruction_ranks(pca: PCA) -> list[int]:
    """Numbers of components that garments are rebuilt from: few, and as many as keep 90 and 95 % of the variance."""
    needed = sorted({pca.n_components_for(share) for share in components.VARIANCE_TARGETS})
    return [rank for rank in COARSE_RANKS if rank < needed[0]] + needed


def model_figures(
    logits: Floats, labeled: LabeledImages, classes: Sequence[str], history: Sequence[EpochRecord] = ()
) -> dict[str, CaptionedFigure]:
    """Every figure of one model.

    Args:
        logits: (N, K), its answers to the pictures of ``labeled``.
        labeled: the N pictures and their labels, usually the test part.
        classes: the K names.
        history: how it was trained; without it there are no curves.
    """
    found = metrics.evaluate_logits(logits, labeled.labels, classes)
    figures = {}
    if history:
        figures["loss"] = training_curves.loss_curves(history)
        figures["accuracy"] = training_curves.accuracy_curves(history)
    figures["confusion"] = classification.confusion_matrix(found)
    figures["class-scores"] = classification.class_metrics(found)
    wrong = most_confident_errors(logits, labeled.labels, MAX_MISTAKES)
    if wrong:
        figures["mistakes"] = classification.misclassification_gallery(labeled, wrong, classes)
    calibration = metrics.reliability(metrics.softmax(logits), labeled.labels)
    figures["reliability"] = classification.reliability_diagram(calibration)
    return figures


def comparison_figures(
    names: tuple[str, str], logits: tuple[Floats, Floats], labeled: LabeledImages, classes: Sequence[str]
) -> dict[str, CaptionedFigure]:
    """Every figure that sets two models side by side.

    Args:
        names: what the figures call them, such as ``("DNN", "CNN")``.
        logits: (N, K) of each, for the pictures of ``labeled``.
        labeled: the N pictures and their labels.
        classes: the K names.
    """
    labels, (first, second) = labeled.labels, logits
    evaluations = (metrics.evaluate_logits(first, labels, classes), metrics.evaluate_logits(second, labels, classes))
    paired = metrics.mcnemar(first.argmax(axis=1) == labels, second.argmax(axis=1) == labels)
    figures = {
        "accuracies": comparison.accuracies(names, evaluations, paired),
        "f1": comparison.f1_by_class(names, evaluations),
    }
    if paired.only_first:
        pairs = only_first_correct(first, second, labels, MAX_MISTAKES)
        figures["only-first"] = comparison.only_one_correct(labeled, pairs, classes, names, paired.only_first)
    if paired.only_second:
        pairs = only_first_correct(second, first, labels, MAX_MISTAKES)
        figures["only-second"] = comparison.only_one_correct(labeled, pairs, classes, names[::-1], paired.only_second)
    return figures


def _image_shape(labeled: LabeledImages) -> tuple[int, int]:
    height, width = labeled.images.shape[1:]
    return height, width
