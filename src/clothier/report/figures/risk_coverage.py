"""Figures of a model that may ask a person: what it accepts, and how much of that is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib import rc_context
from matplotlib.ticker import MaxNLocator

from clothier.report.captioned_figure import Drawing
from clothier.report.formatting import percent
from clothier.report.style import FIRST, INK, MUTED, SECOND, STYLE, plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from clothier.selective.decisions import RiskCoverage
    from clothier.selective.thresholds import Promise

FEW = 20  # tags, of which the share of wrong ones only jumps


@rc_context(STYLE)
def risk_coverage(curve: RiskCoverage, photos: int, promise: Promise | None = None) -> Drawing:
    """The share of wrong tags by the share of photos that are accepted, and where the promise has drawn the line.

    Args:
        curve: of the photos' answers.
        photos: how many they are.
        promise: what the model promises; a point stands where it accepts.
    """
    figure, axes = plot(3.2, grid="both")
    shown = curve.coverage * photos >= min(FEW, photos)
    axes.plot(curve.coverage[shown], curve.risk[shown], color=FIRST)
    highest = float(curve.risk[shown].max())
    if promise:
        highest = max(highest, promise.risk)
        axes.axhline(promise.risk, color=MUTED, linewidth=1.2, dashes=(4, 3))
        axes.text(0.01, promise.risk, f"promised: {percent(promise.risk, 0)}", va="bottom", fontsize=9, color=MUTED)
        _point(axes, promise)
    axes.set(xlabel="coverage: share of photos accepted", ylabel="share of wrong tags among them")
    axes.set(xlim=(0, 1), ylim=(0, max(1.15 * highest, 0.01)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        axis.set_major_formatter(lambda share, _: percent(share, 0 if round(share * 100, 6) % 1 == 0 else 1))
    title = _finding(curve, promise)
    bar = " Bar: from what was seen up to the promise's bound." if promise and promise.accepted else ""
    return Drawing(figure, title, f"Risk over coverage. {title}.", f"{photos:,} photos, the surest first.{bar}")


def _point(axes: Axes, promise: Promise) -> None:
    """Where the promise accepts: the wrong ones seen, and the bound above."""
    if promise.observed is None or promise.bound is None:
        return
    axes.vlines(promise.coverage, promise.observed, promise.bound, color=SECOND, linewidth=2)
    axes.plot(promise.coverage, promise.observed, "o", color=SECOND, markersize=6)
    axes.annotate(
        f"{percent(promise.coverage, 0)} accepted",
        (promise.coverage, promise.observed),
        xytext=(7, -13),
        textcoords="offset points",
        fontsize=9,
        color=INK,
    )


def _finding(curve: RiskCoverage, promise: Promise | None) -> str:
    if promise is None:
        half = float(curve.risk[np.searchsorted(curve.coverage, 0.5)])
        return f"Of the surer half of the tags {percent(half)} are wrong, of all {percent(float(curve.risk[-1]))}"
    if promise.observed is None:
        return f"No probability proves the promise of {percent(promise.risk, 0)}, so nothing is accepted"
    accepted = f"{percent(promise.coverage, 0)} of the photos are accepted"
    return f"{accepted}, and {percent(promise.observed)} of those tags are wrong"
