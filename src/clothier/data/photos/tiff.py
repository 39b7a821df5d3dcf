"""Reads the tags of a TIFF before it is decoded: whether Pillow can decode it, and in bounded time and memory.

Source: TIFF 6.0, and the BigTIFF specification.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from PIL import ImagePalette

from clothier.data.photos.formats import UnsupportedImageError

if TYPE_CHECKING:
    from PIL import Image

SUBFILE_TYPE = 254
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER, STRIPS = 256, 257, 258, 259, 262, 266, 273
ORIENTATION, SAMPLES, STRIP_BYTES, PLANES, COLORS, TILE_WIDTH = 274, 277, 279, 284, 320, 322
TILES, TILE_BYTES, SAMPLE_FORMAT, COLOR_PROFILE = 324, 325, 339, 34675
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, YCBCR = 0, 1, 2, 6  # photometric interpretations
SEPARATE = 2  # the planar configuration of images that store one channel after the other
SAMPLE_FORMATS = {2: "signed", 3: "floating-point"}
TYPES = {1: "B", 3: "H", 4: "I", 7: "B", 16: "Q"}  # whole numbers and bytes
JPEG = 7  # the compression
COMPRESSIONS = {1, 2, 3, 4, 5, 7, 8, 32773, 32946}  # none, CCITT, LZW, JPEG, Deflate, PackBits
MAX_VALUES = 100_000  # of a tag: strips or tiles; Pillow makes a Python object of each
PREVIEW = "Only the preview in the file was read, which is smaller than the photo."
SAVE_AS = "Save it as JPEG, as PNG, or as a TIFF of 8 or 16 bits."

Tags = dict[int, tuple[int, ...]]


def read_tags(content: bytes) -> Tags:
    """The whole-number tags of the first image; empty if the file is damaged.

    Raises:
        UnsupportedImageError: far too many strips or tiles.
    """
    order = "<" if content[:2] == b"II" else ">"
    is_big = content[2:4] in {b"+\0", b"\0+"}
    entry, pointer = struct.Struct(order + ("HHQ" if is_big else "HHI")), "Q" if is_big else "I"
    value_size = struct.calcsize(pointer)
    try:
        (offset,) = struct.unpack_from(order + pointer, content, 8 if is_big else 4)
        (count,) = struct.unpack_from(order + ("Q" if is_big else "H"), content, offset)
        offset += 8 if is_big else 2
        tags: Tags = {}
        for at in range(offset, min(offset + count * (entry.size + value_size), len(content)), entry.size + value_size):
            tag, kind, length = entry.unpack_from(content, at)
            if MAX_VALUES < length < len(content) and tag in {STRIPS, STRIP_BYTES, TILES, TILE_BYTES}:
                raise UnsupportedImageError(f"is a TIFF of {length} strips or tiles, which takes too long. {SAVE_AS}")
            if kind in TYPES and length <= MAX_VALUES:
                values = struct.Struct(f"{order}{length}{TYPES[kind]}")
                place = at + entry.size
                if values.size > value_size:
                    (place,) = struct.unpack_from(order + pointer, content, place)
                tags[tag] = values.unpack_from(content, place)
    except (struct.error, OverflowError):
        return {}
    return tags


def unsupported_reason(content: bytes, tags: Tags, *, is_open: bool) -> str | None:
    """Why Pillow cannot decode a TIFF, although its file is whole; None if the file is damaged.

    Args:
        content: of the file.
        tags: of its first image.
        is_open: whether Pillow could open it, and only failed to decode the pixels.
    """
    offsets, lengths = tags.get(STRIPS) or tags.get(TILES, ()), tags.get(STRIP_BYTES) or tags.get(TILE_BYTES, ())
    is_whole = {WIDTH, HEIGHT} <= tags.keys() and offsets and len(offsets) == len(lengths)
    if not is_whole or any(at + length > len(content) for at, length in zip(offsets, lengths, strict=True)):
        return None
    compression, bits = tags.get(COMPRESSION, (1,))[0], max(tags.get(BITS, (1,)), default=1)
    is_planar_ycbcr = tags.get(PHOTOMETRIC) == (YCBCR,) and tags.get(PLANES) == (SEPARATE,)
    has_tiles_as_strips = TILE_WIDTH in tags and TILES not in tags
    is_odd = is_planar_ycbcr or has_tiles_as_strips or (compression == JPEG and bits != 8)
    if is_open and compression in COMPRESSIONS and not is_odd:
        return None
    form, color = SAMPLE_FORMATS.get(tags.get(SAMPLE_FORMAT, (1,))[0], "unsigned"), tags.get(PHOTOMETRIC, (0,))[0]
    return (
        f"is a TIFF of {bits} {form} bits per channel, compression {compression}, photometric interpretation {color}, "
        f"which is not supported. {SAVE_AS}"
    )


def is_preview(tags: Tags) -> bool:
    """Whether the first image is a reduced one, as in the raw files of many cameras."""
    return bool(tags.get(SUBFILE_TYPE, (0,))[0] & 1)


def fix_palette(image: Image.Image, tags: Tags) -> None:
    """Reads a palette of 8 bits, which some programs write where 16 are prescribed; otherwise all would be black."""
    colors = tags.get(COLORS, ())
    if image.mode == "P" and colors and max(colors) < 256:
        image.palette = ImagePalette.raw("RGB;L", bytes(colors))
