"""Small JPEGs of decoded photos, for people."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import Image

from clothier.data.photos.preprocessing import REDUCING_GAP

if TYPE_CHECKING:
    from PIL.Image import Image as PhotoImage


def to_jpeg(image: PhotoImage, max_side: int, quality: int) -> bytes:
    """An upright image (RGB or L) as JPEG without metadata, at most ``max_side`` pixels on a side; never enlarged."""
    scale = min(1.0, max_side / max(image.size))
    width, height = (max(1, round(scale * side)) for side in image.size)
    hamming = Image.Resampling.HAMMING  # as sharp as bicubic where an image is made smaller, in 6/10 of its time
    small = image.resize((width, height), hamming, reducing_gap=REDUCING_GAP)
    small.info.clear()
    made = io.BytesIO()
    small.save(made, "JPEG", quality=quality)
    return made.getvalue()
