"""Photos of one color each, and the colors of a model that names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

from clothier.selective.thresholds import Thresholds

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clothier.bundle import Bundle

COLORS = {"dress": (230, 20, 20), "hat": (20, 20, 230), "skirt": (60, 200, 20)}


def save_model(path: Path, color_bundle: Callable[..., Bundle], min_probability: float = 0.9, **card: object) -> Path:
    """A bundle that accepts what it is sure of."""
    thresholds = Thresholds(min_probability=min_probability).to_json()
    return color_bundle(path, COLORS, thresholds=thresholds, **card).path


def draw(path: Path, name: str = "dress", shade: int = 0) -> Path:
    """Saves a photo of a class's color; another ``shade`` (up to 255) has another content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    red, green, blue = COLORS[name]
    Image.new("RGB", (24, 24), (red - shade // 16, green, blue - shade % 16)).save(path, "PNG")
    return path


def draw_folder(folder: Path) -> Path:
    """Six photos, two of which have the same content."""
    for index, name in enumerate(["dress", "hat", "skirt", "dress"]):
        draw(folder / f"{index}.png", name, index)
    draw(folder / "more" / "4.png", "hat", 4)
    draw(folder / "copy.png", "dress", 0)
    return folder
