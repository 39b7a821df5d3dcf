"""Whether the main color of a garment is the one that a person names, and what it costs.

    python -m benchmarks.colors PHOTOS [--out FILE]     writes benchmarks/results/colors.json

PHOTOS is a folder with ``images/``, or the folder of the photos of github alexeygrigorev/clothing-dataset (CC0 1.0).
``benchmarks/color_labels.csv`` has the colors that one person saw in 500 of them, on contact sheets and before any
method ran: the main color first, then others that people may name as well. The rules were chosen on the development
photos; the test photos were labeled after that.
"""

from __future__ import annotations

import csv
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from scipy.stats import binomtest

from benchmarks.results import make_parser, write_results
from clothier.colors import main_colors
from clothier.data.photos import load_image
from clothier.types import InputSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clothier.types import GarmentColor

LABELS = Path(__file__).with_name("color_labels.csv")
INPUT_SPEC = InputSpec("center_crop", 224, 224, 3)  # of the photo model
SETS = ("development", "test")


class LabeledColors(NamedTuple):
    """What a person and what the program says of a photo."""

    labels: tuple[str, ...]  # the main color first
    found: tuple[GarmentColor, ...]
    milliseconds: float


def main() -> None:
    """Measures both sets."""
    parser = make_parser("colors", __doc__)
    parser.add_argument("photos", type=Path)
    options = parser.parse_args()
    folder = options.photos / "images" if (options.photos / "images").is_dir() else options.photos
    write_results(options.out, "colors", measure_colors(folder), "PHOTOS")


def measure_colors(folder: Path) -> list[dict[str, Any]]:
    """A row for each set, of the photos in ``folder``."""
    with LABELS.open(encoding="utf-8", newline="") as file:
        labels = list(csv.DictReader(file))
    return [_row(name, [_measure(folder, one) for one in labels if one["set"] == name]) for name in SETS]


def _measure(folder: Path, row: dict[str, str]) -> LabeledColors:
    image = load_image(folder / row["file"], INPUT_SPEC)
    started = time.process_time()
    found = main_colors(image)
    return LabeledColors(tuple(row["colors"].split()), found, 1e3 * (time.process_time() - started))


def _row(name: str, photos: Sequence[LabeledColors]) -> dict[str, Any]:
    acceptable = sum(one.found[0].name in one.labels for one in photos if one.found)
    main_label = sum(one.found[0].name == one.labels[0] for one in photos if one.found)
    misses: dict[str, int] = {}
    for one in photos:
        name_found = one.found[0].name if one.found else "none"
        if name_found not in one.labels:
            misses[f"{one.labels[0]} as {name_found}"] = misses.get(f"{one.labels[0]} as {name_found}", 0) + 1
    return {
        "name": name,
        "n": len(photos),
        "acceptable": acceptable / len(photos),
        "acceptable_interval": _interval(acceptable, len(photos)),
        "main_label": main_label / len(photos),
        "main_label_interval": _interval(main_label, len(photos)),
        "without_color": sum(not one.found for one in photos),
        "misses": dict(sorted(misses.items(), key=lambda one: (-one[1], one[0]))),
        "milliseconds": sum(one.milliseconds for one in photos) / len(photos),
    }


def _interval(successes: int, n: int) -> list[float]:
    """95 %, Clopper-Pearson, as if photos were independent."""
    interval = binomtest(successes, n).proportion_ci()
    return [float(interval.low), float(interval.high)]


if __name__ == "__main__":
    main()
