"""Logistic regression on embeddings: the head that a frozen backbone gets, and that fine-tuning begins with.

Legend: N photos, K classes, D embedding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.linear_model import LogisticRegression

if TYPE_CHECKING:
    from clothier.types import Floats, Labels

MAX_ITER = 500  # at most; 50 to 200 are enough on 3,400 photos


@dataclass(frozen=True, slots=True, eq=False)
class LinearProbe:
    """Logistic regression on standardised embeddings, as one layer."""

    weight: Floats
    bias: Floats

    def logits(self, embeddings: Floats) -> Floats:
        """(N, D) to (N, K)."""
        return np.asarray(embeddings @ self.weight.T + self.bias, np.float32)


def fit_linear_probe(embeddings: Floats, labels: Labels, n_classes: int, inverse_reg: float) -> LinearProbe:
    """Fits the head that a frozen backbone gets.

    Args:
        embeddings: (N, D).
        labels: (N,) int64; a class that does not occur is never answered.
        n_classes: K.
        inverse_reg: scikit-learn's C.
    """
    mean, spread = embeddings.mean(axis=0), embeddings.std(axis=0) + 1e-6
    model = LogisticRegression(C=inverse_reg, max_iter=MAX_ITER).fit((embeddings - mean) / spread, labels)
    slopes, offsets = model.coef_, model.intercept_
    if len(model.classes_) == 2:  # scikit-learn keeps one row for two classes
        slopes, offsets = np.concatenate([-slopes, slopes]) / 2, np.concatenate([-offsets, offsets]) / 2
    weight, bias = np.zeros((n_classes, embeddings.shape[1])), np.full(n_classes, offsets.min() - 10.0)
    weight[model.classes_] = slopes / spread
    bias[model.classes_] = offsets - (slopes / spread) @ mean
    return LinearProbe(weight.astype(np.float32), bias.astype(np.float32))
