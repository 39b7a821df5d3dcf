"""Heat maps of correlations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from clothier.exploration.correlation import correlations, feature_correlations, mean_abs_correlation
from clothier.report.figures.correlation import correlation_heatmaps

if TYPE_CHECKING:
    from clothier.data.dataset import LabeledImages
    from clothier.exploration.pca import PCA


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
