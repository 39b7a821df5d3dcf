"""Names in any script are drawn without a warning, which would be an error here, and stay apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from matplotlib.font_manager import fontManager

from clothier.report import fonts
from clothier.report.captioned_figure import inline_svg, png, standalone_svg
from clothier.report.figures import class_counts, sample_grid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clothier.data.dataset import LabeledImages

HATS = ("\u5e3d\u5b50", "\ubaa8\uc790", "\u0e2b\u0e21\u0e27\u0e01", "\U0001f457", "\u0428\u043b\u044f\u043f\u0430")
ODD = ("a\x1b[31mb", "caf\udce9", "x\ny", "\u202eabc", "<b>&$5</b>")


@pytest.fixture
def _bundled_fonts_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As on a machine without fonts."""
    monkeypatch.setattr(fontManager, "ttflist", [one for one in fontManager.ttflist if "matplotlib" in one.fname])
    fonts.font_with.cache_clear()
    yield
    fonts.font_with.cache_clear()


@pytest.mark.usefixtures("_bundled_fonts_only")
def test_names_in_other_scripts_have_a_readable_stand_in(labeled: LabeledImages) -> None:
    names = HATS + ODD
    captioned = class_counts({"train": np.repeat(np.arange(10), np.arange(1, 11))}, names)
    shown = [label.get_text() for label in captioned.figure.axes[0].get_yticklabels()]
    assert shown[:5] == ["5E3D5B50", "moja", "hipmawaenkai", "dress", HATS[4]]
    assert shown[5:] == [r"a\x1b[31mb", r"caf\udce9", r"x\ny", r"\u202eabc", "<b>&$5</b>"]
    for drawn in (captioned, sample_grid(labeled, names)):
        assert png(drawn, note=names[0])
        assert inline_svg(drawn, "a").encode()
        assert standalone_svg(drawn, "a").encode()
    assert names[0] in captioned.title  # the page sets it in the fonts of the reader


@pytest.mark.usefixtures("_bundled_fonts_only")
def test_a_font_that_has_the_character_is_used() -> None:
    letter = "\N{MATHEMATICAL SCRIPT CAPITAL A}"
    assert fonts.font_with("A") == fonts.DEFAULT_FONT
    assert "STIX" in str(fonts.font_with(letter))
    captioned = class_counts({"train": np.array([0, 0, 1])}, (letter, "Bag"))
    assert captioned.figure.axes[0].get_yticklabels()[0].get_text() == letter
    assert png(captioned)
