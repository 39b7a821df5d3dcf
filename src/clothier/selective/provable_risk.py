"""Which risks the calibration photos prove, where the one that is asked for is not proven or none is asked for.

A risk that is chosen after seeing the data is not covered by the test of :mod:`clothier.selective.risk_control`, which
is for one risk that was chosen before. Two procedures are:

- *The strictest risk with half of the photos accepted* (``auto``): one threshold is chosen without the labels, among
  those that accept half or more. At that threshold the hypotheses "more than r of the tags are wrong" are tested for
  falling r until one is not rejected. This is a fixed sequence (Learn then Test, arXiv 2110.01052, section 4), and for
  one threshold the hypotheses are nested, so the strictest proven risk is the confidence bound itself. It costs no
  confidence.
- *A table of risks*: each of M risks is tested by its own fixed sequence of thresholds, with (1 - confidence) / M as
  its probability of error (Bonferroni). All rows hold at once, so any may be chosen after reading them.

Both are checked in simulated catalogs in the tests.

Legend: N images.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from clothier.selective.class_risk import guaranteed_classes
from clothier.selective.risk_control import (
    check_inputs,
    find_threshold,
    fixed_sequence,
    intraclass_correlation,
    risk_guarantee,
    risk_upper_bound,
)
from clothier.selective.thresholds import AUTO_RISK, ProvableRisk, RiskGuarantee

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from clothier.types import BoolArray, Float64Array, Int64Array, Labels

RISK_GRID = (0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3)  # of the table
MAX_RISK = RISK_GRID[-1]  # a model that is wrong more often does not tag without a person
MIN_COVERAGE = 0.5  # of the strictest risk
RISK_STEP = 0.001  # to which the strictest risk is rounded up
MAX_SCALE = 1000.0  # times as many photos are the most that are asked for
METHOD = "Korn-Graubard bound over groups, at a threshold chosen without labels"


class _Sample(NamedTuple):
    """N tags."""

    scores: Float64Array
    wrong: BoolArray
    groups: Int64Array
    confidence_level: float

    def upper_bound(self, threshold: float, scale: float = 1.0) -> float:
        """Of the risk of the tags from ``threshold`` on, if there were ``scale`` times as many groups."""
        accepted, correlation = self.scores >= threshold, intraclass_correlation(self.wrong, self.groups)
        wrong, groups = self.wrong[accepted], self.groups[accepted]
        return risk_upper_bound(wrong, groups, self.confidence_level, correlation, scale=scale)

    def half_accepted(self) -> float | None:
        """The threshold from which on half or more are accepted and the bound is lowest if the confidences are true."""
        thresholds = fixed_sequence(self.scores, self.groups, self.confidence_level, MIN_COVERAGE)
        return float(thresholds[0]) if thresholds.size else None

    def more_photos(self, risk: float) -> int | None:
        """About how many more photos prove ``risk`` with half accepted, if as many are wrong; None if no number does.

        Two significant digits, rounded up.
        """
        threshold = self.half_accepted()
        if threshold is not None and self.upper_bound(threshold) <= risk:
            return 0
        if threshold is None or self.upper_bound(threshold, MAX_SCALE) > risk:
            return None
        low, high = 1.0, MAX_SCALE
        while high > 1.001 * low:
            middle = math.sqrt(low * high)
            low, high = (low, middle) if self.upper_bound(threshold, middle) <= risk else (middle, high)
        more = math.ceil((high - 1) * len(self.scores))
        unit = int(10 ** max(len(str(more)) - 2, 0))
        return math.ceil(more / unit) * unit


def control_risk(
    confidence: npt.ArrayLike,
    predictions: Labels,
    correct: npt.ArrayLike,
    groups: npt.ArrayLike,
    classes: Sequence[str],
    *,
    risk: float | str,
    confidence_level: float,
    grouped_by: str,
) -> tuple[float | None, RiskGuarantee]:
    """The threshold from which on at most ``risk`` of the tags are wrong, and its guarantee; None if there is none.

    ``risk`` is a number that was chosen before, or ``auto`` for the strictest that is proven with half of the photos
    accepted. The other arguments are those of :func:`clothier.selective.risk_control.risk_guarantee`.
    """
    evidence, is_auto = (confidence, correct, groups), risk == AUTO_RISK
    sample = _Sample(*check_inputs(*evidence), confidence_level)
    strictest = strictest_risk(*evidence, confidence_level=confidence_level)
    if is_auto:
        asked, threshold = (strictest.risk, strictest.min_probability) if strictest else (MAX_RISK, None)
    else:
        asked = float(risk)
        threshold = find_threshold(*evidence, risk=asked, confidence_level=confidence_level)
    guarantee = risk_guarantee(
        threshold,
        confidence,
        predictions,
        correct,
        groups,
        classes,
        risk=asked,
        confidence_level=confidence_level,
        grouped_by=grouped_by,
    )
    guaranteed = guaranteed_classes(
        threshold, confidence, predictions, correct, groups, risk=asked, confidence_level=confidence_level
    )
    names = {classes[label] for label in guaranteed}
    return threshold, replace(
        guarantee,
        per_class=tuple(replace(one, guaranteed=one.name in names) for one in guarantee.per_class),
        method=METHOD if is_auto else guarantee.method,
        is_strictest=is_auto,
        more_photos=0 if threshold is not None else sample.more_photos(asked),
        strictest=strictest,
        provable=provable_risks(*evidence, confidence_level=confidence_level),
    )


def strictest_risk(
    confidence: npt.ArrayLike, correct: npt.ArrayLike, groups: npt.ArrayLike, *, confidence_level: float
) -> ProvableRisk | None:
    """The strictest risk that is proven with half or more of N photos accepted; None if it is above 30 %.

    Raises:
        DataError: no predictions, or arrays of different lengths.
    """
    sample = _Sample(*check_inputs(confidence, correct, groups), confidence_level)
    threshold = sample.half_accepted()
    if threshold is None:
        return None
    risk = math.ceil(sample.upper_bound(threshold) / RISK_STEP - 1e-9) * RISK_STEP
    if risk > MAX_RISK:
        return None
    coverage = float((sample.scores >= threshold).mean())
    return ProvableRisk(risk=round(risk, 3), min_probability=threshold, coverage=coverage, more_photos=0)


def provable_risks(
    confidence: npt.ArrayLike, correct: npt.ArrayLike, groups: npt.ArrayLike, *, confidence_level: float
) -> tuple[ProvableRisk, ...]:
    """For each risk of :data:`RISK_GRID` what is proven. All rows hold at once with ``confidence_level``.

    Raises:
        DataError: no predictions, or arrays of different lengths.
    """
    sample = _Sample(*check_inputs(confidence, correct, groups), confidence_level)
    sample = sample._replace(confidence_level=1 - (1 - confidence_level) / len(RISK_GRID))
    thresholds = fixed_sequence(sample.scores, sample.groups, sample.confidence_level)
    bounds = np.array([sample.upper_bound(threshold) for threshold in thresholds])
    rows = []
    for risk in RISK_GRID:
        n_proven = int(np.append(bounds > risk, True).argmax())  # before the first that is not
        threshold = float(thresholds[n_proven - 1]) if n_proven else None
        coverage = 0.0 if threshold is None else float((sample.scores >= threshold).mean())
        more = 0 if n_proven else sample.more_photos(risk)
        rows.append(ProvableRisk(risk=risk, min_probability=threshold, coverage=coverage, more_photos=more))
    return tuple(rows)
