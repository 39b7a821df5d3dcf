"""Intervals of an error rate from a number of errors in a random sample. numpy only."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

BISECTIONS = 60  # more than a float has bits
MIN_EXPECTED = 1e-3  # a mixture around an error rate of 0 or 1 would contain nothing else


def clopper_pearson(errors: int, n: int, confidence_level: float = 0.95) -> tuple[float, float]:
    """The exact interval of an error rate (Clopper and Pearson 1934), for one look at a sample of fixed size.

    Args:
        errors: wrong ones, 0 to ``n``.
        n: size of the sample; the interval of an empty one is (0, 1).
        confidence_level: of the interval, 0 to 1.
    """
    if n == 0:
        return 0.0, 1.0
    tail = (1 - confidence_level) / 2
    low = _bisect(lambda p: 1 - _binomial_cdf(errors - 1, n, p) < tail) if errors else 0.0
    high = _bisect(lambda p: _binomial_cdf(errors, n, p) > tail) if errors < n else 1.0
    return low, high


def confidence_sequence(errors: int, n: int, expected: float, confidence_level: float = 0.95) -> tuple[float, float]:
    """An interval of an error rate that holds at every look, also when the sample grows until one likes the result.

    The rates that a beta-binomial mixture does not refute (Robbins 1970): its likelihood ratio is a martingale, which
    exceeds 1 / (1 - ``confidence_level``) at any time with at most the remaining probability (Ville 1939).

    Args:
        errors: wrong ones so far, 0 to ``n``.
        n: size of the sample so far; the interval of an empty one is (0, 1).
        expected: an error rate near which the interval is narrowest, 0 to 1; chosen without the sample.
        confidence_level: of all intervals together, 0 to 1.
    """
    expected = min(max(expected, MIN_EXPECTED), 1 - MIN_EXPECTED)
    a, b = 1.0, (1 - expected) / expected
    evidence = _log_beta(a + errors, b + n - errors) - _log_beta(a, b) + math.log(1 - confidence_level)

    def is_refuted(rate: float) -> bool:
        return evidence > _log_likelihood(errors, n, rate)

    observed = errors / n if n else expected
    low = _bisect(is_refuted, high=observed) if is_refuted(0.0) else 0.0
    high = _bisect(lambda rate: not is_refuted(rate), low=observed) if is_refuted(1.0) else 1.0
    return low, high


def _log_likelihood(errors: int, n: int, rate: float) -> float:
    wrong = errors * math.log(rate) if rate > 0 else -math.inf if errors else 0.0
    right = (n - errors) * math.log1p(-rate) if rate < 1 else -math.inf if n > errors else 0.0
    return wrong + right


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _binomial_cdf(k: int, n: int, p: float) -> float:
    """The probability of at most ``k`` of ``n``; summed over the terms that are not negligible."""
    if k < 0 or p >= 1:
        return 0.0
    if p <= 0:
        return 1.0
    spread = 40 * math.sqrt(n * p * (1 - p)) + 40
    counts = np.arange(max(0, math.floor(n * p - spread)), min(k, math.ceil(n * p + spread)) + 1)
    if not counts.size:
        return 0.0
    steps = np.log((n - counts[:-1]) / (counts[:-1] + 1)) + math.log(p) - math.log1p(-p)
    first = int(counts[0])
    start = math.lgamma(n + 1) - math.lgamma(first + 1) - math.lgamma(n - first + 1)
    terms = start + first * math.log(p) + (n - first) * math.log1p(-p) + np.append(0.0, np.cumsum(steps))
    return min(float(np.exp(terms).sum()), 1.0)


def _bisect(is_below: Callable[[float], bool], low: float = 0.0, high: float = 1.0) -> float:
    """Where ``is_below`` turns from True to False."""
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if is_below(middle) else (low, middle)
    return (low + high) / 2
