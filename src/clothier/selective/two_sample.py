"""Whether two samples of categories differ, and how much. numpy only.

Legend: K categories.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

SMOOTHING = 0.5  # added to each count (Jeffreys), so that an empty category does not make the index infinite


def population_stability_index(before: npt.ArrayLike, after: npt.ArrayLike) -> float:
    """How much a distribution moved: sum of (q - p) ln(q / p), the symmetric Kullback-Leibler divergence.

    Below 0.1 is usually called stable, above 0.25 a major change (Siddiqi 2006, Credit Risk Scorecards, p. 136). Two
    samples of n and m of the same distribution have about (K - 1) (1 / n + 1 / m).

    Args:
        before: (K,) counts.
        after: (K,) counts.
    """
    p, q = (np.asarray(one, np.float64) + SMOOTHING for one in (before, after))
    p, q = p / p.sum(), q / q.sum()
    return float(((q - p) * np.log(q / p)).sum())


def homogeneity_p_value(before: npt.ArrayLike, after: npt.ArrayLike) -> float:
    """The p-value of Pearson's chi-square test that (K,) counts ``before`` and ``after`` have one distribution.

    Categories that are expected less than five times in a sample are counted together (Cochran 1954). 1 for an empty
    sample.
    """
    table = np.stack([np.asarray(before, np.float64), np.asarray(after, np.float64)])
    totals = table.sum(axis=1, keepdims=True)
    if not totals.all():
        return 1.0
    is_rare = (table.sum(axis=0) * totals.min() / totals.sum()) < 5
    table = np.column_stack([table[:, ~is_rare], table[:, is_rare].sum(axis=1)])
    table = table[:, table.sum(axis=0) > 0]
    expected = table.sum(axis=0) * totals / totals.sum()
    return chi_square_tail(float(((table - expected) ** 2 / expected).sum()), table.shape[1] - 1)


def chi_square_tail(value: float, degrees: int) -> float:
    """The probability that chi-square with so many degrees of freedom exceeds ``value``; 1 for no degrees.

    The finite sums of Abramowitz and Stegun 26.4.4 and 26.4.5.
    """
    if degrees <= 0 or value <= 0:
        return 1.0
    half, is_odd = value / 2, degrees % 2
    tail = math.erfc(math.sqrt(half)) if is_odd else math.exp(-half)
    for number in range(1, (degrees + 1) // 2):
        power = number - 0.5 if is_odd else float(number)
        tail += math.exp(power * math.log(half) - half - math.lgamma(power + 1))
    return min(tail, 1.0)
