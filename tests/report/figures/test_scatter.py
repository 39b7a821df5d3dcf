"""Scatter plots by class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from clothier.exploration.pca import PCA, fit_pca
from clothier.report.figures import (
    scatter,
)
from clothier.taxonomy import FASHION_MNIST_CLASSES

from ..conftest import plain

if TYPE_CHECKING:
    from clothier.data.dataset import LabeledImages


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


def test_the_3d_scatter_shows_the_projections(labeled: LabeledImages, pca: PCA) -> None:
    features = pca.transform(labeled.images)
    captioned = scatter.component_scatter_3d(features, labeled.labels, FASHION_MNIST_CLASSES, pca)
    axes = captioned.figure.axes[0]
    drawn = np.column_stack([np.asarray(along) for along in axes.collections[0]._offsets3d])
    assert np.sort(drawn, axis=0) == pytest.approx(np.sort(features[:, :3], axis=0))
    assert {text.get_text() for text in axes.texts} == set(FASHION_MNIST_CLASSES)
    share = (pca.explained_variance[:3] / pca.total_variance).sum()
    assert plain(captioned.title) == f"The first three components explain {100 * share:.0f} % of the variance"
    assert captioned.note.startswith("All 200 images, colored by class.")
