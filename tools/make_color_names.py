"""Makes ``clothier/colors/color_names.png``, the table of color names: ``python -m tools.make_color_names``.

Each cell of the table gets the name of the nearest colors of XKCD's color survey (CC0; 954 names that people gave, by
way of matplotlib), by CIEDE2000 as scikit-image computes it. The survey has few names for black, white, gray, beige and
brown, and shows colors on black screens; :data:`REGIONS` correct it where people name garments otherwise. They were
chosen on the photos in ``benchmarks/color_labels.csv`` (docs/log.md).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.colors import XKCD_COLORS, to_rgb
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab

from clothier.colors.color_names import CELLS, COLOR_NAMES_FILE, NAMES

NEAREST = 7  # colors of the survey that vote
SOFTENING = 3.0  # CIEDE2000; a vote weighs 1 / (distance + this)
SLICE = 2048  # cells at a time; limits memory
SURVEY_NAMES = frozenset(NAMES) - {"black", "white", "gray"}
SYNONYMS = {
    "red": "maroon burgundy crimson scarlet wine",
    "orange": "rust peach terracotta apricot pumpkin",
    "yellow": "gold mustard lemon",
    "green": "teal olive lime mint chartreuse sage jade emerald seafoam",
    "blue": "turquoise aqua cyan navy indigo denim azure cerulean sky",
    "purple": "violet lavender lilac mauve plum eggplant grape periwinkle",
    "pink": "magenta fuchsia salmon coral rose",
    "brown": "chocolate mocha coffee taupe umber sienna mahogany sepia clay dirt mud bronze copper",
    "beige": "tan cream sand khaki camel eggshell stone fawn ecru buff parchment",
}
PALETTE = "000000 ffffff 808080 d32f2f f57c00 fbc02d 388e3c 1976d2 7b1fa2 f06292 795548 d7c4a3"


class Region(NamedTuple):
    """A part of CIELAB in which cells get another name.

    Attributes:
        name: the new one.
        lightness: from (included) and to (excluded), 0 to 100.
        chroma: from and to.
        hue: from and to, degrees; above 180 the circle goes on.
        of: the names that are replaced; empty for all.
    """

    name: str
    lightness: tuple[float, float] = (0, 101)
    chroma: tuple[float, float] = (0, 200)
    hue: tuple[float, float] = (-180, 181)
    of: str = ""


REGIONS = (  # in this order
    Region("pink", (50, 101), hue=(-20, 25), of="purple brown beige"),
    Region("pink", (28, 48), (35, 200), (-20, 10), "purple red"),
    Region("green", hue=(125, 172), of="blue"),
    Region("beige", (60, 101), (0, 26), (38, 84), "beige brown orange green pink"),
    Region("beige", (60, 101), (0, 20), (84, 108), "beige brown orange green pink"),
    Region("brown", (0, 60), (0, 26), (20, 84), "beige brown green purple"),
    Region("brown", (0, 60), (0, 20), (84, 108), "beige brown green purple"),
    Region("yellow", (42, 101), (33, 200), (78, 106), "beige brown orange green"),
    Region("gray", chroma=(0, 6.5)),
    Region("gray", chroma=(0, 8), hue=(-30, 130)),
    Region("white", (73, 101), of="gray"),
    Region("black", (0, 28), (0, 9)),
    Region("black", (0, 28), (0, 11), (108, 395)),
    Region("black", (0, 9)),
)


def main() -> None:
    """Writes the table."""
    picture = Image.fromarray(make_table().reshape(CELLS, CELLS * CELLS)).convert("P")
    picture.putpalette(bytes.fromhex(PALETTE.replace(" ", "")))
    picture.save(COLOR_NAMES_FILE, optimize=True)
    print(f"{COLOR_NAMES_FILE}: {COLOR_NAMES_FILE.stat().st_size:,} bytes")


def make_table(step: int = 1) -> np.ndarray:
    """For each cell the index of its name, (CELLS**3,) uint8; or for every ``step``-th cell."""
    levels = (np.arange(CELLS) + 0.5) / CELLS
    lab = rgb2lab(np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(-1, 3)[::step])
    names = _survey_names(lab)
    lightness, chroma = lab[:, 0], np.hypot(lab[:, 1], lab[:, 2])
    hue = np.degrees(np.arctan2(lab[:, 2], lab[:, 1]))
    for region in REGIONS:
        inside = (hue - region.hue[0]) % 360 < region.hue[1] - region.hue[0]
        for values, (low, high) in ((lightness, region.lightness), (chroma, region.chroma)):
            inside &= (values >= low) & (values < high)
        if region.of:
            inside &= np.isin(names, [NAMES.index(name) for name in region.of.split()])
        names[inside] = NAMES.index(region.name)
    return names


def _survey_names(lab: np.ndarray) -> np.ndarray:
    """(N,) uint8 names by the nearest colors of the survey, for (N, 3) colors."""
    known = [
        (name, color) for color, name in ((color, _basic_name(text)) for text, color in XKCD_COLORS.items()) if name
    ]
    indices = np.array([NAMES.index(name) for name, _ in known])
    colors = rgb2lab(np.array([to_rgb(color) for _, color in known]))
    names = np.zeros(len(lab), np.uint8)
    for start in range(0, len(lab), SLICE):
        part = slice(start, start + SLICE)
        distances = deltaE_ciede2000(lab[part, None], colors[None])  # type: ignore[no-untyped-call]
        nearest = np.argpartition(distances, NEAREST, 1)[:, :NEAREST]
        weights = 1 / (np.take_along_axis(distances, nearest, 1) + SOFTENING)
        votes = np.stack([(weights * (indices[nearest] == name)).sum(1) for name in range(len(NAMES))], 1)
        names[part] = votes.argmax(1)
    return names


def _basic_name(text: str) -> str | None:
    """The basic color in the last word of a name such as ``xkcd:dark sea green``; None if it is none, or neutral."""
    word = text.removeprefix("xkcd:").split()[-1].split("/")[-1]
    basic = next((name for name, words in SYNONYMS.items() if word in words.split()), word)
    return basic if basic in SURVEY_NAMES else None


if __name__ == "__main__":
    main()
