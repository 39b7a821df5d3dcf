from __future__ import annotations

import numpy as np
import pytest

from clothier.catalogue.descriptors import COLOR_WEIGHT, describe, to_unit_length, weigh


def test_a_cosine_is_the_weighted_mean_of_both_parts() -> None:
    generator = np.random.default_rng(0)
    embeddings = generator.random((2, 5), dtype=np.float32)
    images = generator.integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
    descriptors = describe(embeddings, images)
    first, second = weigh(descriptors)
    parts = [to_unit_length(one) for one in (embeddings, descriptors[:, 5:])]
    shape, colors = ((one[0] @ one[1]) for one in parts)
    assert first @ second == pytest.approx((1 - COLOR_WEIGHT) * shape + COLOR_WEIGHT * colors, abs=1e-5)
    assert first @ first == pytest.approx(1, abs=1e-5)


def test_zeros_stay_zeros() -> None:
    assert to_unit_length(np.zeros((1, 3), np.float32)).tolist() == [[0, 0, 0]]
