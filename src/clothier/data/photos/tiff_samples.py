"""Decodes uncompressed TIFFs of depths that Pillow refuses or reads as noise, such as 10 or 14 bits per channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from clothier.data.photos import tiff
from clothier.data.photos.formats import MAX_PIXELS, UnsupportedImageError

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.types import Images

CHUNK_SAMPLES = 1_000_000  # unpacked at a time: each bit takes a byte
ORDINARY_BITS = {1, 2, 4, 8, 16}  # of gray images


def decode_unusual_depth(content: bytes, tags: tiff.Tags) -> Image.Image | None:
    """Decodes a gray or RGB image of up to 16 bits per channel; None if Pillow can do it or it is of another kind.

    Only the eight highest bits are kept.

    Raises:
        UnsupportedImageError: separate channels of 16 bits in another color space, which Pillow reads as noise.
        OSError: pixels are missing.
    """
    if not _is_decoded_here(content, tags):
        return None
    width, height, bits = (tags[tag][0] for tag in (tiff.WIDTH, tiff.HEIGHT, tiff.BITS))
    channels = tags.get(tiff.SAMPLES, (1,))[0]
    planes = channels if tags.get(tiff.PLANES) == (tiff.SEPARATE,) else 1
    row_samples = width * channels // planes
    rows = _read_rows(content, tags, planes * height, -(-row_samples * bits // 8))
    samples = np.empty((len(rows), row_samples), np.uint8)
    step = max(1, CHUNK_SAMPLES // row_samples)
    for top in range(0, len(rows), step):
        samples[top : top + step] = _top_bytes(rows[top : top + step], bits, row_samples, content[:2])
    pixels = samples.reshape(planes, height, width, channels // planes).transpose(1, 2, 0, 3).reshape(height, width, -1)
    if tags[tiff.PHOTOMETRIC] == (tiff.WHITE_IS_ZERO,):
        pixels = 255 - pixels
    image = Image.fromarray(pixels[..., 0] if channels == 1 else pixels)
    image.getexif()[tiff.ORIENTATION] = tags.get(tiff.ORIENTATION, (1,))[0]
    if tiff.COLOR_PROFILE in tags:
        image.info["icc_profile"] = bytes(tags[tiff.COLOR_PROFILE])
    return image


def _is_decoded_here(content: bytes, tags: tiff.Tags) -> bool:
    """Whether it is plain, uncompressed, in strips, and of a depth or an order that Pillow does not know."""
    width, height, bits = (tags.get(tag, (0,))[0] for tag in (tiff.WIDTH, tiff.HEIGHT, tiff.BITS))
    color, channels = tags.get(tiff.PHOTOMETRIC, (-1,))[0], tags.get(tiff.SAMPLES, (1,))[0]
    is_in_strips = tiff.STRIPS in tags and tags.get(tiff.COMPRESSION, (1,)) == (1,)
    if not is_in_strips or not 0 < width * height <= MAX_PIXELS or set(tags.get(tiff.BITS, ())) != {bits}:
        return False
    is_gray = channels == 1 and color in {tiff.WHITE_IS_ZERO, tiff.BLACK_IS_ZERO}
    is_plain = set(tags.get(tiff.SAMPLE_FORMAT, (1,))) == {1} and tags.get(tiff.FILL_ORDER, (1,)) == (1,)
    is_separate_16 = bits == 16 and channels > 1 and tags.get(tiff.PLANES) == (tiff.SEPARATE,)
    if not is_plain or not (is_gray or (color, channels) == (tiff.RGB, 3)):
        if is_separate_16:
            raise UnsupportedImageError(f"is a TIFF of separate channels of 16 bits, not RGB. {tiff.SAVE_AS}")
        return False
    if is_gray:
        is_unknown_order = bits == 16 and color == tiff.WHITE_IS_ZERO and content[:2] == b"MM"
        is_12_bits = bits == 12 and color == tiff.BLACK_IS_ZERO and content[:2] == b"II"
        return bits <= 16 and (is_unknown_order or (bits not in ORDINARY_BITS and not is_12_bits))
    return (bits < 16 and bits != 8) or is_separate_16


def _read_rows(content: bytes, tags: tiff.Tags, rows: int, row_bytes: int) -> Images:
    """(rows, row_bytes) of all strips."""
    strips = zip(tags[tiff.STRIPS], tags.get(tiff.STRIP_BYTES, ()), strict=True)
    data = b"".join(content[at : at + length] for at, length in strips)
    if len(data) < rows * row_bytes:
        raise OSError("pixels are missing")
    return np.frombuffer(data, np.uint8, rows * row_bytes).reshape(rows, row_bytes)


def _top_bytes(rows: Images, bits: int, samples: int, order: bytes) -> Images:
    """The samples of packed rows, scaled to 8 bits: (len(rows), samples)."""
    if bits == 16:
        return rows[:, (1 if order == b"II" else 0) :: 2]
    unpacked = np.unpackbits(rows, axis=1, count=samples * bits).reshape(len(rows), samples, bits)
    if bits > 8:
        return np.packbits(unpacked[..., :8], axis=2)[..., 0]
    values: npt.NDArray[np.int64] = unpacked @ (1 << np.arange(bits)[::-1])
    return (values * 255 // ((1 << bits) - 1)).astype(np.uint8)
