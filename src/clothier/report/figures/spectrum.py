"""Figures of how the variance falls from component to component, and of what is lost by leaving components out.

Legend: N images, P pixels, k components.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import rc_context
from matplotlib.ticker import LogLocator

from clothier.exploration.pixels import WHITE
from clothier.report.captioned_figure import CaptionedFigure
from clothier.report.formatting import format_percent
from clothier.report.style import PRIMARY, SECONDARY, STYLE, TEXT, new_plot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clothier.exploration.pca import PCA


@rc_context(STYLE)
def scree_plot(pca: PCA) -> CaptionedFigure:
    """The share of the variance that each component holds, both axes logarithmic."""
    shares = (pca.explained_variance / pca.total_variance)[: pca.rank]
    ranks = np.arange(1, len(shares) + 1)
    figure, axes = new_plot(3.0, grid="both")
    axes.loglog(ranks, shares, color=PRIMARY)
    named = [10**power for power in range(len(str(len(shares))))]
    axes.plot(named, shares[np.array(named) - 1], "o", color=SECONDARY, markersize=6, clip_on=False)
    axes.set(xlabel="component", ylabel="share of the variance", xlim=(1, max(len(shares), 2)))
    axes.yaxis.set_major_locator(LogLocator(numticks=5))
    axes.xaxis.set_major_formatter(lambda rank, _: f"{rank:,.0f}")
    axes.yaxis.set_major_formatter(lambda share, _: _format_power_of_ten(share))
    others = [f", number {rank} {_format_small_percent(shares[rank - 1])}" for rank in named[1:]]
    title = f"Component 1 holds {_format_small_percent(shares[0])} of the variance{''.join(others)}"
    even = 1 / float((shares**2).sum())
    note = (
        f"The spectrum is as uneven as that of {even:.1f} components of equal variance would be "
        "(participation ratio). Both axes are logarithmic."
    )
    return CaptionedFigure(figure, title, f"A falling curve. {title}.", note)


@rc_context(STYLE)
def reconstruction_error(pca: PCA, n: int, ranks: Sequence[int]) -> CaptionedFigure:
    """The error of a pixel by the number of components that the ``n`` images are rebuilt from, marked at ``ranks``."""
    errors = WHITE * pca.reconstruction_errors(n)
    figure, axes = new_plot(3.0, grid="both")
    axes.plot(np.arange(len(errors)), errors, color=PRIMARY)
    axes.plot(ranks, errors[list(ranks)], "o", color=SECONDARY, markersize=6, clip_on=False)
    for rank in ranks:
        axes.annotate(
            f"{rank}", (rank, errors[rank]), xytext=(5, 5), textcoords="offset points", fontsize=9.5, color=TEXT
        )
    axes.set(xlabel="components", ylabel="error of a pixel, grey levels", xlim=(0, len(errors) - 1), ylim=(0, None))
    title = f"A pixel rebuilt from {ranks[-1]} components is off by {errors[ranks[-1]]:.0f} of {WHITE} grey levels"
    marked = ", ".join(f"{errors[rank]:.1f} from {rank}" for rank in ranks)
    note = (
        f"Root mean square over the pixels of all {n:,} images that the components were fitted to: "
        f"{errors[0]:.1f} from their average alone, {marked}."
    )
    return CaptionedFigure(figure, title, f"A falling curve. {title}.", note)


def _format_power_of_ten(fraction: float) -> str:
    """A power of ten with all its zeros: 10 %, 0.001 %."""
    return format_percent(fraction, max(0, -2 - round(math.log10(fraction))))


def _format_small_percent(fraction: float) -> str:
    """Two digits of a small share: 29 %, 1.3 %, 0.024 %."""
    return f"{100 * fraction:.2g}\N{NO-BREAK SPACE}%"
