"""The risk-coverage curve of a model that can abstain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib import rc_context
from matplotlib.ticker import MaxNLocator

from clothier.report.captioned_figure import CaptionedFigure
from clothier.report.formatting import format_percent
from clothier.report.style import MUTED, PRIMARY, SECONDARY, STYLE, TEXT, new_plot, percent_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from clothier.selective.decisions import RiskCoverage
    from clothier.selective.thresholds import RiskGuarantee

MIN_TAGS_SHOWN = 20  # the error rate of fewer tags is too noisy


@rc_context(STYLE)
def risk_coverage_plot(curve: RiskCoverage, n_photos: int, guarantee: RiskGuarantee | None = None) -> CaptionedFigure:
    """Error rate of the accepted tags by coverage, with the operating point of the guarantee.

    Args:
        curve: of the predictions for the photos.
        n_photos: number of photos.
        guarantee: of the model's thresholds, if any.
    """
    figure, axes = new_plot(3.2, grid="both")
    shown = curve.coverage * n_photos >= min(MIN_TAGS_SHOWN, n_photos)
    axes.plot(curve.coverage[shown], curve.risk[shown], color=PRIMARY)
    highest = float(curve.risk[shown].max())
    if guarantee:
        highest = max(highest, guarantee.risk)
        axes.axhline(guarantee.risk, color=MUTED, linewidth=1.2, dashes=(4, 3))
        label = f"guarantee: {format_percent(guarantee.risk, 0)}"
        axes.text(0.01, guarantee.risk, label, va="bottom", fontsize=9, color=MUTED)
        _mark_operating_point(axes, guarantee)
    axes.set(xlabel="coverage: fraction of photos accepted", ylabel="error rate of accepted tags")
    axes.set(xlim=(0, 1), ylim=(0, max(1.15 * highest, 0.01)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        percent_axis(axis)
    title = _risk_summary(curve, guarantee)
    bar = " Bar: from the empirical risk to the upper bound." if guarantee and guarantee.n_accepted else ""
    note = f"{n_photos:,} photos, most confident first.{bar}"
    return CaptionedFigure(figure, title, f"Risk-coverage curve. {title}.", note)


def _mark_operating_point(axes: Axes, guarantee: RiskGuarantee) -> None:
    """Marks coverage and empirical risk at the threshold, with a bar up to the bound."""
    if guarantee.empirical_risk is None or guarantee.bound is None:
        return
    axes.vlines(guarantee.coverage, guarantee.empirical_risk, guarantee.bound, color=SECONDARY, linewidth=2)
    axes.plot(guarantee.coverage, guarantee.empirical_risk, "o", color=SECONDARY, markersize=6)
    axes.annotate(
        f"{format_percent(guarantee.coverage, 0)} accepted",
        (guarantee.coverage, guarantee.empirical_risk),
        xytext=(7, -13),
        textcoords="offset points",
        fontsize=9,
        color=TEXT,
    )


def _risk_summary(curve: RiskCoverage, guarantee: RiskGuarantee | None) -> str:
    if guarantee is None:
        half = float(curve.risk[np.searchsorted(curve.coverage, 0.5)])
        every = format_percent(float(curve.risk[-1]))
        return f"The error rate is {every} on all photos and {format_percent(half)} on the more confident half"
    if guarantee.empirical_risk is None:
        return f"No threshold meets the guarantee of {format_percent(guarantee.risk, 0)}, so nothing is accepted"
    accepted = f"{format_percent(guarantee.coverage, 0)} of the photos are accepted"
    return f"{accepted}, and {format_percent(guarantee.empirical_risk)} of those tags are wrong"
