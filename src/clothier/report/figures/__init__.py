"""Data in, drawings out: every figure of a report by its name, which is also its file's.

Legend: N images, H, W, K classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clothier.analysis import metrics
from clothier.analysis.mistakes import most_confident_mistakes, only_first_right
from clothier.report.figures import comparison, components, data, scores, training

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clothier.analysis.pca import PCA
    from clothier.data.dataset import Dataset, Labelled
    from clothier.records import EpochRecord, Floats, Labels
    from clothier.report.drawing import Drawing

MISTAKES = 15
OUTLINE_RANKS = (5, 20)
"""Components that keep the outline only, shown before those that keep 90 and 95 % of the variance."""


def data_figures(
    dataset: Dataset, pca: PCA, splits: Mapping[str, Labels] | None = None, seed: int = 0
) -> dict[str, Drawing]:
    """Every figure of the exploration.

    Args:
        dataset: what to look at; pictures are of its training part.
        pca: all components of the training part, ``fit_pca(dataset.train.images)``.
        splits: name to (N,) labels, for the counts; ``train`` and ``test`` of the data set by default.
        seed: draws the sample and the dots of the scatters.
    """
    train, classes = dataset.train, dataset.classes
    features = pca.keep(3).project(train.images)
    needed = sorted({pca.components_for(share) for share in components.SHARES})
    ranks = [rank for rank in OUTLINE_RANKS if rank < needed[0]] + needed
    counted = splits or {"train": train.labels, "test": dataset.test.labels}
    figures = {
        "class-counts": data.class_counts(counted, classes),
        "samples": data.sample_grid(train, classes, seed=seed),
        "mean-garments": data.mean_garments(train, classes),
        "pca-variance": components.variance_curve(pca),
        "pca-components": components.component_pictures(pca, _size(train)),
    }
    for other in range(2, features.shape[1] + 1):
        drawing = components.component_scatter(features, train.labels, classes, pca, other, seed)
        figures[f"pca-1-{other}"] = drawing
    figures["pca-reconstructions"] = components.reconstructions(train, classes, pca, ranks)
    return figures


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
        figures["loss"] = training.loss_curves(history)
        figures["accuracy"] = training.accuracy_curves(history)
    figures["confusion"] = scores.confusion(found)
    figures["class-scores"] = scores.class_scores(found)
    wrong = most_confident_mistakes(logits, labelled.labels, MISTAKES)
    if wrong:
        figures["mistakes"] = scores.mistakes(labelled, wrong, classes)
    calibration = metrics.reliability(metrics.softmax(logits), labelled.labels)
    figures["reliability"] = scores.reliability(calibration)
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
