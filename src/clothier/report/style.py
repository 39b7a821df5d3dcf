"""The style of all figures, and the palette that they share with the page.

Colors are named by role. Figures are drawn with the light palette; on the page each role becomes a CSS variable, so one
SVG serves light mode, dark mode and print. Blue and orange are distinguishable with color vision deficiency.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from clothier.report.fonts import DEFAULT_FONT, drawable
from clothier.report.formatting import format_percent
from clothier.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.typing import RcKeyType

    from clothier.types import Float64Array

LIGHT = {
    "background": "#fdfcfa",
    "surface": "#f4f2ee",
    "text": "#1d2530",
    "muted": "#5a6472",
    "border": "#d8dbe0",
    "primary": "#2a5caa",
    "secondary": "#b24c1c",
}
"""Role to color in light mode and print. Text roles have a contrast of 4.5:1 with ``background`` and ``surface``."""

DARK = {
    "background": "#14181e",
    "surface": "#1d232b",
    "text": "#e8eaed",
    "muted": "#a6b0bd",
    "border": "#38414d",
    "primary": "#86b5f5",
    "secondary": "#f0a274",
}
"""The same roles in dark mode."""

BACKGROUND, TEXT, MUTED, BORDER = LIGHT["background"], LIGHT["text"], LIGHT["muted"], LIGHT["border"]
PRIMARY, SECONDARY = LIGHT["primary"], LIGHT["secondary"]

CATEGORY_COLORS = (
    "#4477aa",
    "#cc6677",
    "#44aa99",
    "#b59a2d",
    "#aa4499",
    "#5aa8d6",
    "#d9822b",
    "#6f63b5",
    "#7a8b3c",
    "#8c6d5a",
)
"""Ten medium tones after Paul Tol's qualitative schemes; visible in light and dark mode, always used with labels."""

FIGURE_WIDTH = 4.5  # inches: half of the page on a desktop, all of it on a phone, one column in print
TITLE_CHARS, TITLE_LINE_HEIGHT = 42, 0.25  # of the bold title in one line; inches
NOTE_CHARS, NOTE_LINE_HEIGHT = 61, 0.19  # of a note below a figure

STYLE: dict[RcKeyType, Any] = {
    "font.family": [DEFAULT_FONT],
    "font.size": 10.0,
    "text.color": TEXT,
    "text.parse_math": False,  # a class name may contain "$"
    "axes.edgecolor": BORDER,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 10.0,
    "axes.facecolor": "none",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "axes.unicode_minus": True,
    "grid.color": BORDER,
    "grid.linewidth": 0.8,
    "xtick.color": BORDER,
    "ytick.color": BORDER,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.labelsize": 10.0,
    "ytick.labelsize": 10.0,
    "xtick.major.size": 0.0,
    "ytick.major.size": 0.0,
    "lines.linewidth": 2.0,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "figure.facecolor": "none",
    "figure.dpi": 100,
    "image.composite_image": False,
    "figure.constrained_layout.h_pad": 0.06,
    "figure.constrained_layout.w_pad": 0.06,
}
"""matplotlib's settings while a figure is drawn or saved; never set for the whole process."""


def new_figure(height: float) -> Figure:
    """An empty figure of ``height`` inches with automatic layout, not registered with pyplot."""
    figure = Figure(figsize=(FIGURE_WIDTH, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def new_plot(height: float, *, grid: Literal["x", "y", "both"] = "y") -> tuple[Figure, Axes]:
    """A figure with one pair of axes and grid lines along ``grid``."""
    figure = new_figure(height)
    axes = figure.add_subplot()
    axes.grid(visible=True, axis=grid)
    return figure, axes


def bar_panels(
    columns: Mapping[str, Sequence[float]], names: Sequence[str], colors: str | Sequence[str] = PRIMARY
) -> tuple[Figure, list[Axes]]:
    """Panels side by side with horizontal bars.

    Args:
        columns: title of a panel to its values, one per name.
        names: of the rows.
        colors: of all bars, or one per row.
    """
    figure = new_figure(0.75 + 0.29 * len(names))
    panels = list(figure.subplots(1, len(columns), sharey=True, squeeze=False)[0])
    for axes, (title, values) in zip(panels, columns.items(), strict=True):
        axes.barh(range(len(names)), values, height=0.62, color=colors)
        axes.grid(visible=True, axis="x")
        axes.set_title(title)
        class_axis(axes, names)
    return figure, panels


def pair_plot(
    names: Sequence[str], first: Float64Array, second: Float64Array, labels: tuple[str, str]
) -> tuple[Figure, Axes]:
    """Two values of at most 1 for each of ``names``, one row each, joined by a bar; ``labels`` are the legend's."""
    figure, axes = new_plot(0.95 + 0.3 * len(names), grid="x")
    rows, lowest = range(len(names)), min(first.min(), second.min())
    axes.hlines(rows, np.minimum(first, second), np.maximum(first, second), color=BORDER, linewidth=5)
    axes.plot(first, rows, "o", color=PRIMARY, markersize=6.5, label=labels[0])
    axes.plot(second, rows, "D", color=SECONDARY, markersize=5.6, label=labels[1])
    class_axis(axes, names)
    axes.set_xlim(max(0.0, np.floor(10 * lowest - 0.1) / 10), 1.0)
    return figure, axes


def legend_above(axes: Axes, columns: int = 2) -> None:
    """The legend in one row above the axes."""
    axes.legend(
        ncols=columns, loc="lower left", bbox_to_anchor=(-0.02, 1.0), handlelength=1.2, handletextpad=0.4, borderpad=0
    )


def percent_axis(axis: Axis, decimals: int | None = None) -> None:
    """Shows fractions as percentages; without ``decimals``, one decimal where it is needed."""

    def format_tick(fraction: float, _: float) -> str:
        needed = 0 if round(100 * fraction, 6) % 1 == 0 else 1
        return format_percent(fraction, needed if decimals is None else decimals)

    axis.set_major_formatter(format_tick)


def class_axis(axes: Axes, classes: Sequence[str]) -> None:
    """Labels the rows of the vertical axis with class names, the first on top."""
    axes.set_yticks(range(len(classes)), [shorten(name) for name in classes])
    axes.set_ylim(len(classes) - 0.5, -0.5)
    axes.tick_params(axis="y", labelcolor=TEXT)
    axes.spines["left"].set_visible(False)


def class_color(label: int) -> str:
    """The color of a class; colors repeat after ten classes."""
    return CATEGORY_COLORS[label % len(CATEGORY_COLORS)]


def shorten(name: str, max_chars: int = 16) -> str:
    """``name`` as a figure can draw it, in one line, cut to ``max_chars`` with an ellipsis."""
    name = drawable(printable(name))
    return name if len(name) <= max_chars else f"{name[: max_chars - 1].rstrip()}…"


def wrap_title(title: str, max_chars: int = TITLE_CHARS) -> str:
    """``title`` in lines of about the same length, at most ``max_chars`` characters."""
    lines = len(textwrap.wrap(title, max_chars))
    even = next(limit for limit in range(1, max_chars + 1) if len(textwrap.wrap(title, limit)) <= lines)
    return textwrap.fill(title, max(even, *map(len, title.split())))
