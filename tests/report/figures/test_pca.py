"""Figures of a principal component analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from clothier.exploration.correlation import correlations, feature_correlations, mean_abs_correlation
from clothier.report import figures
from clothier.taxonomy import FASHION_MNIST_CLASSES

from ..conftest import plain

if TYPE_CHECKING:
    from clothier.data.dataset import LabeledImages
    from clothier.exploration.pca import PCA


def test_the_variance_curve_marks_what_the_pca_counts(pca: PCA) -> None:
    captioned = figures.variance_curve(pca)
    line = captioned.figure.axes[0].lines[0]
    assert line.get_ydata()[1:] == pytest.approx(pca.cumulative_ratio)
    few, many = pca.n_components_for(0.9), pca.n_components_for(0.95)
    assert plain(captioned.title) == (f"Of 64 components, {few} explain 90 % of the variance, {many} explain 95 %")


def test_the_scree_plot(pca: PCA) -> None:
    captioned = figures.scree_plot(pca)
    shares = pca.explained_variance / pca.total_variance
    assert list(captioned.figure.axes[0].lines[0].get_ydata()) == pytest.approx(shares)
    assert plain(captioned.title) == (
        f"Component 1 explains {100 * shares[0]:.2g} % of the variance, component 10 {100 * shares[9]:.2g} %"
    )
    assert f"The participation ratio is {1 / (shares**2).sum():.1f}" in captioned.note


def test_components_are_drawn(pca: PCA) -> None:
    captioned = figures.component_images(pca, (8, 8), 6)
    alphas = [np.asarray(image.get_array())[..., 3] for image in captioned.figure.axes[0].images]
    assert alphas[2] == pytest.approx(np.abs(pca.components[2]).reshape(8, 8) / np.abs(pca.components[2]).max())
    assert len(alphas) == 6


def test_reconstructions_follow_their_original(labeled: LabeledImages, pca: PCA) -> None:
    captioned = figures.reconstructions(labeled, FASHION_MNIST_CLASSES, pca, [5, 64])
    shown = [np.asarray(image.get_array())[..., 3] for image in captioned.figure.axes[0].images]
    originals, coarse, full = shown[0::3], shown[1::3], shown[2::3]
    assert len(originals) == 10
    for before, rough, after in zip(originals, coarse, full, strict=True):
        assert after == pytest.approx(before, abs=1e-4)
        assert np.abs(rough - before).max() > 0.05


def test_the_reconstruction_error_falls_to_zero(pca: PCA) -> None:
    captioned = figures.reconstruction_error(pca, 200, [5, 20])
    curve, marks = captioned.figure.axes[0].lines
    errors = 255 * pca.reconstruction_errors(200)
    assert list(curve.get_ydata()) == pytest.approx(errors)
    assert errors[-1] == pytest.approx(0, abs=1e-4)
    assert list(marks.get_xdata()) == [5, 20]
    assert captioned.title == f"With 20 components, the error of a pixel is {errors[20]:.0f} of 255 gray levels"


def test_heat_maps_show_r_of_pixels_and_components(labeled: LabeledImages, pca: PCA) -> None:
    before = correlations(pca.covariance)
    after = feature_correlations(pca.transform(labeled.images))
    captioned = figures.correlation_heatmaps(before, after, (8, 8))
    first, second = (np.asarray(image.get_array())[..., 3] for image in captioned.figure.axes[0].images)
    assert first == pytest.approx(np.abs(before))
    assert second == pytest.approx(np.eye(64), abs=1e-4)
    expected = mean_abs_correlation(before)
    assert captioned.title.startswith(f"Mean |r| is {expected:.3f} between two pixels")
    assert captioned.title.endswith("less than 0.001 between two components")


def test_a_large_heat_map_is_subsampled() -> None:
    r = np.linspace(-1, 1, 784**2).reshape(784, 784)
    r[5] = r[:, 5] = np.nan  # a pixel that never changes
    captioned = figures.correlation_heatmaps(r, np.eye(187), (28, 28))
    sizes = [image.get_array().shape[:2] for image in captioned.figure.axes[0].images]
    assert sizes == [(100, 100), (100, 100)]
    assert captioned.note.endswith(
        "Shown are 100 pixels, the first of each 3x3 block, row by row, and the first 100 components."
    )
