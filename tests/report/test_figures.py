"""Figures draw the data that they were given, and their titles state the right numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from clothier.data.dataset import Dataset, LabeledImages
from clothier.evaluation.misclassified import most_confident_errors
from clothier.exploration.pca import fit_pca
from clothier.exploration.pixels import describe_pixels
from clothier.metrics import evaluate_logits, mcnemar, reliability, softmax
from clothier.report.figures import (
    class_overview,
    classification,
    comparison,
    comparison_figures,
    components,
    count_figures,
    model_figures,
    pixel_figures,
    scatter,
    training_curves,
)
from clothier.report.figures.gallery import Tile, gallery
from clothier.taxonomy import FASHION_MNIST_CLASSES

from .conftest import all_pca_figures, captions, label_coded_images, plain

if TYPE_CHECKING:
    from clothier.report.captioned_figure import CaptionedFigure
    from clothier.report.sections import ComparisonSection, DataSection
    from clothier.types import EpochRecord


def test_every_sample_has_its_own_label(labeled: LabeledImages) -> None:
    shown = captions(class_overview.sample_grid(labeled, FASHION_MNIST_CLASSES).figure)
    assert len(shown) == 30
    for image, lines in shown:
        assert lines[0] == FASHION_MNIST_CLASSES[image[0, 0] // 20]
        place = int(np.flatnonzero((labeled.images == image).all(axis=(1, 2)))[0])
        assert lines[0] == FASHION_MNIST_CLASSES[labeled.labels[place]]


def test_a_sample_depends_on_its_seed_alone(labeled: LabeledImages) -> None:
    first, again, other = (
        captions(class_overview.sample_grid(labeled, FASHION_MNIST_CLASSES, seed=s).figure) for s in (1, 1, 2)
    )
    assert all(np.array_equal(a, b) for (a, _), (b, _) in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for (a, _), (b, _) in zip(first, other, strict=True))


def test_every_error_has_its_label_prediction_and_probability(
    dataset: Dataset, logits: tuple[np.ndarray, np.ndarray]
) -> None:
    errors = most_confident_errors(logits[0], dataset.test.labels, 7)
    shown = captions(classification.misclassification_gallery(dataset.test, errors, FASHION_MNIST_CLASSES).figure)
    assert len(shown) == 7
    for (image, lines), error in zip(shown, errors, strict=True):
        assert np.array_equal(image, dataset.test.images[error.index])
        assert lines[0] == FASHION_MNIST_CLASSES[image[0, 0] // 20]
        assert lines[1] == f"→ {FASHION_MNIST_CLASSES[logits[0][error.index].argmax()]}"
        assert lines[2] == f"{100 * error.probability:.1f}\N{NO-BREAK SPACE}%"


def test_images_correct_in_one_model_have_both_predictions(
    dataset: Dataset, logits: tuple[np.ndarray, np.ndarray], comparison_section: ComparisonSection
) -> None:
    figures = comparison_section.figures
    for name, (right, wrong) in {"correct-only-in-first": logits, "correct-only-in-second": logits[::-1]}.items():
        for image, lines in captions(figures[name].figure):
            place = int(np.flatnonzero((dataset.test.images == image).all(axis=(1, 2)))[0])
            assert (
                lines[0]
                == FASHION_MNIST_CLASSES[dataset.test.labels[place]]
                == FASHION_MNIST_CLASSES[right[place].argmax()]
            )
            assert lines[1] == f"not {FASHION_MNIST_CLASSES[wrong[place].argmax()]}"


def test_a_gallery_has_gaps_headings_and_signed_tiles() -> None:
    figure = gallery([Tile(np.eye(3), "a"), None, Tile(np.eye(3) - 0.5, "b", signed=True)], 2, ["left", "right"])
    positive, negative = (figure.axes[0].images[1].get_array()[place] for place in ((0, 0), (0, 1)))
    assert len(figure.axes[0].images) == 2
    assert positive[3] == negative[3] == 1
    assert not np.array_equal(positive[:3], negative[:3])
    assert {"left", "right", "a", "b"} == {text.get_text() for text in figure.axes[0].texts}


def test_class_counts_draw_every_split() -> None:
    splits = {"train": np.array([0, 0, 0, 1, 1, 2]), "test": np.array([0, 1, 2])}
    captioned = class_overview.class_counts(splits, ("Coat", "Bag", "Shirt"))
    widths = [[bar.get_width() for bar in axes.patches] for axes in captioned.figure.axes]
    assert widths == [[3, 2, 1], [1, 1, 1]]
    assert captioned.title == "In train, Coat has 3 images and Shirt only 1"


def test_balanced_classes() -> None:
    captioned = class_overview.class_counts({"train": np.arange(6) % 2, "test": np.arange(2)}, ("Coat", "Bag"))
    assert captioned.title == "Classes are balanced: 3 train, 1 test images each"


def test_mean_images_and_the_most_similar_pair() -> None:
    images = np.zeros((6, 2, 2), np.uint8)
    images[0:2], images[2:4], images[4:6] = [[[10]], [[30]]], [[[200]], [[200]]], 60
    found = describe_pixels(images, np.array([0, 0, 1, 1, 2, 2]), 4)
    captioned = class_overview.mean_images(found, ("Coat", "Bag", "Shirt", "Ghost"))
    shown = captions(captioned.figure)
    assert [(int(image[0, 0]), lines[0]) for image, lines in shown] == [(20, "Coat"), (200, "Bag"), (60, "Shirt")]
    assert captioned.title == "Coat and Shirt have the most similar mean images"


def test_one_class_alone_has_a_mean_image() -> None:
    some = label_coded_images(np.zeros(3, int))
    found = describe_pixels(some.images, some.labels, 2)
    assert class_overview.mean_images(found, ("Coat", "Bag")).title == "The mean image"
    assert class_overview.std_images(found, ("Coat", "Bag")).title == "Where the pixels vary"


def test_the_variance_curve_marks_what_the_pca_counts(labeled: LabeledImages) -> None:
    pca = fit_pca(labeled.images)
    captioned = components.variance_curve(pca)
    line = captioned.figure.axes[0].lines[0]
    assert line.get_ydata()[1:] == pytest.approx(pca.cumulative_ratio)
    few, many = pca.n_components_for(0.9), pca.n_components_for(0.95)
    assert plain(captioned.title) == (f"Of 64 components, {few} explain 90 % of the variance, {many} explain 95 %")


def test_components_are_drawn(labeled: LabeledImages) -> None:
    pca = fit_pca(labeled.images)
    captioned = components.component_images(pca, (8, 8), 6)
    alphas = [np.asarray(image.get_array())[..., 3] for image in captioned.figure.axes[0].images]
    assert alphas[2] == pytest.approx(np.abs(pca.components[2]).reshape(8, 8) / np.abs(pca.components[2]).max())
    assert len(alphas) == 6


def test_the_scatter_shows_projections_and_class_overlap() -> None:
    images = np.zeros((40, 2, 2), np.uint8)
    images[20:] = 200
    images[:, 0, 0] += np.arange(40, dtype=np.uint8) % 7
    labels = np.repeat([0, 1], 20)
    pca = fit_pca(images)
    captioned = scatter.component_scatter(pca.transform(images), labels, ("Coat", "Bag"), pca)
    offsets = captioned.figure.axes[0].collections[0].get_offsets()
    assert sorted(offsets[:, 0].tolist()) == pytest.approx(sorted(pca.transform(images)[:, 0].tolist()))
    assert "100\N{NO-BREAK SPACE}% of the images are closest to the median of their own class" in captioned.note
    assert captioned.note.startswith("All 40 images")
    assert {text.get_text() for text in captioned.figure.axes[0].texts} == {"Coat", "Bag"}


def test_labels_in_a_scatter_do_not_overlap() -> None:
    crowded = np.array([[0.0, 0.0], [0.1, 0.01], [0.05, 0.02], [5.0, 0.0]])
    moved = scatter.repel_labels(crowded, np.array([10.0, 10.0]))
    assert np.array_equal(moved[[0, 3]], crowded[[0, 3]])
    assert np.diff(np.sort(moved[:3, 1])).min() >= scatter.LABEL_HEIGHT * 10 - 1e-9


def test_reconstructions_follow_their_original(labeled: LabeledImages) -> None:
    pca = fit_pca(labeled.images)
    captioned = components.reconstructions(labeled, FASHION_MNIST_CLASSES, pca, [5, 64])
    shown = [np.asarray(image.get_array())[..., 3] for image in captioned.figure.axes[0].images]
    originals, coarse, full = shown[0::3], shown[1::3], shown[2::3]
    assert len(originals) == 10
    for before, rough, after in zip(originals, coarse, full, strict=True):
        assert after == pytest.approx(before, abs=1e-4)
        assert np.abs(rough - before).max() > 0.05


def test_curves_draw_the_history(history: list[EpochRecord]) -> None:
    loss, accuracy = training_curves.loss_curves(history), training_curves.accuracy_curves(history)
    assert [list(line.get_ydata()) for line in loss.figure.axes[0].lines] == [
        [record.train_loss for record in history],
        [record.validation_loss for record in history],
    ]
    assert list(accuracy.figure.axes[0].lines[1].get_xdata()) == [1, 2, 3, 4]
    assert loss.title == "Validation loss is lowest in epoch 3 of 4"
    assert accuracy.title == "Validation accuracy ends at 80.0\N{NO-BREAK SPACE}%"


def test_an_earlier_best_epoch_is_in_the_title(history: list[EpochRecord]) -> None:
    better = [history[0], replace(history[1], validation_accuracy=0.95), *history[2:]]
    assert "; the best epoch, 2, has 95.0" in training_curves.accuracy_curves(better).title


def test_a_best_epoch_with_the_same_rounded_accuracy_is_not_in_the_title(history: list[EpochRecord]) -> None:
    tied = [replace(record, validation_accuracy=0.9212 - 0.0001 * place) for place, record in enumerate(history)]
    assert training_curves.accuracy_curves(tied).title == "Validation accuracy ends at 92.1\N{NO-BREAK SPACE}%"


def test_curves_without_validation_have_one_line(history: list[EpochRecord]) -> None:
    blind = [replace(record, validation_loss=None, validation_accuracy=None) for record in history]
    assert len(training_curves.loss_curves(blind).figure.axes[0].lines) == 1
    assert training_curves.loss_curves(blind).title == "Training loss falls from 1.00 to 0.25"
    assert training_curves.accuracy_curves(blind[:1]).title == "Training accuracy ends at 82.0\N{NO-BREAK SPACE}%"


def test_the_confusion_matrix_shows_every_count(dataset: Dataset, logits: tuple[np.ndarray, np.ndarray]) -> None:
    found = evaluate_logits(logits[0], dataset.test.labels, FASHION_MNIST_CLASSES)
    captioned = classification.confusion_matrix(found)
    shown = np.zeros((10, 10), int)
    for text in captioned.figure.axes[0].texts:
        column, row = text.get_position()
        shown[int(row), int(column)] = int(text.get_text())
    assert np.array_equal(shown, found.confusion)
    row, column = np.argwhere(np.array(found.confusion) * (1 - np.eye(10)) == _largest_error_count(found.confusion))[0]
    assert captioned.title.startswith(
        f"The most frequent error is {FASHION_MNIST_CLASSES[row]} predicted as {FASHION_MNIST_CLASSES[column]}"
    )


def _largest_error_count(confusion: tuple[tuple[int, ...], ...]) -> int:
    return int((np.array(confusion) * (1 - np.eye(10))).max())


def test_a_confusion_matrix_without_errors() -> None:
    assert (
        classification.confusion_matrix(evaluate_logits(np.eye(3), np.arange(3), ("a", "b", "c"))).title == "No errors"
    )


def test_class_metrics_draw_the_evaluation(dataset: Dataset, logits: tuple[np.ndarray, np.ndarray]) -> None:
    found = evaluate_logits(logits[1], dataset.test.labels, FASHION_MNIST_CLASSES)
    captioned = classification.class_metrics(found)
    precision, recall, f1 = (line.get_xdata() for line in captioned.figure.axes[0].lines)
    assert list(precision) == [score.precision for score in found.per_class]
    assert list(recall) == [score.recall for score in found.per_class]
    assert list(f1) == [score.f1 for score in found.per_class]
    low, high = captioned.figure.axes[0].get_xlim()
    assert low <= min(*precision, *recall)
    assert high == 1


def test_the_reliability_diagram_draws_filled_bins_only(
    dataset: Dataset, logits: tuple[np.ndarray, np.ndarray]
) -> None:
    found = reliability(softmax(logits[0]), dataset.test.labels)
    captioned = classification.reliability_diagram(found)
    dots = captioned.figure.axes[0].lines[-1]
    filled = found.counts > 0
    assert list(dots.get_xdata()) == list(found.confidence[filled])
    assert list(dots.get_ydata()) == list(found.accuracy[filled])
    assert [bar.get_height() for bar in captioned.figure.axes[1].patches] == list(found.counts)


@pytest.mark.parametrize(
    ("logits", "title"),
    [
        (np.array([[9.0, 0.0]] * 4), "The model is 50.0 percentage points overconfident"),
        (
            np.array([[0.1, 0.0], [0.1, 0.0], [0.0, 0.1], [0.0, 0.1]]),
            "The model is 47.5 percentage points underconfident",
        ),
        (np.array([[1e-9, 0.0]] * 4), "Mean confidence and accuracy agree"),
    ],
)
def test_calibration_summary(logits: np.ndarray, title: str) -> None:
    found = reliability(softmax(logits), np.array([0, 0, 1, 1]))
    assert classification.reliability_diagram(found).title.startswith(title)


def test_comparison_summary() -> None:
    first, second = np.ones(400, bool), np.ones(400, bool)
    second[:40] = False
    names = ("DNN", "CNN")
    assert comparison.comparison_summary(names, mcnemar(first, second)) == (
        "DNN is 10.0 percentage points more accurate than CNN (95 % interval 7.1 to 12.9)"
    )
    assert comparison.comparison_summary(names, mcnemar(second, first)).startswith(
        "CNN is 10.0 percentage points more accurate than DNN"
    )
    first[40:80] = False
    assert comparison.comparison_summary(names, mcnemar(first, second)) == (
        "DNN and CNN do not differ significantly (-4.4 to +4.4 percentage points)"
    )


def test_mcnemar_summary() -> None:
    few = plain(comparison.mcnemar_summary(mcnemar(np.ones(9, bool), np.arange(9) > 1)))
    assert few.startswith("McNemar's exact test on the 2 of 9 images")
    assert few.endswith("p = 0.500.")
    many = comparison.mcnemar_summary(mcnemar(np.ones(99, bool), np.arange(99) > 50))
    assert plain(many).endswith("p < 0.001.")


def test_both_accuracies_are_drawn_with_their_intervals(
    dataset: Dataset, logits: tuple[np.ndarray, np.ndarray]
) -> None:
    labels = dataset.test.labels
    found = tuple(evaluate_logits(classification, labels, FASHION_MNIST_CLASSES) for classification in logits)
    paired = mcnemar(*(classification.argmax(axis=1) == labels for classification in logits))
    captioned = comparison.accuracies(("DNN", "CNN"), found, paired)
    above, below = captioned.figure.axes
    assert [container.lines[0].get_xdata()[0] for container in above.containers] == [f.accuracy for f in found]
    reaches = [np.ptp(container.lines[2][0].get_segments()[0][:, 0]) for container in above.containers]
    assert reaches == pytest.approx([2 * 1.959964 * f.standard_error for f in found])
    assert [bar.get_width() for bar in below.patches] == [paired.only_first, paired.only_second]


def test_equal_models_have_no_images_correct_in_only_one(
    dataset: Dataset, logits: tuple[np.ndarray, np.ndarray]
) -> None:
    figures = comparison_figures(("a", "b"), (logits[0], logits[0]), dataset.test, FASHION_MNIST_CLASSES)
    assert list(figures) == ["accuracies", "f1"]


def all_exploration_figures(dataset: Dataset) -> dict[str, CaptionedFigure]:
    """Every figure of an exploration."""
    train, classes = dataset.train, dataset.classes
    splits = {"train": train.labels, "test": dataset.test.labels}
    found = describe_pixels(train.images, train.labels, len(classes))
    of_pca = all_pca_figures(dataset, fit_pca(train.images))
    return {**count_figures(dataset, splits), **pixel_figures(found, classes), **of_pca}


def test_the_exploration_is_complete(dataset: Dataset, data: DataSection) -> None:
    figures = {**count_figures(dataset, {"train": dataset.train.labels}), **data.figures}
    assert list(figures) == [
        "class-counts",
        "samples",
        "mean-images",
        "std-images",
        "gray-levels",
        "class-gray-levels",
        "mean-and-std",
        "pca-variance",
        "pca-spectrum",
        "pca-components",
        "correlation",
        "pca-1-2",
        "pca-1-3",
        "pca-1-2-3",
        "pca-reconstructions",
        "pca-error",
    ]
    assert all(
        captioned.title and captioned.alt and not captioned.title.endswith(".") for captioned in figures.values()
    )


def test_names_with_dollars_and_angles_are_names(labeled: LabeledImages) -> None:
    names = tuple(f"<{k}> $5 & $6 shirt" for k in range(10))
    captioned = class_overview.sample_grid(labeled, names, n_samples=10)
    captioned.figure.draw_without_rendering()
    assert captions(captioned.figure)[0][1][0] == "<0> $5 & $6…"


@pytest.mark.parametrize(("classes", "shape"), [(2, (8, 8)), (40, (12, 9))])
def test_figures_take_any_number_of_classes_and_any_size(classes: int, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(8 * classes) % classes
    images = rng.integers(0, 256, (len(labels), *shape), dtype=np.uint8)
    some = LabeledImages(images, labels)
    names = tuple(f"class number {k}" for k in range(classes))
    logits = rng.normal(size=(len(labels), classes)).astype(np.float32)
    figures = {
        **all_exploration_figures(Dataset("mine", names, some, some, {})),
        **model_figures(logits, some, names),
    }
    assert all(captioned.title for captioned in figures.values())
    assert "loss" not in figures
