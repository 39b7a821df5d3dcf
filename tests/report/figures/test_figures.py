"""The sets of figures of an exploration and of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from clothier.data.dataset import Dataset, LabeledImages
from clothier.exploration.pca import fit_pca
from clothier.exploration.pixels import describe_pixels
from clothier.report.figures import (
    count_figures,
    model_figures,
    pixel_figures,
)

from ..conftest import all_pca_figures

if TYPE_CHECKING:
    from clothier.report.captioned_figure import CaptionedFigure
    from clothier.report.sections import DataSection


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


@pytest.mark.parametrize(("classes", "shape"), [(2, (8, 8)), (24, (12, 9))])  # 24: too many for names and counts
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
