"""Fonts for names in any script: DejaVu Sans where it has the character, else a font of the system, else a stand-in."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import TYPE_CHECKING

from matplotlib.font_manager import fontManager, get_font

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

    from matplotlib.font_manager import FontEntry
    from matplotlib.text import Text

DEFAULT_FONT = "DejaVu Sans"  # included in matplotlib, so figures are the same on every machine
PLACEHOLDER_FONT = "Last Resort"  # included in matplotlib: one box for all characters of a script


def drawable(text: str) -> str:
    """``text`` with a readable stand-in for each character that no font has: ``dress`` for an emoji, ``5E3D``."""
    return "".join(one if one == "\n" or font_with(one) else _stand_in(one) for one in text)


def set_fonts(texts: Iterable[Text]) -> None:
    """Gives each text the families that have its characters, the default one first."""
    for text in texts:
        others = {font_with(one) for one in text.get_text() if one != "\n"} - {None, DEFAULT_FONT}
        if others:
            text.set_fontfamily([DEFAULT_FONT, *sorted(map(str, others))])
            text.set_fontweight("normal")  # the bold font of a family may lack what its regular one has


@cache
def font_with(character: str) -> str | None:
    """The family of a font that has ``character``: the default one, or an upright, regular one of the system."""
    entries = sorted((one for one in fontManager.ttflist if PLACEHOLDER_FONT not in one.name), key=_preference)
    return next((entry.name for entry in entries if ord(character) in _characters(entry.fname)), None)


def _preference(entry: FontEntry) -> tuple[bool, bool, bool, bool, str]:
    """Sorts fonts: the default one first, then sans serif ones of normal style and weight."""
    is_regular = entry.style == "normal" and entry.weight in (400, "normal", "regular")
    return entry.name != DEFAULT_FONT, not is_regular, "Sans" not in entry.name, "Emoji" in entry.name, entry.name


@cache
def _characters(path: str) -> AbstractSet[int]:
    try:
        font = get_font(path)
    except (OSError, RuntimeError):  # a damaged file, or a bitmap font such as those of emoji
        return frozenset()
    return font.get_charmap().keys()


def _stand_in(character: str) -> str:
    """The last word of its name where that reads like it (``ka``), else its code point."""
    *_, last = unicodedata.name(character, "").split(" ")
    return last.lower() if last.isalpha() else f"{ord(character):04X}"
