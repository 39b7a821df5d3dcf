"""A figure gives the same file every time, and fits into a page."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from matplotlib import rc_context, rcParams
from PIL import Image

from clothier.errors import StorageError
from clothier.report.captioned_figure import CaptionedFigure, inline_svg, png, save_figures, standalone_svg
from clothier.report.figures.gallery import Tile, gallery
from clothier.report.style import FIGURE_WIDTH, LIGHT, STYLE, new_plot

if TYPE_CHECKING:
    from pathlib import Path


@rc_context(STYLE)
def drawing(title: str = "Two points make a line") -> CaptionedFigure:
    figure, axes = new_plot(2.0)
    axes.plot([0, 1], [0, 1], color=LIGHT["primary"])
    axes.set_xlabel("epoch")
    return CaptionedFigure(figure, title, 'A "line" & <more>')


def test_a_png_is_the_same_bytes_each_time() -> None:
    assert png(drawing()) == png(drawing())
    one = drawing()
    assert png(one) == png(one)


def test_a_png_has_its_title_above_the_figure() -> None:
    short, long = (Image.open(io.BytesIO(png(drawing(title)))) for title in ("Short", "A long title " * 8))
    assert short.size[0] == long.size[0] == 150 * FIGURE_WIDTH
    assert short.size[1] == pytest.approx((2.0 + 1.4 * 0.25) * 150, abs=1)
    assert long.size[1] > short.size[1]


def test_a_notebook_shows_title_and_note() -> None:
    silent, spoken = drawing(), replace(drawing(), note="How to read it, at some length. " * 6)
    (bundle, metadata), (longer, _) = silent._repr_mimebundle_(include=None, exclude=None), spoken._repr_mimebundle_()
    assert base64.b64decode(bundle["image/png"]) == png(silent)
    assert bundle["text/plain"] == 'A "line" & <more>. Two points make a line.'
    assert metadata == {"image/png": {"alt": silent.alt, "width": 96 * FIGURE_WIDTH}}
    shown, below = (Image.open(io.BytesIO(base64.b64decode(one["image/png"]))) for one in (bundle, longer))
    assert below.size[0] == shown.size[0]
    note = np.asarray(below)[shown.size[1] :]
    assert (note.min(axis=(0, 2))[-8:] > 240).all(), "the note runs over the edge"
    assert note.min() < 150, "there is no note"


def test_an_svg_is_the_same_text_each_time() -> None:
    one = drawing()
    assert inline_svg(one, "a") == inline_svg(one, "a") == inline_svg(drawing(), "a")


def test_saving_a_png_does_not_change_the_svg() -> None:
    one = drawing()
    before = inline_svg(one, "a")
    png(one)
    assert inline_svg(one, "a") == before


def test_an_svg_file_stands_alone() -> None:
    title = "A title of several lines & signs <of its own> " * 3
    text = standalone_svg(drawing(title), "a")
    assert text == standalone_svg(drawing(title), "a")
    root = ET.fromstring(text)  # noqa: S314 - our own text
    assert "var(--" not in text
    assert LIGHT["primary"] in text
    assert root.attrib["aria-label"] == f'A "line" & <more>. {title}.'
    words = [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert " ".join(title.split()) in " ".join(words)
    assert float(root.attrib["height"].removesuffix("pt")) > 72 * 2.0


def test_an_svg_takes_font_and_colors_from_the_page() -> None:
    text = inline_svg(drawing(), "a")
    assert "var(--primary)" in text
    assert not any(color in text for color in LIGHT.values())
    assert re.search(r"<text[^>]*var\(--sans\)[^>]*>epoch</text>", text)
    assert "DejaVu" not in text
    assert not re.search(r"<text[^>]*>Two points", text)  # the page sets the title itself


def test_an_svg_has_its_description() -> None:
    assert 'role="img" aria-label=\'A "line" &amp; &lt;more&gt;. Two points make a line.\'' in inline_svg(
        drawing(), "a"
    )


def test_an_svg_scales_and_has_no_style_of_its_own() -> None:
    text = inline_svg(drawing(), "a")
    head = text[: text.index(">")]
    assert "viewBox" in head
    assert not re.search(r'\s(width|height)="', head)
    assert not re.search("<metadata|<style|<!DOCTYPE|<[?]xml", text)


def test_two_figures_on_a_page_share_no_id() -> None:
    ids = [re.findall(r'\bid="([^"]+)"', inline_svg(drawing(), name)) for name in ("a", "b")]
    assert ids[0]
    assert len({*ids[0], *ids[1]}) == len(ids[0]) + len(ids[1])


def test_images_are_marked_for_dark_mode() -> None:
    image = np.eye(4)
    one = CaptionedFigure(gallery([Tile(image, "gray"), Tile(image - 0.5, "signed", signed=True)], 2), "t", "a")
    text = inline_svg(one, "a")
    assert len(re.findall(r'class="grayscale"', text)) == 1
    assert len(re.findall(r'class="signed"', text)) == 1


def test_matplotlibs_settings_do_not_change() -> None:
    before = dict(rcParams)
    one = drawing()
    png(one)
    inline_svg(one, "a")
    assert dict(rcParams) == before


def test_figures_are_saved_by_name(tmp_path: Path) -> None:
    save_figures({"loss": drawing(), "f1": drawing("F1")}, tmp_path / "figures")
    assert sorted(file.name for file in (tmp_path / "figures").iterdir()) == ["f1.png", "loss.png"]
    assert (tmp_path / "figures" / "loss.png").read_bytes() == png(drawing())


def test_a_folder_that_cannot_be_created_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "figures").write_text("a file in the way")
    with pytest.raises(StorageError, match="cannot write"):
        save_figures({"loss": drawing()}, tmp_path / "figures")
