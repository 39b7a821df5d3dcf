"""Images that were spoiled on purpose are found with the right reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.stats import median_abs_deviation

from clothier.exploration.audit.outliers import (
    BORDER,
    EMPTY,
    FLAT,
    LARGE,
    measure_brightness,
    outliers,
    robust_z_scores,
)
from tests.synthetic import draw_garments

if TYPE_CHECKING:
    from clothier.data.dataset import LabeledImages


@pytest.fixture
def garments() -> LabeledImages:
    """800 drawn garments, 80 of each class, none of them an outlier."""
    return draw_garments(800, 9)


def found(garments: LabeledImages) -> dict[int, str]:
    return {outlier.index: outlier.reason for outlier in outliers(garments.images, garments.labels)}


def first_of_class(label: int, garments: LabeledImages) -> int:
    return int(np.flatnonzero(garments.labels == label)[0])


def test_spoiled_images_are_found_with_their_reason(garments: LabeledImages) -> None:
    before = found(garments)
    empty, large, flat, bright = (first_of_class(label, garments) for label in (0, 1, 2, 3))
    garments.images[empty] = 0
    garments.images[empty, 8:12, 8:12] = 255
    garments.images[large, 1:27, 1:27] = 120
    garments.images[flat] = 77
    garments.images[bright] = np.maximum(garments.images[bright], np.tile([200, 250], 14).astype(np.uint8))
    after = found(garments)
    assert after[empty] == EMPTY
    assert after[large] == LARGE
    assert after[flat] == FLAT
    assert after[bright] == BORDER
    assert len(set(after) - set(before)) <= 4
    assert len(before) < 8


def test_a_class_is_compared_with_its_own_images(garments: LabeledImages) -> None:
    sandals = garments.labels == 5
    garments.images[sandals] = 0
    garments.images[sandals, 20, 5:25] = 255
    garments.images[sandals, 5, 5:15] = np.random.default_rng(0).integers(0, 255, (sandals.sum(), 10))
    assert not set(np.flatnonzero(sandals)) & set(found(garments))
    one = first_of_class(0, garments)
    garments.images[one] = garments.images[sandals][0]
    assert found(garments)[one] == EMPTY


def test_the_farthest_comes_first_and_each_occurs_once(garments: LabeledImages) -> None:
    garments.images[:3] = 0
    garments.images[5, 2:26] = 255
    scores = [outlier.score for outlier in outliers(garments.images, garments.labels)]
    indices = [outlier.index for outlier in outliers(garments.images, garments.labels)]
    assert scores == sorted(scores, reverse=True)
    assert len(indices) == len(set(indices))
    assert {0, 1, 2, 5} <= set(indices)


def test_images_without_contrast_are_found_even_if_all_are() -> None:
    images = np.full((50, 5, 5), 40, np.uint8)
    assert {o.reason for o in outliers(images, np.zeros(50, np.int64))} == {FLAT}
    assert len(outliers(images, np.zeros(50, np.int64))) == 50


def test_the_measures_of_a_small_image() -> None:
    image = np.zeros((1, 4, 4), np.uint8)
    image[0, 0, :2] = 26, 25
    image[0, 1:3, 1:3] = 255
    (foreground,), (contrast,), (border,) = measure_brightness(image)
    assert (foreground, border) == (5 / 16, 1 / 12)
    assert contrast == pytest.approx(image.std() / 255)


def test_scores_are_robust_z_scores_within_the_class() -> None:
    generator = np.random.default_rng(3)
    labels = np.repeat([0, 1, 2], [200, 100, 5])
    values = generator.normal(labels, 0.1 + labels)
    scores = robust_z_scores(values, labels)
    for label in (0, 1):
        own = values[labels == label]
        scale = median_abs_deviation(own, scale="normal")
        assert scores[labels == label] == pytest.approx((own - np.median(own)) / scale, rel=1e-4)
    whole = (values - np.median(values)) / median_abs_deviation(values, scale="normal")
    assert scores[labels == 2] == pytest.approx(whole[labels == 2], rel=1e-4)
