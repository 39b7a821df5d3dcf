"""A figure with its words, as PNG for a folder and as SVG for the page."""

from __future__ import annotations

import io
import re
import textwrap
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

from matplotlib import rc_context
from matplotlib.figure import Figure
from PIL import Image

from clothier import atomic
from clothier.report.style import (
    BACKGROUND,
    LIGHT,
    MUTED,
    NOTE_CHARS_PER_INCH,
    NOTE_LINE_HEIGHT,
    STYLE,
    TEXT,
    TITLE_LINE_HEIGHT,
    wrap_title,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from matplotlib.typing import RcKeyType

DPI = 150
POINTS_PER_INCH = 72  # of an inch
CSS_PIXELS_PER_INCH = 96  # of an inch, as a browser counts; a screen with finer ones draws on the picture's own
GRAYSCALE, SIGNED = "garment", "signed"
"""Beginnings of the gid of pictures, in ink and in two colours, which the page turns lighter on a dark screen."""


@dataclass(frozen=True, slots=True, eq=False)
class CaptionedFigure:
    """A figure and what it says.

    Attributes:
        figure: drawn without its title, so that the page may set it as text.
        title: the finding, one line, without a full stop.
        alt: what can be seen, for those who cannot see it.
        note: how to read it, or how it was made; may be empty.
    """

    figure: Figure
    title: str
    alt: str
    note: str = ""

    def __post_init__(self) -> None:
        # Laid out once and for all: a layout that runs again at every save moves things by a hair each time.
        with rc_context(STYLE):
            self.figure.draw_without_rendering()
        self.figure.set_layout_engine("none")

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, str], dict[str, dict[str, Any]]]:
        """What a notebook shows where a drawing is the last line of a cell: the picture with all its words."""
        picture = b64encode(_encode_png(_page(self, self.note))).decode("ascii")
        shown = {"alt": self.alt, "width": round(CSS_PIXELS_PER_INCH * self.figure.get_figwidth())}
        return {"image/png": picture, "text/plain": f"{self.title}. {self.alt}"}, {"image/png": shown}


def png(captioned: CaptionedFigure) -> bytes:
    """The drawing under its title, 150 dots an inch; the same bytes each time."""
    return _encode_png(_page(captioned))


def save_figures(figures: Mapping[str, CaptionedFigure], folder: Path) -> None:
    """Writes each of ``figures`` as ``<name>.png`` into ``folder``.

    Raises:
        StorageError: the disk refused.
    """
    for name, drawing in figures.items():
        atomic.write_bytes(folder / f"{name}.png", png(drawing))


def inline_svg(captioned: CaptionedFigure, name: str) -> str:
    """The drawing without its title as an ``<svg>`` for a page that defines the palette's CSS variables.

    Args:
        captioned: what to draw.
        name: unique on the page; keeps the ids of two drawings apart.
    """
    return _use_page_styles(_raw_svg(captioned, name), captioned.alt)


def standalone_svg(captioned: CaptionedFigure, name: str) -> str:
    """The drawing under its title as an SVG that stands alone: plain colours on paper; the same text each time.

    Args:
        captioned: what to draw.
        name: of the file; seeds the ids inside.
    """
    width, height = (POINTS_PER_INCH * float(inches) for inches in captioned.figure.get_size_inches())
    lines = wrap_title(captioned.title, width / POINTS_PER_INCH).split("\n")
    head = POINTS_PER_INCH * TITLE_LINE_HEIGHT * (0.4 + len(lines))
    spans = [
        f'<tspan x="{0.02 * width:g}" y="{POINTS_PER_INCH * TITLE_LINE_HEIGHT * (0.9 + place):g}">{escape(line)}</tspan>'
        for place, line in enumerate(lines)
    ]
    body = _raw_svg(captioned, name)
    # Inside, a number without a unit is a point, as the outer viewBox has it.
    body = re.sub(r' (width|height)="([\d.]+)pt"', r' \1="\2"', body[body.index("<svg") :], count=2)
    body = body.replace("<svg", f'<svg y="{head:g}" overflow="visible"', 1)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}pt" height="{head + height:g}pt" '
        f'viewBox="0 0 {width:g} {head + height:g}" role="img" aria-label={quoteattr(captioned.alt)}>\n'
        f'<rect width="100%" height="100%" fill="{BACKGROUND}"/>\n'
        f'<text font-family="DejaVu Sans, Verdana, sans-serif" font-size="11.5" font-weight="bold" fill="{TEXT}">'
        f"{''.join(spans)}</text>\n{body}</svg>\n"
    )


def _raw_svg(captioned: CaptionedFigure, name: str) -> str:
    file = io.StringIO()
    settings: dict[RcKeyType, Any] = {**STYLE, "svg.fonttype": "none", "svg.hashsalt": name}
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with rc_context(settings):
        captioned.figure.savefig(file, format="svg", dpi=DPI, transparent=True, metadata=nothing)
    return re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", file.getvalue(), flags=re.DOTALL)


def _page(captioned: CaptionedFigure, note: str = "") -> Image.Image:
    """The drawing under its title, and above its note where one is wanted."""
    width = captioned.figure.get_figwidth()
    parts = [_rasterize(part) for part in (_title_figure(captioned.title, width), captioned.figure)]
    parts += [_rasterize(_note_figure(note, width))] if note else []
    sheet = Image.new("RGB", (parts[0].width, sum(part.height for part in parts)))
    top = 0
    for part in parts:
        sheet.paste(part, (0, top))
        top += part.height
    return sheet


def _encode_png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, format="PNG", dpi=(DPI, DPI), optimize=True)
    return file.getvalue()


def _rasterize(figure: Figure) -> Image.Image:
    file = io.BytesIO()
    with rc_context(STYLE):
        figure.savefig(file, format="png", dpi=DPI, facecolor=BACKGROUND)
    return Image.open(file).convert("RGB")


@rc_context(STYLE)
def _title_figure(title: str, width: float) -> Figure:
    """The title alone, as wide as its figure."""
    words = wrap_title(title, width)
    height = TITLE_LINE_HEIGHT * (1.4 + words.count("\n"))
    heading = Figure(figsize=(width, height))
    heading.text(0.02, 0.5, words, va="center", fontsize=11.5, fontweight="bold", linespacing=1.25)
    return heading


@rc_context(STYLE)
def _note_figure(note: str, width: float) -> Figure:
    """The note alone, as wide as its figure."""
    words = textwrap.fill(note, int(width * NOTE_CHARS_PER_INCH))
    footing = Figure(figsize=(width, NOTE_LINE_HEIGHT * (1.6 + words.count("\n"))))
    footing.text(0.02, 0.55, words, va="center", fontsize=9.0, color=MUTED, linespacing=1.3)
    return footing


def _use_page_styles(markup: str, alt: str) -> str:
    """Takes what only a file needs out of matplotlib's SVG, and makes colours and type the page's own."""
    body = markup[markup.index("<svg") :]
    body = re.sub(r"<style.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(rf'(<(?:g|image)\b[^>]*?) id="({GRAYSCALE}|{SIGNED})[^"]*"', r'\1 class="\2"', body)
    body = re.sub(r'(<(?:g|image)\b[^>]*?) id="[^"]*"', r"\1", body)
    body = re.sub(r"\"?'DejaVu Sans'[^;\"]*", "var(--sans)", body)
    for role, colour in LIGHT.items():
        body = body.replace(colour, f"var(--{role})")
    body = re.sub(r'^<svg\b(.*?) width="[^"]*"', r"<svg\1", body, count=1, flags=re.DOTALL)
    body = re.sub(r'^<svg\b(.*?) height="[^"]*"', r"<svg\1", body, count=1, flags=re.DOTALL)
    body = body.replace("<svg", f'<svg role="img" aria-label={quoteattr(alt)}', 1)
    return re.sub(r"\n\s*", "\n", body)
