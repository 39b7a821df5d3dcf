"""The sets of figures of an exploration and of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from clothier.data.dataset import Dataset, LabeledImages
from clothier.report.figures import model_figures

from ..conftest import explored

if TYPE_CHECKING:
    from clothier.report.sections import DataSection


def test_the_exploration_is_complete(data: DataSection) -> None:
    assert list(data.figures) == [
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
        captioned.title and captioned.alt and not captioned.title.endswith(".") for captioned in data.figures.values()
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
        **explored(Dataset("mine", names, some, some, {})).figures,
        **model_figures(logits, some, names),
    }
    assert all(captioned.title for captioned in figures.values())
    assert "loss" not in figures
