"""A figure with title, description and note, as PNG for a folder and as SVG for a page."""

from __future__ import annotations

import io
import re
import textwrap
from base64 import b64encode
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import quoteattr

import numpy as np
from matplotlib import rc_context
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from PIL import Image

from clothier import atomic
from clothier.report.fonts import drawable, set_fonts
from clothier.report.style import (
    BACKGROUND,
    LIGHT,
    MUTED,
    NOTE_CHARS,
    NOTE_LINE_HEIGHT,
    STYLE,
    TITLE_LINE_HEIGHT,
    wrap_title,
)
from clothier.types import no_progress
from clothier.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from matplotlib.figure import Figure
    from matplotlib.typing import RcKeyType

    from clothier.types import Progress

DPI = 150
CSS_PIXELS_PER_INCH = 96  # as a browser counts them; a high-resolution screen shows the image at its own resolution
GRAYSCALE, SIGNED = "grayscale", "signed"
"""Prefixes of the gid of images in one color and in two, which the page brightens in dark mode."""


@dataclass(frozen=True, slots=True, eq=False)
class CaptionedFigure:
    """A figure and its texts.

    Attributes:
        figure: without its title, so that the page can set the title as text.
        title: the finding, one line, without a period.
        content: what is drawn, without a period, for those who cannot see the figure.
        note: how to read it, or how it was made; may be empty.
    """

    figure: Figure
    title: str
    content: str
    note: str = ""

    def __post_init__(self) -> None:
        set_fonts(self.figure.findobj(Text))
        # The layout is computed once: a layout engine that runs again at every save moves artists slightly.
        with rc_context(STYLE):
            self.figure.draw_without_rendering()
            self.figure.set_layout_engine(None)

    @property
    def alt(self) -> str:
        """What is drawn, and the finding."""
        return f"{self.content}. {self.title}."

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, str], dict[str, dict[str, Any]]]:
        """What a notebook shows where a figure is the last line of a cell: PNG with title and note."""
        image = b64encode(png(self, self.note)).decode("ascii")
        metadata = {"alt": self.alt, "width": round(CSS_PIXELS_PER_INCH * self.figure.get_figwidth())}
        return {"image/png": image, "text/plain": self.alt}, {"image/png": metadata}


def png(captioned: CaptionedFigure, note: str = "") -> bytes:
    """The figure under its title and above ``note``, 150 dots per inch; the same bytes each time."""
    drawn, file = io.BytesIO(), io.BytesIO()
    with rc_context(STYLE), _with_text(captioned, note) as box:
        captioned.figure.savefig(drawn, format="rgba", dpi=DPI, facecolor=BACKGROUND, bbox_inches=box)
    pixels = np.frombuffer(drawn.getbuffer(), np.uint8).reshape(-1, round(DPI * box.width), 4)
    Image.fromarray(pixels[..., :3]).save(file, format="PNG", dpi=(DPI, DPI))
    return file.getvalue()


def save_figures(
    figures: Mapping[str, CaptionedFigure], folder: Path, *, svg: bool = False, progress: Progress = no_progress
) -> None:
    """Writes each of ``figures`` as ``<name>.png`` into ``folder``, and with ``svg`` also as ``<name>.svg``.

    Raises:
        StorageError: a file could not be written.
    """
    for done, (name, captioned) in enumerate(figures.items()):
        progress("figures", done, len(figures), name)
        atomic.write_bytes(folder / f"{name}.png", png(captioned))
        if svg:
            atomic.write_text(folder / f"{name}.svg", standalone_svg(captioned, name))
    progress("figures", len(figures), len(figures))


def inline_svg(captioned: CaptionedFigure, name: str) -> str:
    """The figure without its title as an ``<svg>`` for a page that defines the palette's CSS variables.

    ``name`` is unique on the page; it keeps the ids of two figures apart.
    """
    svg = _svg(captioned, name, transparent=True)
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(rf'(<(?:g|image)\b[^>]*?) id="({GRAYSCALE}|{SIGNED})[^"]*"', r'\1 class="\2"', svg)
    svg = re.sub(r'(<(?:g|image)\b[^>]*?) id="[^"]*"', r"\1", svg)
    svg = re.sub(r"\"?'DejaVu Sans'[^;\"]*", "var(--sans)", svg)
    for role, color in LIGHT.items():
        svg = svg.replace(color, f"var(--{role})")
    for size in ("width", "height"):
        svg = re.sub(rf'^<svg\b(.*?) {size}="[^"]*"', r"<svg\1", svg, count=1, flags=re.DOTALL)
    return re.sub(r"\n\s*", "\n", svg)


def standalone_svg(captioned: CaptionedFigure, name: str) -> str:
    """The figure under its title as an SVG file with the light palette; ``name`` seeds the ids inside."""
    with _with_text(captioned) as box:
        return _svg(captioned, name, facecolor=BACKGROUND, bbox_inches=box)


def _svg(captioned: CaptionedFigure, name: str, **options: Any) -> str:
    file = io.StringIO()
    settings: dict[RcKeyType, Any] = {**STYLE, "svg.fonttype": "none", "svg.hashsalt": name}
    metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with rc_context(settings):
        captioned.figure.savefig(file, format="svg", dpi=DPI, metadata=metadata, **options)
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", file.getvalue(), flags=re.DOTALL)
    alt = quoteattr(printable(captioned.alt))
    return text[text.index("<svg") :].replace("<svg", f'<svg role="img" aria-label={alt}', 1)


@contextmanager
def _with_text(captioned: CaptionedFigure, note: str = "") -> Iterator[Bbox]:
    """Sets the title above and ``note`` below the figure; yields the bounding box of all, in inches."""
    figure, (width, height) = captioned.figure, captioned.figure.get_size_inches()
    title = wrap_title(drawable(printable(captioned.title)))
    note = textwrap.fill(drawable(printable(note)), NOTE_CHARS)
    above = TITLE_LINE_HEIGHT * (1.4 + title.count("\n"))
    below = NOTE_LINE_HEIGHT * (1.6 + note.count("\n")) if note else 0.0
    with rc_context(STYLE):
        texts = (
            figure.text(0.02, 1 + above / 2 / height, title, va="center", size=11.5, weight="bold", linespacing=1.25),
            figure.text(0.02, -below / 2 / height, note, va="center", size=9.0, color=MUTED, linespacing=1.3),
        )
    set_fonts(texts)
    yield Bbox(((0, -below), (width, height + above)))
    for text in texts:
        text.remove()
