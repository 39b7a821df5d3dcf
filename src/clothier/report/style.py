"""How Clothier's figures look, and the palette that they share with the page.

A colour is a role. Figures are drawn with the light palette; on the page each role becomes a CSS variable, so one
drawing serves light, dark and print. Blue against clay, and ink of any strength, stay apart for colour-blind eyes.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.typing import RcKeyType

LIGHT = {
    "background": "#fdfcfa",
    "surface": "#f4f2ee",
    "text": "#1d2530",
    "muted": "#5a6472",
    "border": "#d8dbe0",
    "primary": "#2a5caa",
    "secondary": "#b24c1c",
}
"""Role to colour on paper and on a light screen. Text roles keep 4.5:1 against ``background`` and ``surface``."""

DARK = {
    "background": "#14181e",
    "surface": "#1d232b",
    "text": "#e8eaed",
    "muted": "#a6b0bd",
    "border": "#38414d",
    "primary": "#86b5f5",
    "secondary": "#f0a274",
}
"""The same roles on a dark screen."""

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
"""Ten middle tones after Paul Tol's qualitative schemes; legible on light and dark, always with a name beside them."""

FIGURE_WIDTH = 5.2  # inches: half of the page on a desk, all of it on a phone, one column in print
TITLE_CHARS_PER_INCH = 9.6  # of the bold title that fit on an inch
TITLE_LINE_HEIGHT = 0.25  # inches
NOTE_CHARS_PER_INCH = 13.8  # of a note below a figure that fit on an inch
NOTE_LINE_HEIGHT = 0.19  # inches

STYLE: dict[RcKeyType, Any] = {
    "font.family": ["DejaVu Sans"],  # comes with matplotlib, so every machine draws the same picture
    "font.size": 10.0,
    "text.color": TEXT,
    "text.parse_math": False,  # a class may be called "$5 shirt"
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
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
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
"""matplotlib's settings while a figure of ours is drawn or saved; never set for the whole process."""


def new_figure(height: float, width: float = FIGURE_WIDTH) -> Figure:
    """An empty figure of ``width`` x ``height`` inches that lays itself out and belongs to no window."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def new_plot(height: float, *, grid: str = "y") -> tuple[Figure, Axes]:
    """A figure with one pair of axes and a quiet grid along ``grid`` (``x``, ``y`` or ``both``)."""
    figure = new_figure(height)
    axes = figure.add_subplot()
    axes.grid(visible=True, axis=grid)  # type: ignore[arg-type]
    return figure, axes


def class_axis(axes: Axes, classes: Sequence[str]) -> None:
    """Names one row a class on the vertical axis, the first on top."""
    axes.set_yticks(range(len(classes)), [shorten(name) for name in classes])
    axes.set_ylim(len(classes) - 0.5, -0.5)
    axes.tick_params(axis="y", labelcolor=TEXT)
    axes.spines["left"].set_visible(False)


def shorten(name: str, max_chars: int = 16) -> str:
    """A class name that fits beside an axis or below a picture."""
    return name if len(name) <= max_chars else f"{name[: max_chars - 1].rstrip()}…"


def wrap_title(title: str, inches: float) -> str:
    """``title`` broken into lines of about the same length that fit on ``inches`` inches."""
    widest = int(inches * TITLE_CHARS_PER_INCH)
    lines = len(textwrap.wrap(title, widest))
    even = next(limit for limit in range(1, widest + 1) if len(textwrap.wrap(title, limit)) <= lines)
    return textwrap.fill(title, max(even, *map(len, title.split())))
