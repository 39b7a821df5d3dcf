"""Figures of a model that may ask a person: what it accepts, and how much of that is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib import rc_context
from matplotlib.ticker import MaxNLocator

from clothier.report.captioned_figure import CaptionedFigure
from clothier.report.formatting import format_percent
from clothier.report.style import MUTED, PRIMARY, SECONDARY, STYLE, TEXT, new_plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from clothier.selective.decisions import RiskCoverage
    from clothier.selective.thresholds import RiskGuarantee

MIN_TAGS_SHOWN = 20  # tags, of which the share of wrong ones only jumps


@rc_context(STYLE)
def risk_coverage_plot(curve: RiskCoverage, n_photos: int, guarantee: RiskGuarantee | None = None) -> CaptionedFigure:
    """The share of wrong tags by the share of photos that are accepted, and where the promise has drawn the line.

    Args:
        curve: of the photos' answers.
        n_photos: how many they are.
        guarantee: what the model promises; a point stands where it accepts.
    """
    figure, axes = new_plot(3.2, grid="both")
    shown = curve.coverage * n_photos >= min(MIN_TAGS_SHOWN, n_photos)
    axes.plot(curve.coverage[shown], curve.risk[shown], color=PRIMARY)
    highest = float(curve.risk[shown].max())
    if guarantee:
        highest = max(highest, guarantee.risk)
        axes.axhline(guarantee.risk, color=MUTED, linewidth=1.2, dashes=(4, 3))
        axes.text(
            0.01, guarantee.risk, f"promised: {format_percent(guarantee.risk, 0)}", va="bottom", fontsize=9, color=MUTED
        )
        _mark_operating_point(axes, guarantee)
    axes.set(xlabel="coverage: share of photos accepted", ylabel="share of wrong tags among them")
    axes.set(xlim=(0, 1), ylim=(0, max(1.15 * highest, 0.01)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        axis.set_major_formatter(lambda share, _: format_percent(share, 0 if round(share * 100, 6) % 1 == 0 else 1))
    title = _risk_summary(curve, guarantee)
    bar = " Bar: from what was seen up to the promise's bound." if guarantee and guarantee.n_accepted else ""
    return CaptionedFigure(
        figure, title, f"Risk over coverage. {title}.", f"{n_photos:,} photos, the surest first.{bar}"
    )


def _mark_operating_point(axes: Axes, guarantee: RiskGuarantee) -> None:
    """Where the promise accepts: the wrong ones seen, and the bound above."""
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
        return f"Of the surer half of the tags {format_percent(half)} are wrong, of all {format_percent(float(curve.risk[-1]))}"
    if guarantee.empirical_risk is None:
        return f"No probability proves the promise of {format_percent(guarantee.risk, 0)}, so nothing is accepted"
    accepted = f"{format_percent(guarantee.coverage, 0)} of the photos are accepted"
    return f"{accepted}, and {format_percent(guarantee.empirical_risk)} of those tags are wrong"
