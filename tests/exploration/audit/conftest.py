"""Probabilities as a fair model gives them, and labels of which a known share was exchanged."""

from __future__ import annotations

import numpy as np
import pytest

from clothier.metrics import softmax


@pytest.fixture(params=[(400, 3, 1.5), (3_000, 10, 3.0)], ids=["few", "many"])
def judged(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    """Labels (N,) of unequal classes, a twelfth of them wrong, and (N, K) probabilities that roughly know the truth."""
    n, classes, skill = request.param
    generator = np.random.default_rng(n)
    truth = np.minimum(generator.integers(0, classes, n), generator.integers(0, classes, n))
    labels = np.where(generator.random(n) < 1 / 12, generator.integers(0, classes, n), truth)
    logits = generator.normal(size=(n, classes))
    logits[np.arange(n), truth] += skill
    return labels, softmax(logits)
