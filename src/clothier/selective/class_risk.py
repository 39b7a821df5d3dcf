"""For which classes alone the risk guarantee holds too.

A guarantee on all accepted tags can hide a class that is often wrong. For each class, the hypothesis "more than the
risk of its accepted tags are wrong" is tested at the thresholds one after the other until one is not rejected: a fixed
sequence, as in :mod:`clothier.selective.risk_control`. Its order is that of the bounds that the confidences alone
imply, so it uses no labels; thresholds with too few tags to prove anything are left out. The class has the guarantee
if the model's threshold comes before the first failure. Each class is tested with (1 - confidence) / K as its
probability of error (Bonferroni), so what is said of the classes holds for all of them at once.

A class with few photos, or whose photos come from few groups, proves nothing. That does not say that it is worse.

Legend: N images, K predicted classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clothier.selective.risk_control import (
    check_inputs,
    coverage_thresholds,
    intraclass_correlation,
    risk_upper_bound,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.types import Float64Array, Int64Array, Labels


def guaranteed_classes(
    threshold: float | None,
    confidence: npt.ArrayLike,
    predictions: Labels,
    correct: npt.ArrayLike,
    groups: npt.ArrayLike,
    *,
    risk: float,
    confidence_level: float,
) -> frozenset[int]:
    """The predicted classes whose tags from ``threshold`` on are wrong in at most ``risk``, each taken alone.

    Args:
        threshold: of the model; one of :func:`clothier.selective.risk_control.coverage_thresholds`. None accepts
            nothing, and no class has a guarantee.
        confidence: (N,) calibrated probabilities of the predictions; -inf for those that must not be accepted.
        predictions: (N,) int64.
        correct: (N,) bool.
        groups: (N,), such as the photographer of each image.
        risk: 0 to 1; chosen before seeing the labels, unless the threshold was.
        confidence_level: with which all of them hold at once, above 0.5 and below 1.

    Raises:
        DataError: no predictions, or arrays of different lengths.
    """
    scores, wrong, members = check_inputs(confidence, correct, groups)
    if threshold is None:
        return frozenset()
    labels, thresholds = np.asarray(predictions), coverage_thresholds(scores)
    level = 1 - (1 - confidence_level) / len(np.unique(labels))
    overall_correlation, found = intraclass_correlation(wrong, members), set()
    for label in np.unique(labels[scores >= threshold]):
        own = labels == label
        own_scores, own_wrong, own_groups = scores[own], wrong[own], np.unique(members[own], return_inverse=True)[1]
        correlation = max(overall_correlation, intraclass_correlation(own_wrong, own_groups))
        for tested in _sequence(thresholds, own_scores, own_groups, risk, level):
            rows = own_scores >= tested
            if risk_upper_bound(own_wrong[rows], own_groups[rows], level, correlation) > risk:
                break
            if tested == threshold:
                found.add(int(label))
                break
    return frozenset(found)


def _sequence(
    thresholds: Float64Array, scores: Float64Array, groups: Int64Array, risk: float, level: float
) -> list[float]:
    """The thresholds in the order of the bounds that the confidences imply; without those that can prove nothing.

    These accept so few tags that the risk would not be proven if all were right.
    """
    bounds = {}
    for threshold in thresholds[thresholds <= scores.max()]:
        rows = scores >= threshold
        if risk_upper_bound(np.zeros(rows.sum()), groups[rows], level) <= risk:
            bounds[float(threshold)] = risk_upper_bound(1 - scores[rows], groups[rows], level)
    return sorted(bounds, key=bounds.__getitem__)
