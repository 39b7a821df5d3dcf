"""Metrics of the benchmark of selective prediction."""

from __future__ import annotations

import numpy as np

from benchmarks.selective_prediction import fpr_at_95_tpr


def test_false_positive_rate_at_95_percent_recall() -> None:
    assert fpr_at_95_tpr(np.arange(100), [10, 94, 95, 96, 200]) == 0.6
