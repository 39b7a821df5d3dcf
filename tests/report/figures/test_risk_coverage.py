"""The risk-coverage figure shows the curve and the guarantee, and its title summarizes both."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from clothier.report.figures import risk_coverage_plot
from clothier.selective.decisions import risk_coverage
from clothier.selective.thresholds import ProvableRisk, RiskGuarantee

from ..conftest import plain

N = 400
CONFIDENCE = np.linspace(1, 0, N)
CURVE = risk_coverage(CONFIDENCE, np.arange(N) % 5 != 4)
GUARANTEE = RiskGuarantee(
    risk=0.05,
    confidence_level=0.95,
    empirical_risk=0.031,
    coverage=0.7,
    n=N,
    n_accepted=280,
    n_groups=90,
    grouped_by="photographer",
    method="a method",
)


def test_curve_and_guarantee() -> None:
    captioned = risk_coverage_plot(CURVE, N, GUARANTEE)
    (axes,) = captioned.figure.axes
    curve, guarantee, point = axes.lines
    np.testing.assert_allclose(curve.get_xdata(), CURVE.coverage[19:])  # the error rate of fewer tags is too noisy
    np.testing.assert_allclose(curve.get_ydata(), CURVE.risk[19:])
    assert list(guarantee.get_ydata()) == [0.05, 0.05]
    assert (list(point.get_xdata()), list(point.get_ydata())) == ([0.7], [0.031])
    assert plain(captioned.title) == "70 % of the photos are accepted, and 3.1 % of those tags are wrong"
    assert captioned.note == "400 photos, most confident first."


def test_without_a_guarantee_and_with_one_that_no_threshold_meets() -> None:
    captioned = risk_coverage_plot(CURVE, N)
    assert plain(captioned.title) == "The error rate is 20.0 % on all photos and 20.0 % on the more confident half"
    assert captioned.note == "400 photos, most confident first."
    nothing = replace(GUARANTEE, empirical_risk=None, coverage=0.0, n_accepted=0)
    captioned = risk_coverage_plot(CURVE, N, nothing)
    assert plain(captioned.title) == "No threshold meets the guarantee of 5 %, so nothing is accepted"
    assert len(captioned.figure.axes[0].lines) == 2


def test_risks_that_are_proven() -> None:
    proven = [(0.1, 0.9, 0.4), (0.15, 0.8, 0.8), (0.2, 0.1, 1.0), (0.3, 0.1, 1.0)]
    rows = [ProvableRisk(risk=0.05, min_probability=None, coverage=0.0, more_photos=90)]
    rows += [ProvableRisk(risk=risk, min_probability=p, coverage=c, more_photos=0) for risk, p, c in proven]
    nothing = replace(GUARANTEE, empirical_risk=None, coverage=0.0, n_accepted=0, provable=tuple(rows))
    captioned = risk_coverage_plot(CURVE, N, replace(nothing, strictest=rows[1]))
    squares = captioned.figure.axes[0].lines[-1]
    assert list(squares.get_xdata()) == [0.4, 0.8, 1.0]
    assert list(squares.get_ydata()) == [0.1, 0.15, 0.2]
    assert plain(captioned.title).endswith("nothing is accepted; 10.0 % can be proven with 40 % accepted")
    assert "proven, all at once" in captioned.note


@pytest.mark.parametrize("right", [True, False])
def test_few_photos_all_right_or_all_wrong(right: bool) -> None:
    captioned = risk_coverage_plot(risk_coverage([0.9, 0.8, 0.7], [right] * 3), 3)
    assert captioned.figure.axes[0].get_ylim()[1] > 0
