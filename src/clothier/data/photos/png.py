"""Removes what is not needed of a PNG before it is decoded: large texts, damaged extras, animation frames.

Like browsers, which decode an image when one of its ancillary chunks is damaged. Pillow refuses it.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from clothier.data.photos.formats import UnsupportedImageError

if TYPE_CHECKING:
    from PIL import Image

SIGNATURE_SIZE = 8  # bytes
CHUNK_EXTRA = 12  # bytes of length, name and checksum
MAX_CHUNKS = 100_000  # usually 8 kB each, so 8,000 in the largest file
MAX_EXTRA = 1 << 20  # bytes of a decompressed profile or text: Pillow's limit
KEPT = {b"PLTE", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"eXIf", b"tEXt", b"zTXt", b"iTXt"}
KEPT_TEXTS = (b"Raw profile type exif\0", b"XML:com.adobe.xmp\0")  # may have the orientation
END = b"\0\0\0\0IEND\xaeB`\x82"  # the last chunk
DAMAGED_PROFILE = "The color profile is too large or damaged and was ignored."
NO_END = "The PNG has no end marker; its pixels are complete."


def repair_png(content: bytes) -> tuple[bytes, tuple[str, ...]]:
    """The PNG without the chunks that are not needed for its pixels and colors, and notes on what was wrong.

    Raises:
        UnsupportedImageError: Apple's variant of PNG, or too many chunks.
        OSError: a chunk that is needed is damaged.
    """
    chunks, position = [content[:SIGNATURE_SIZE]], SIGNATURE_SIZE
    notes: list[str] = []
    for _ in range(MAX_CHUNKS):
        name = content[position + 4 : position + 8]
        length = int.from_bytes(content[position : position + 4])
        chunk = content[position : position + CHUNK_EXTRA + length]
        if name == b"CgBI":
            raise UnsupportedImageError("is a PNG in Apple's own variant, which is not supported. Save it as PNG.")
        if name == b"IEND" or len(chunk) < CHUNK_EXTRA + length:
            last = _chunk(name, chunk[8 : 8 + length]) if name == b"IDAT" else b""
            return b"".join((*chunks, last, END)), (*notes, *([] if chunk == END else [NO_END]))
        is_intact = zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:])
        if name[0] & 32 == 0:  # a capital letter: needed for the pixels
            if not is_intact:
                raise OSError(f"a wrong checksum in {name.decode('latin-1')!r}")
            chunks.append(chunk)
        elif is_intact and _is_kept(name, chunk[8:-4]):
            chunks.append(chunk)
        elif name == b"iCCP":
            notes.append(DAMAGED_PROFILE)
        position += len(chunk)
    raise UnsupportedImageError(f"is a PNG of more than {MAX_CHUNKS} chunks. Save it again.")


def _chunk(name: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4) + name + body + zlib.crc32(name + body).to_bytes(4)


def _is_kept(name: bytes, body: bytes) -> bool:
    if name not in KEPT or len(body) > MAX_EXTRA:
        return False
    if name.endswith(b"Xt") and not body.startswith(KEPT_TEXTS):
        return False
    value = body.partition(b"\0")[2]
    return _is_small(value) if name in {b"zTXt", b"iCCP"} else name != b"iTXt" or value[:1] == b"\0"


def _is_small(compressed: bytes) -> bool:
    """Whether data after a method byte decompress to at most :data:`MAX_EXTRA` bytes."""
    try:
        decompressor = zlib.decompressobj()
        decompressor.decompress(compressed[1:], MAX_EXTRA)
    except zlib.error:
        return False
    return compressed[:1] == b"\0" and decompressor.eof


def scale_transparency(image: Image.Image, content: bytes) -> None:
    """Pillow scales samples to 8 bits, but not the sample that is transparent (tRNS)."""
    value, depth = image.info.get("transparency"), content[24]
    if image.mode == "L" and isinstance(value, int):
        image.info["transparency"] = value * 255 // ((1 << depth) - 1)
    elif image.mode == "RGB" and depth == 16 and value is not None:
        image.info["transparency"] = tuple(sample >> 8 for sample in value)
