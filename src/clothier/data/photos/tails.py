"""Notices images whose end is zeros, as a download or a copy that was not finished leaves it.

Decoders of JPEG, PNG, GIF and compressed TIFF stop at such an end. Others take the zeros for pixels: those of WebP,
AVIF and HEIC, because any bits have a meaning in arithmetic coding, and those of formats without compression.

Sources: RFC 9649 (WebP), ISO/IEC 14496-12 (boxes and items of AVIF and HEIC), 23008-12 (image items).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clothier.data.photos.formats import HEIF

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL import Image

    from clothier.data.photos.tiff import Tags

MAX_ZEROS = 16  # bytes at the end of coded pixels; encoders leave up to 4
MACROBLOCK = 16  # pixels of the side of a macroblock of a lossy WebP
USUAL_ZEROS, MOST_ZEROS = 1 / 16, 1  # bytes for each; an image of one color has 1/43, and 0.71 at quality 100, method 0
MAX_ITEMS, MAX_BOXES = 10_000, 10_000
CODED_ITEMS = (b"av01", b"hvc1")
TIFF_COMPRESSION, UNCOMPRESSED = 259, 1
MIN_COLUMNS = 8  # that a row lacks, and the row before it has
MIN_FILLED = 0.9  # of the columns that a row lacks, in the row before it
ZERO_END = "the end of its pixels is zeros, as a copy that was not finished leaves it"
MAY_BE_UNFINISHED = "The end of its pixels is zeros: part of the picture may be missing, as after an unfinished copy."


def check_coded(content: bytes, image_format: str) -> tuple[str, ...]:
    """Checks the end of the coded pixels in a WebP, AVIF or HEIC file. What cannot be parsed is left to the decoder.

    Returns:
        A note if some encoders leave as many zeros.

    Raises:
        OSError: it is zeros.
    """
    notes = []
    for data, usual, most in _coded_pixels(content, image_format):
        zeros = len(data) - len(data.rstrip(b"\0"))
        if zeros > most:
            raise OSError(ZERO_END)
        if zeros > usual:
            notes.append(MAY_BE_UNFINISHED)
    return tuple(notes[:1])


def _coded_pixels(content: bytes, image_format: str) -> Iterator[tuple[bytes, float, float]]:
    """The coded pixels, the number of zeros that they usually have at most at their end, and that they can have."""
    if image_format == "WEBP":
        yield from _webp_frames(content)
    elif image_format in ("AVIF", HEIF):
        yield from ((data, MAX_ZEROS, MAX_ZEROS) for data in _item_ends(content))


def check_rows(image: Image.Image, content: bytes, tags: Tags) -> None:
    """Checks whether the pixels of a decoded BMP or TIFF without compression stop within a row, and are 0 from there.

    An image may have black rows at its end. Its last other row then does not end where the row before goes on.

    Raises:
        OSError: they do.
    """
    if image.format == "BMP":
        is_bottom_up = int.from_bytes(content[22:26], "little", signed=True) > 0
    elif image.format == "TIFF" and tags.get(TIFF_COMPRESSION) == (UNCOMPRESSED,):
        is_bottom_up = False
    else:
        return
    box = image.getbbox(alpha_only=False)
    if box is None:
        return
    last = box[1] if is_bottom_up else box[3] - 1
    before, end = (last + 1, 0) if is_bottom_up else (last - 1, image.height - 1)
    if last == end or not 0 <= before < image.height:
        return
    filled, previous = _is_filled(image, last), _is_filled(image, before)
    missing = previous[int(np.flatnonzero(filled)[-1]) + 2 :]  # the pixel at the end may be cut, too
    if len(missing) >= MIN_COLUMNS and missing.mean() >= MIN_FILLED:
        raise OSError(ZERO_END)


def _is_filled(image: Image.Image, row: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """(W,) bool: which pixels of a row are not 0 in all channels."""
    pixels = np.asarray(image.crop((0, row, image.width, row + 1)))[0]
    return np.asarray(pixels.reshape(image.width, -1).any(axis=1))


def _webp_frames(content: bytes) -> Iterator[tuple[bytes, float, float]]:
    """The chunks with the pixels of the first frame, as above."""
    for name, data in _chunks(content, 12):
        if name == b"ANMF":
            for part_name, part in _chunks(data, 16):
                yield from _webp_pixels(part_name, part)
            return
        yield from _webp_pixels(name, data)


def _chunks(content: bytes, start: int) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of each chunk from ``start`` on."""
    for _ in range(MAX_BOXES):
        name, size = content[start : start + 4], int.from_bytes(content[start + 4 : start + 8], "little")
        if len(name) < 4:
            return
        yield name, content[start + 8 : start + 8 + size]
        start += 8 + size + size % 2


def _webp_pixels(name: bytes, data: bytes) -> Iterator[tuple[bytes, float, float]]:
    """A chunk, if it has pixels."""
    if name == b"VP8 ":
        width, height = (int.from_bytes(data[at : at + 2], "little") & 0x3FFF for at in (6, 8))
        blocks = -(-width // MACROBLOCK) * -(-height // MACROBLOCK)
        yield data, MAX_ZEROS + USUAL_ZEROS * blocks, MAX_ZEROS + MOST_ZEROS * blocks
    elif name in (b"VP8L", b"ALPH"):
        yield data, MAX_ZEROS, MAX_ZEROS


def _item_ends(content: bytes) -> Iterator[bytes]:
    """The last part of the data of each coded image that is not a thumbnail."""
    meta = next((data for name, data in _boxes(content) if name == b"meta"), b"")
    boxes = dict(_boxes(meta[4:]))
    coded = _coded_items(boxes.get(b"iinf", b"")) - _thumbnails(boxes.get(b"iref", b""))
    for item, start, length in _locations(boxes.get(b"iloc", b"")):
        if item in coded:
            yield content[start : start + length if length else None][-2 * MAX_ZEROS :]


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of each box."""
    start = 0
    for _ in range(MAX_BOXES):
        size, name, header = int.from_bytes(content[start : start + 4]), content[start + 4 : start + 8], 8
        if size == 1:
            size, header = int.from_bytes(content[start + 8 : start + 16]), 16
        size = size or len(content) - start
        if len(name) < 4 or size < header:
            return
        yield name, content[start + header : start + size]
        start += size


def _coded_items(iinf: bytes) -> set[int]:
    """The ids of images that are coded themselves, not put together of others."""
    found = set()
    for name, entry in _boxes(iinf[6 if iinf[:1] == b"\0" else 8 :]):
        width = {2: 2, 3: 4}.get(entry[0] if entry else 0, 0)  # of the id, in versions 2 and 3
        if name == b"infe" and width and entry[6 + width : 10 + width] in CODED_ITEMS:
            found.add(int.from_bytes(entry[4 : 4 + width]))
    return found


def _thumbnails(iref: bytes) -> set[int]:
    width = 2 if iref[:1] == b"\0" else 4
    return {int.from_bytes(data[:width]) for name, data in _boxes(iref[4:]) if name == b"thmb"}


def _locations(iloc: bytes) -> Iterator[tuple[int, int, int]]:
    """Item, start and length of the last part of each item whose data are in the file itself; length 0: to its end."""
    reader = _Reader(iloc)
    version, _ = reader.take(1), reader.take(3)
    sizes = reader.take(2)
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    for _ in range(min(reader.take(4 if version == 2 else 2), MAX_ITEMS)):
        item = reader.take(4 if version == 2 else 2)
        method = reader.take(2) & 15 if version else 0
        reader.take(2)
        base, start, length = reader.take(base_size), 0, 0
        for _ in range(min(reader.take(2), MAX_ITEMS)):
            reader.take(index_size if version else 0)
            start, length = base + reader.take(offset_size), reader.take(length_size)
        if reader.position > len(iloc):
            return
        if method == 0:
            yield item, start, length


class _Reader:
    """Numbers from the start of ``content`` on, of any size in bytes; 0 after its end."""

    def __init__(self, content: bytes) -> None:
        """``content`` is not checked."""
        self.content, self.position = content, 0

    def take(self, size: int) -> int:
        """The next number."""
        self.position += size
        return int.from_bytes(self.content[self.position - size : self.position])
