"""A small data set whose images encode their label, two models of it, and the sections of a report on them."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from matplotlib.text import Text

from clothier.data.dataset import Dataset, LabeledImages
from clothier.exploration.pca import fit_pca
from clothier.exploration.pixels import describe_pixels
from clothier.metrics import evaluate_logits
from clothier.report.explore_sections import classes_section, pca_section, pixels_section
from clothier.report.figures import comparison_figures, model_figures
from clothier.report.sections import ComparisonSection, DataSection, ModelSection, Provenance
from clothier.selective.thresholds import AcceptedClass, ProvableRisk, RiskGuarantee
from clothier.taxonomy import FASHION_MNIST_CLASSES
from clothier.types import EpochRecord

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from clothier.exploration.pca import PCA
    from clothier.exploration.pixels import PixelStatistics

IMAGE_SIZE = 8
ENVIRONMENT = {"cpu": {"model": "A Processor", "cores_available": 2}, "versions": {"numpy": "2.4"}, "environment": {}}


def captions(figure: Figure) -> list[tuple[np.ndarray, list[str]]]:
    """Each image of a gallery as (H, W) uint8, and the lines below it, found by their position."""
    axes = figure.axes[0]
    found = []
    for image in axes.images:
        left, right, bottom, _ = image.get_extent()
        lines = sorted(
            (text.get_position()[1], text.get_text())
            for text in axes.texts
            if left < text.get_position()[0] < right and bottom < text.get_position()[1] < bottom + 0.8
        )
        pixels = np.round(255 * np.asarray(image.get_array())[..., 3]).astype(np.uint8)
        found.append((pixels, [line for _, line in lines]))
    return found


def touching_texts(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of texts that overlap, and texts that are not wholly inside the figure (beside ""); not labels of ticks."""
    axes = [axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]
    labels = {label for axis in axes for tick in axis.majorTicks for label in (tick.label1, tick.label2)}
    shown = [text for text in figure.findobj(Text) if text not in labels and text.get_text().strip()]
    boxes = [(text.get_text(), text.get_window_extent()) for text in shown]
    pairs = [(one[0], other[0]) for one, other in combinations(boxes, 2) if one[1].overlaps(other[1])]
    return pairs + [(name, "") for name, box in boxes if box.x0 < -1 or box.x1 > figure.bbox.width + 1]


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


def label_coded_images(labels: np.ndarray, seed: int = 0) -> LabeledImages:
    """Random images whose first pixel is 20 times their label, so that a caption can be checked."""
    images = np.random.default_rng(seed).integers(0, 256, (len(labels), IMAGE_SIZE, IMAGE_SIZE), dtype=np.uint8)
    images[:, 0, 0] = 20 * labels
    return LabeledImages(images, labels.astype(np.int64))


@pytest.fixture(scope="session")
def labeled() -> LabeledImages:
    return label_coded_images(np.random.default_rng(5).permutation(np.arange(200) % 10))


@pytest.fixture(scope="session")
def dataset(labeled: LabeledImages) -> Dataset:
    return Dataset(
        "Fashion-MNIST",
        FASHION_MNIST_CLASSES,
        labeled,
        label_coded_images(np.arange(80) % 10, 1),
        {"train-images": "ab" * 32},
    )


@pytest.fixture
def photo_model_section(models: tuple[ModelSection, ModelSection]) -> ModelSection:
    """A model with what only photo models have: a comparison with frozen features, and a risk guarantee."""
    folds = [{"n": 40, "accuracy": 0.8, "macro_recall": 0.7}] * 2
    baseline = {"name": "frozen features", "accuracy": 0.8123, "macro_recall": 0.71, "folds": folds}
    model = {"name": "photo best", "accuracy": 0.9046, "macro_recall": 0.87, "folds": folds}
    dress = AcceptedClass(name="Dress", n_accepted=61, n_errors=2, guaranteed=True)
    guarantee = RiskGuarantee(
        risk=0.05,
        confidence_level=0.95,
        empirical_risk=0.05,
        coverage=0.75,
        n=80,
        n_accepted=60,
        n_groups=20,
        grouped_by="photographer",
        method="a method",
        per_class=(dress,),
        n_ood=12,
        n_ood_accepted=7,
        open_risk=0.1493,
        strictest=ProvableRisk(risk=0.14, min_probability=0.81, coverage=0.62, more_photos=0),
        more_photos=700,
        provable=(
            ProvableRisk(risk=0.05, min_probability=None, coverage=0.0, more_photos=700),
            ProvableRisk(risk=0.15, min_probability=0.8, coverage=0.65, more_photos=0),
        ),
    )
    metrics = models[0].metrics
    return replace(
        models[0],
        metrics={
            **metrics,
            "test": {**metrics["test"], "coverage": 0.75, "guarantee": guarantee.to_json()},
            "baseline_comparison": {"baseline": baseline, "model": model},
            "data": {"name": "photos", "digest": "ab" * 32},
        },
    )


@pytest.fixture(scope="session")
def pixel_statistics(labeled: LabeledImages) -> PixelStatistics:
    return describe_pixels(labeled.images, labeled.labels, 10)


@pytest.fixture(scope="session")
def pca(labeled: LabeledImages) -> PCA:
    return fit_pca(labeled.images)


def random_logits(labels: np.ndarray, seed: int, margin: float) -> np.ndarray:
    logits = np.random.default_rng(seed).normal(size=(len(labels), 10)).astype(np.float32)
    logits[np.arange(len(labels)), labels] += margin
    return logits


@pytest.fixture(scope="session")
def logits(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    return random_logits(dataset.test.labels, 1, 1.5), random_logits(dataset.test.labels, 2, 3.0)


@pytest.fixture(scope="session")
def history() -> list[EpochRecord]:
    return [EpochRecord(e, 1 / e, 0.8 + e / 50, 1.1 / e + e / 9, 0.7 + e / 40, 1e-3, 2.5) for e in range(1, 5)]


def make_metrics(model: str, logits: np.ndarray, labels: np.ndarray, **changes: Any) -> dict[str, Any]:
    found = evaluate_logits(logits, labels, FASHION_MNIST_CLASSES).to_json()
    return {
        "model": model,
        "preset": "fast",
        "parameters": 12_682,
        "seed": 7,
        "train_seconds": 303.2,
        "epochs": 4,
        "warnings": [],
        "data": {"train-images": "ab" * 32},
        "validation": found,
        "test": found,
        **changes,
    }


@pytest.fixture(scope="session")
def provenance() -> Provenance:
    return Provenance("clothier study --preset fast --seed 7", ENVIRONMENT)


@pytest.fixture(scope="session")
def models(
    dataset: Dataset, logits: tuple[np.ndarray, np.ndarray], history: list[EpochRecord]
) -> tuple[ModelSection, ModelSection]:
    recipe = {"network": {"kind": "pca-mlp", "hidden": (64,)}, "epochs": 4, "cutout": None}
    return tuple(
        ModelSection(
            name.upper(),
            make_metrics(name, scores, dataset.test.labels),
            history,
            model_figures(scores, dataset.test, FASHION_MNIST_CLASSES, history),
            recipe,
            "Trained on 160 images; the last epoch was kept.",
        )
        for name, scores in zip(("dnn", "cnn"), logits, strict=True)
    )


def explored(dataset: Dataset) -> DataSection:
    """Everything but the audit and the map."""
    splits = {"train": dataset.train.labels, "test": dataset.test.labels}
    sections = classes_section(dataset, splits, 0), pixels_section(dataset), pca_section(dataset, 0)
    return DataSection(dataset.name, sections, dataset.digests, {name: len(one) for name, one in splits.items()})


@pytest.fixture(scope="session")
def data(dataset: Dataset) -> DataSection:
    found = explored(dataset)
    classes, pixels, pca = found.sections
    return replace(found, sections=(classes, replace(pixels, skipped=["No map is drawn."]), pca))


@pytest.fixture(scope="session")
def comparison_section(dataset: Dataset, logits: tuple[np.ndarray, np.ndarray]) -> ComparisonSection:
    from clothier.metrics import mcnemar

    first, second = (scores.argmax(axis=1) == dataset.test.labels for scores in logits)
    figures = comparison_figures(("DNN", "CNN"), logits, dataset.test, FASHION_MNIST_CLASSES)
    return ComparisonSection(("DNN", "CNN"), mcnemar(first, second), figures)
