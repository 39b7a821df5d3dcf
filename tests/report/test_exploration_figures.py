"""Figures of pixels, spectrum and correlation draw their arrays, and their titles state the right numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from clothier.exploration.correlation import correlations, feature_correlations, mean_abs_correlation
from clothier.exploration.pca import PCA, fit_pca
from clothier.exploration.pixels import PixelStatistics, describe_pixels
from clothier.report.figures import class_overview, components, pixels, scatter
from clothier.report.figures.correlation import correlation_heatmaps
from clothier.taxonomy import FASHION_MNIST_CLASSES

from .conftest import plain

if TYPE_CHECKING:
    from clothier.data.dataset import LabeledImages


@pytest.fixture(scope="module")
def found(labeled: LabeledImages) -> PixelStatistics:
    return describe_pixels(labeled.images, labeled.labels, 10)


@pytest.fixture(scope="module")
def pca(labeled: LabeledImages) -> PCA:
    return fit_pca(labeled.images)


def test_std_images_and_the_classes_that_vary_most_and_least(labeled: LabeledImages, found: PixelStatistics) -> None:
    captioned = class_overview.std_images(found, FASHION_MNIST_CLASSES)
    opacity = [np.asarray(image.get_array())[..., 3] for image in captioned.figure.axes[0].images]
    expected = [labeled.images[labeled.labels == label].std(axis=0) for label in range(10)]
    largest = max(each.max() for each in expected)
    assert opacity == [pytest.approx(each / largest) for each in expected]
    typical = [np.sqrt((each**2).mean()) for each in expected]
    most, least = FASHION_MNIST_CLASSES[int(np.argmax(typical))], FASHION_MNIST_CLASSES[int(np.argmin(typical))]
    assert captioned.title == f"{most} varies most from image to image, {least} least"


def test_the_histogram_is_of_all_levels_but_black(labeled: LabeledImages, found: PixelStatistics) -> None:
    captioned = pixels.gray_level_histogram(found)
    heights = [bar.get_height() for bar in captioned.figure.axes[0].patches]
    assert heights[0] == pytest.approx(((labeled.images >= 1) & (labeled.images <= 5)).mean())
    assert heights[-1] == pytest.approx((labeled.images >= 251).mean())
    black, white = (100 * (labeled.images == level).mean() for level in (0, 255))
    assert sum(heights) == pytest.approx(1 - black / 100)
    assert plain(captioned.title) == f"{black:.1f} % of the pixels are black, {white:.1f} % are white"


def test_gray_levels_per_class(labeled: LabeledImages, found: PixelStatistics) -> None:
    captioned = pixels.class_gray_levels(found, FASHION_MNIST_CLASSES)
    bars = [[bar.get_width() for bar in axes.patches] for axes in captioned.figure.axes]
    of_class = [labeled.images[labeled.labels == label].astype(float) for label in range(10)]
    assert bars[0] == pytest.approx([each.mean() for each in of_class])
    assert bars[1] == pytest.approx([each.std() for each in of_class])
    assert bars[2] == pytest.approx([(each == 0).mean() for each in of_class])
    most, least = (FASHION_MNIST_CLASSES[int(choose(bars[0]))] for choose in (np.argmax, np.argmin))
    assert captioned.title.startswith(f"{most} (mean ")
    assert f", {least} (mean " in captioned.title


def test_brightness_inside_the_central_quarter() -> None:
    images = np.zeros((3, 8, 8), np.uint8)
    images[:, 2:6, 2:6] = 30  # 16 pixels, all of the middle quarter
    images[:, 0, :4] = 40  # 4 pixels, on the rim
    captioned = pixels.mean_and_std_image(describe_pixels(images, np.zeros(3, int), 1))
    assert plain(captioned.title) == "The central quarter of the image holds 75 % of the brightness"
    assert "The border pixels hold 25.0 % of the brightness." in plain(captioned.note)
    assert "64 of the 64 pixels have one gray level in all images" in captioned.note


def test_the_scree_plot(pca: PCA) -> None:
    captioned = components.scree_plot(pca)
    shares = pca.explained_variance / pca.total_variance
    assert list(captioned.figure.axes[0].lines[0].get_ydata()) == pytest.approx(shares)
    assert plain(captioned.title) == (
        f"Component 1 explains {100 * shares[0]:.2g} % of the variance, component 10 {100 * shares[9]:.2g} %"
    )
    assert f"The participation ratio is {1 / (shares**2).sum():.1f}" in captioned.note


def test_the_reconstruction_error_falls_to_zero(pca: PCA) -> None:
    captioned = components.reconstruction_error(pca, 200, [5, 20])
    curve, marks = captioned.figure.axes[0].lines
    errors = 255 * pca.reconstruction_errors(200)
    assert list(curve.get_ydata()) == pytest.approx(errors)
    assert errors[-1] == pytest.approx(0, abs=1e-4)
    assert list(marks.get_xdata()) == [5, 20]
    assert captioned.title == f"With 20 components, the error of a pixel is {errors[20]:.0f} of 255 gray levels"


def test_heat_maps_show_r_of_pixels_and_components(labeled: LabeledImages, pca: PCA) -> None:
    before = correlations(pca.covariance)
    after = feature_correlations(pca.transform(labeled.images))
    captioned = correlation_heatmaps(before, after, (8, 8))
    first, second = (np.asarray(image.get_array())[..., 3] for image in captioned.figure.axes[0].images)
    assert first == pytest.approx(np.abs(before))
    assert second == pytest.approx(np.eye(64), abs=1e-4)
    expected = mean_abs_correlation(before)
    assert captioned.title.startswith(f"Mean |r| is {expected:.3f} between two pixels")
    assert captioned.title.endswith("less than 0.001 between two components")


def test_a_large_heat_map_is_subsampled() -> None:
    r = np.linspace(-1, 1, 784**2).reshape(784, 784)
    r[5] = r[:, 5] = np.nan  # a pixel that never changes
    captioned = correlation_heatmaps(r, np.eye(187), (28, 28))
    sizes = [image.get_array().shape[:2] for image in captioned.figure.axes[0].images]
    assert sizes == [(100, 100), (100, 100)]
    assert captioned.note.endswith(
        "Shown are 100 pixels, the first of each 3x3 block, row by row, and the first 100 components."
    )


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
