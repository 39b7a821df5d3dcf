"""Data in, drawings out: every figure of a report by its name, which is also its file's.

Legend: N images, H, W, K classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clothier import metrics
from clothier.evaluation.misclassified import most_confident_mistakes, only_first_right
from clothier.report.figures import (
    class_overview,
    classification,
    comparison,
    components,
    pixels,
    spectrum,
    training_curves,
)
from clothier.report.figures.correlation import heat_maps
from clothier.report.figures.scatter3d import component_cloud

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    from clothier.data.dataset import Dataset, Labelled
    from clothier.exploration.pca import PCA
    from clothier.exploration.pixels import PixelStatistics
    from clothier.report.captioned_figure import Drawing
    from clothier.types import EpochRecord, Floats, Labels

    Doubles = npt.NDArray[np.float64]

MISTAKES = 15
OUTLINE_RANKS = (5, 20)
"""Components that keep the outline only, shown before those that keep 90 and 95 % of the variance."""


def count_figures(dataset: Dataset, splits: Mapping[str, Labels], seed: int = 0) -> dict[str, Drawing]:
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


def pixel_figures(found: PixelStatistics, classes: Sequence[str]) -> dict[str, Drawing]:
    """Average garments, and the grey levels that they are made of."""
    return {
        "mean-garments": class_overview.mean_garments(found, classes),
        "deviations": class_overview.deviations(found, classes),
        "grey-levels": pixels.grey_levels(found),
        "class-greys": pixels.class_greys(found, classes),
        "ink": pixels.ink(found),
    }


def pca_figures(
    labelled: Labelled, classes: Sequence[str], pca: PCA, correlation: tuple[Doubles, Doubles], seed: int = 0
) -> dict[str, Drawing]:
    """Every figure of a principal component analysis; without a second or third component, no scatter of it.

    Args:
        labelled: the N pictures that it was fitted to, and their labels.
        classes: the K names.
        pca: all components of the pictures, ``fit_pca(labelled.images)``.
        correlation: Pearson's r of the pixels, (P, P), and of the components, (k, k).
        seed: draws the dots of the scatters.
    """
    ranks = reconstruction_ranks(pca)
    features = pca.keep(min(3, pca.varying)).project(labelled.images)
    seen = (features, labelled.labels, classes, pca)
    figures = {
        "pca-variance": components.variance_curve(pca),
        "pca-spectrum": spectrum.spectrum(pca),
        "pca-components": components.component_pictures(pca, _size(labelled)),
        "correlation": heat_maps(*correlation, _size(labelled)),
    }
    for other in range(2, features.shape[1] + 1):
        figures[f"pca-1-{other}"] = components.component_scatter(*seen, other, seed)
    if features.shape[1] == 3:
        figures["pca-1-2-3"] = component_cloud(*seen, seed)
    figures["pca-reconstructions"] = components.reconstructions(labelled, classes, pca, ranks)
    figures["pca-error"] = spectrum.reconstruction_error(pca, len(labelled), ranks)
    return figures


def reconstruction_ranks(pca: PCA) -> list[int]:
    """Numbers of components that garments are rebuilt from: few, and as many as keep 90 and 95 % of the variance."""
    needed = sorted({pca.components_for(share) for share in components.SHARES})
    return [rank for rank in OUTLINE_RANKS if rank < needed[0]] + needed


def model_figures(
    logits: Floats, labelled: Labelled, classes: Sequence[str], history: Sequence[EpochRecord] = ()
) -> dict[str, Drawing]:
    """Every figure of one model.

    Args:
        logits: (N, K), its answers to the pictures of ``labelled``.
        labelled: the N pictures and their labels, usually the test part.
        classes: the K names.
        history: how it was trained; without it there are no curves.
    """
    found = metrics.evaluate(logits, labelled.labels, classes)
    figures = {}
    if history:
        figures["loss"] = training_curves.loss_curves(history)
        figures["accuracy"] = training_curves.accuracy_curves(history)
    figures["confusion"] = classification.confusion(found)
    figures["class-scores"] = classification.class_scores(found)
    wrong = most_confident_mistakes(logits, labelled.labels, MISTAKES)
    if wrong:
        figures["mistakes"] = classification.mistakes(labelled, wrong, classes)
    calibration = metrics.reliability(metrics.softmax(logits), labelled.labels)
    figures["reliability"] = classification.reliability(calibration)
    return figures


def comparison_figures(
    names: tuple[str, str], logits: tuple[Floats, Floats], labelled: Labelled, classes: Sequence[str]
) -> dict[str, Drawing]:
    """Every figure that sets two models side by side.

    Args:
        names: what the figures call them, such as ``("DNN", "CNN")``.
        logits: (N, K) of each, for the pictures of ``labelled``.
        labelled: the N pictures and their labels.
        classes: the K names.
    """
    labels, (first, second) = labelled.labels, logits
    evaluations = (metrics.evaluate(first, labels, classes), metrics.evaluate(second, labels, classes))
    paired = metrics.mcnemar(first.argmax(axis=1) == labels, second.argmax(axis=1) == labels)
    figures = {
        "accuracies": comparison.accuracies(names, evaluations, paired),
        "f1": comparison.f1_side_by_side(names, evaluations),
    }
    if paired.only_first:
        pairs = only_first_right(first, second, labels, MISTAKES)
        figures["only-first"] = comparison.only_one_right(labelled, pairs, classes, names, paired.only_first)
    if paired.only_second:
        pairs = only_first_right(second, first, labels, MISTAKES)
        figures["only-second"] = comparison.only_one_right(labelled, pairs, classes, names[::-1], paired.only_second)
    return figures


def _size(labelled: Labelled) -> tuple[int, int]:
    height, width = labelled.images.shape[1:]
    return height, width
