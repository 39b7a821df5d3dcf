"""Pictures as sprite sheets: thousands of them in one compressed image, for a page that decodes a sheet when needed."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from clothier.types import Images

MAX_EDGE = 28  # pixels of a thumbnail's longer edge: Fashion-MNIST stays as it is, larger pictures are reduced
SHEET_COLUMNS = 64
SPRITES_PER_SHEET = 2048  # 64 x 32 thumbnails: 1792 x 896 pixels at most, where WebP ends at 16,383 a side
WEBP_QUALITY = 15  # of 100: 98 bytes a garment of Fashion-MNIST at 29 dB; 20 costs 9 % more for another decibel


def thumbnails(images: Images) -> Images:
    """``images`` (N, H, W) uint8, the longer edge reduced to ``LONGEST`` pixels where it is longer."""
    height, width = images.shape[1:]
    share = MAX_EDGE / max(height, width)
    if share >= 1:
        return images
    size = max(1, round(width * share)), max(1, round(height * share))
    return np.stack([np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)) for image in images])


def sprite_sheets(images: Images) -> list[bytes]:
    """Lays (N, H, W) uint8 out in rows of ``COLUMNS``, ``SPRITES_PER_SHEET`` to a WebP file; the last may be shorter.

    WebP predicts a picture from those beside it: neighbours that look alike take an eighth less room than strangers.
    """
    return [
        _sprite_sheet(images[start : start + SPRITES_PER_SHEET]) for start in range(0, len(images), SPRITES_PER_SHEET)
    ]


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
