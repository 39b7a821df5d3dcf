"""The content of a map page, packed for its script: arrays, and thumbnails as sprite sheets."""

from __future__ import annotations

import base64
import io
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image

from clothier.report.style import CATEGORY_COLORS
from clothier.system import available_cores
from clothier.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from clothier.types import Float64Array, Floats, Images, Int64Array, Labels

MAX_UINT16 = 2**16 - 1  # steps of a coordinate
MAX_EDGE = 28  # pixels of a thumbnail's longer edge: Fashion-MNIST keeps its size, larger images are reduced
SHEET_COLUMNS = 64
SPRITES_PER_SHEET = 2048  # 64 x 32 thumbnails: 1792 x 896 pixels at most, where WebP ends at 16,383 a side
WEBP_QUALITY = 17  # of 100: 106 bytes per Fashion-MNIST image at 29 dB
WEBP_METHOD = 2  # of 0 to 6: half the time of the default, 4, for 7 % more bytes


class MapContent(NamedTuple):
    """N images on a map."""

    title: str  # the page's heading
    positions: Floats  # (N, 2) float32, to the right and upward, in any unit
    images: Images  # (N, H, W) uint8, light on black
    labels: Labels  # (N,) int64, 0 to K - 1
    classes: Sequence[str]  # K names
    splits: Mapping[str, int]  # name to number of images, in their order
    probabilities: Float64Array | None = None  # (N, K), of the model named ``model``
    model: str | None = None
    quality_note: str = ""  # sentences about the map's quality

    @property
    def predictions(self) -> Labels | None:
        """(N,) int64: the model's most probable class of each image."""
        return None if self.probabilities is None else np.asarray(self.probabilities.argmax(axis=1))


def pack(content: MapContent) -> dict[str, Any]:
    """``content`` for the page's script: arrays as little-endian base64, images as sprite sheets.

    ``order`` (N,) uint32 is the image of each point. Points and thumbnails are sorted along a Morton curve, so that
    zooming into a corner of the map decodes few sheets.
    """
    coordinates = quantize(content.positions)
    order = morton_order(coordinates)
    small = thumbnails(content.images)
    predictions, probabilities = content.predictions, content.probabilities
    return {
        "classes": [printable(name) for name in content.classes],
        "splits": list(content.splits.items()),
        "model": content.model,
        "colors": CATEGORY_COLORS,
        "order": _base64(order.astype("<u4")),
        "positions": _base64(coordinates[order]),
        "labels": _base64(content.labels[order].astype("<u2")),
        "predictions": None if predictions is None else _base64(predictions[order].astype("<u2")),
        "probabilities": None if probabilities is None else _base64(_percent(probabilities.max(axis=1)[order])),
        "thumbnail": {
            "height": small.shape[1],
            "width": small.shape[2],
            "columns": SHEET_COLUMNS,
            "sprites_per_sheet": SPRITES_PER_SHEET,
        },
        "sheets": [base64.b64encode(sheet).decode() for sheet in sprite_sheets(small[order])],
    }


def quantize(positions: Floats) -> npt.NDArray[np.uint16]:
    """(N, 2) on a square of 65,536 steps a side; both axes have the same scale, the shorter one is centered."""
    exact = positions.astype(np.float64)
    low, spans = exact.min(axis=0), np.ptp(exact, axis=0)
    side = float(spans.max()) or 1.0  # all points may coincide
    steps: npt.NDArray[np.uint16] = np.rint((exact - low + (side - spans) / 2) / side * MAX_UINT16).astype("<u2")
    return steps


def morton_order(coordinates: npt.NDArray[np.uint16]) -> Int64Array:
    """The order in which a Z-shaped curve (Morton, 1966) visits ``coordinates`` (N, 2)."""
    across, up = (_spread_bits(coordinates[:, axis]) for axis in (0, 1))
    return np.argsort(across | up << np.uint32(1), kind="stable")


def _spread_bits(values: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint32]:
    """The 16 bits of each number with a zero bit before each."""
    bits = values.astype(np.uint32)
    for shift, mask in ((8, 0x00FF00FF), (4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555)):
        bits = (bits | bits << np.uint32(shift)) & np.uint32(mask)
    return bits


def thumbnails(images: Images) -> Images:
    """``images`` (N, H, W) uint8, the longer edge reduced to ``MAX_EDGE`` pixels."""
    height, width = images.shape[1:]
    scale = MAX_EDGE / max(height, width)
    if scale >= 1:
        return images
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.stack([np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)) for image in images])


def sprite_sheets(images: Images) -> list[bytes]:
    """(N, H, W) uint8 in rows of ``SHEET_COLUMNS``, ``SPRITES_PER_SHEET`` per WebP file; the last may be shorter.

    Sort similar images next to each other: WebP predicts blocks from their neighbors, and the file is an eighth smaller
    than in random order.
    """
    parts = [images[start : start + SPRITES_PER_SHEET] for start in range(0, len(images), SPRITES_PER_SHEET)]
    with ThreadPoolExecutor(available_cores()) as pool:  # Pillow's encoder releases the interpreter lock
        return list(pool.map(_sprite_sheet, parts))


def _sprite_sheet(images: Images) -> bytes:
    n, height, width = images.shape
    rows = -(-n // SHEET_COLUMNS)
    cells = np.zeros((rows * SHEET_COLUMNS, height, width), np.uint8)
    cells[:n] = images
    pixels = (
        cells.reshape(rows, SHEET_COLUMNS, height, width).swapaxes(1, 2).reshape(rows * height, SHEET_COLUMNS * width)
    )
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="WEBP", quality=WEBP_QUALITY, method=WEBP_METHOD)
    return file.getvalue()


def _percent(probabilities: Float64Array) -> npt.NDArray[np.uint8]:
    """Rounded down, so that only certainty is 100 %."""
    return np.floor(100 * probabilities).astype(np.uint8)


def _base64(array: npt.NDArray[np.generic]) -> str:
    return base64.b64encode(array.tobytes()).decode()
