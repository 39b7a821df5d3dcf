"""What the page of a map holds, checked once, and packed for a script to read."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier.errors import DataError
from clothier.report.sprites import SHEET_COLUMNS, SPRITES_PER_SHEET, sprite_sheets, thumbnails
from clothier.report.style import CATEGORY_COLORS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from clothier.types import Floats, Images, Labels

MAX_UINT16 = 2**16 - 1  # steps of a coordinate, and the last label that fits


@dataclass(frozen=True, slots=True, eq=False)
class MapContent:
    """N pictures on a map.

    Attributes:
        title: the page's heading.
        positions: (N, 2) float32, to the right and upwards, in any unit.
        images: (N, H, W) uint8, light on black.
        labels: (N,) int64, 0 to K - 1.
        classes: the K class names in the order of the labels.
        splits: name of a part to how many of the N it has, in their order (``{"train": 60_000, "test": 10_000}``).
        predictions: (N,) int64, 0 to K - 1: what a model said, where one was asked.
        model: which model's answers they are.
        quality_notes: what is to be said of the map's quality.

    Raises:
        DataError: the arrays do not belong together, a position is NaN or infinite, a label or an answer has no class.
    """

    title: str
    positions: Floats
    images: Images
    labels: Labels
    classes: Sequence[str]
    splits: Mapping[str, int]
    predictions: Labels | None = None
    model: str | None = None
    quality_notes: Sequence[str] = field(default=())

    def __post_init__(self) -> None:
        _check_shapes(self)
        _check_positions(self.positions)
        _check_class_indices("label", self.labels, len(self.classes))
        if (self.predictions is None) is not (self.model is None):
            raise DataError("answers need the name of the model that gave them, and a model its answers. Give both.")
        if self.predictions is not None:
            _check_class_indices("answer", self.predictions, len(self.classes))

    def split_indices(self) -> npt.NDArray[np.int64]:
        """The place of each picture's part in ``splits``: (N,) int64."""
        return np.repeat(np.arange(len(self.splits)), list(self.splits.values()))


def pack(content: MapContent) -> dict[str, Any]:
    """``content`` for a script: numbers as little-endian base64, pictures as sheets, points along the map.

    ``order`` (N,) uint32 says which picture each point is: points that lie together stand together, and so do their
    thumbnails, so that a look at one corner of the map decodes few sheets.
    """
    places = quantize(content.positions)
    order = morton_order(places)
    pictures = thumbnails(content.images)
    answers = content.predictions
    return {
        "classes": list(content.classes),
        "parts": list(content.splits.items()),
        "model": content.model,
        "categories": CATEGORY_COLORS,
        "order": _base64(order.astype("<u4")),
        "positions": _base64(places[order]),
        "labels": _base64(content.labels[order].astype("<u2")),
        "answers": None if answers is None else _base64(answers[order].astype("<u2")),
        "picture": {
            "height": pictures.shape[1],
            "width": pictures.shape[2],
            "columns": SHEET_COLUMNS,
            "sheet": SPRITES_PER_SHEET,
        },
        "sheets": [base64.b64encode(sheet).decode() for sheet in sprite_sheets(pictures[order])],
    }


def quantize(positions: Floats) -> npt.NDArray[np.uint16]:
    """(N, 2) on a square of 65,536 steps a side, both axes by the same measure, the shorter one in the middle."""
    exact = positions.astype(np.float64)
    low, spans = exact.min(axis=0), np.ptp(exact, axis=0)
    side = float(spans.max()) or 1.0  # all at one place is a map, too
    steps: npt.NDArray[np.uint16] = np.rint((exact - low + (side - spans) / 2) / side * MAX_UINT16).astype("<u2")
    return steps


def morton_order(coordinates: npt.NDArray[np.uint16]) -> npt.NDArray[np.int64]:
    """The order in which a Z-shaped curve (Morton, 1966) visits ``coordinates`` (N, 2): near on it is near on the map."""
    across, up = (_spread_bits(coordinates[:, axis]) for axis in (0, 1))
    return np.argsort(across | up << np.uint32(1), kind="stable")


def _spread_bits(values: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint32]:
    """The 16 bits of each number, a zero before every one of them."""
    bits = values.astype(np.uint32)
    for shift, mask in ((8, 0x00FF00FF), (4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555)):
        bits = (bits | bits << np.uint32(shift)) & np.uint32(mask)
    return bits


def _base64(array: npt.NDArray[np.generic]) -> str:
    return base64.b64encode(array.tobytes()).decode()


def _check_shapes(content: MapContent) -> None:
    positions, images = content.positions, content.images
    if positions.ndim != 2 or positions.shape[1] != 2 or len(positions) == 0:
        raise DataError(f"positions have the shape {positions.shape}; (N, 2) is needed. Give a map in the plane.")
    if images.ndim != 3 or images.dtype != np.uint8:
        raise DataError(f"images are {images.dtype} of shape {images.shape}; uint8 of shape (N, H, W) is needed.")
    counts = {"images": len(images), "labels": len(content.labels), "pictures in parts": sum(content.splits.values())}
    if content.predictions is not None:
        counts["answers"] = len(content.predictions)
    for name, count in counts.items():
        if count != len(positions):
            raise DataError(
                f"there are {len(positions)} positions and {count} {name}; give those that belong together."
            )


def _check_positions(positions: Floats) -> None:
    lost = int((~np.isfinite(positions)).any(axis=1).sum())
    if lost:
        raise DataError(f"{lost} of {len(positions)} positions are NaN or infinite. Repair the map or leave them out.")


def _check_class_indices(name: str, indices: Labels, n_classes: int) -> None:
    wrong = indices[(indices < 0) | (indices >= min(n_classes, MAX_UINT16 + 1))]
    if len(wrong):
        raise DataError(
            f"there is the {name} {wrong[0]}; with {n_classes} classes it goes from 0 to {n_classes - 1}. "
            "Name every class, or give those that belong to these pictures."
        )
