"""Thousands of thumbnails as compressed sprite sheets, for a page that decodes a sheet when it needs one."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from clothier.system import available_cores

if TYPE_CHECKING:
    from clothier.types import Images

MAX_EDGE = 28  # pixels of a thumbnail's longer edge: Fashion-MNIST keeps its size, larger images are reduced
SHEET_COLUMNS = 64
SPRITES_PER_SHEET = 2048  # 64 x 32 thumbnails: 1792 x 896 pixels at most, where WebP ends at 16,383 a side
WEBP_QUALITY = 15  # of 100: 98 bytes per Fashion-MNIST image at 29 dB; 20 costs 9 % more for one more decibel


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
    Image.fromarray(pixels).save(file, format="WEBP", quality=WEBP_QUALITY)
    return file.getvalue()
