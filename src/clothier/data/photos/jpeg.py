"""Reads the markers of a JPEG before it is decoded: what libjpeg cannot decode, decodes too slowly, or fills with gray.

Source: ITU-T T.81, annex B.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from clothier.data.photos.formats import UnsupportedImageError

MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")  # not stuffed bytes, fill bytes or restart markers
RESTART = re.compile(rb"\xff[\xd0-\xd7]")
SOI, EOI, SOS, DRI = 0xD8, 0xD9, 0xDA, 0xDD
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0 to SOF15
DECODED_FRAMES = {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}  # baseline, extended and progressive, with Huffman or arithmetic coding
LOSSLESS = 0xC3  # some of these can be decoded
PROGRESSIVE = {0xC2, 0xCA}
JPEG_LS = 0xF7
PRECISIONS = range(2, 17)  # bits; any other number is damage
METADATA = (*range(0xE0, 0xEE), 0xEF)  # APP segments but Adobe's, which says how colors are stored
END = b"\xff\xd9"
MAX_SEGMENTS = 10_000  # a color profile has up to 255
MAX_SCANS = 100  # encoders write 10 or 11
MAX_SCANNED_PIXELS = 1_000_000_000  # pixels times scans; libjpeg takes about two seconds
FILLERS = np.random.default_rng(0).integers(0, 255, (3, 4096), dtype=np.uint8)  # entropy-coded data without 0xFF
DAMAGED_METADATA = "The metadata, such as the orientation, are damaged and were ignored."
NO_END = "The JPEG has no end marker; its pixels are complete."
SAVE_AS = "Save it as an ordinary JPEG or as PNG."
NOT_ORDINARY = f"is a lossless or hierarchical JPEG, which is not supported. {SAVE_AS}"


@dataclass(slots=True)
class JpegMarkers:
    """What the markers of a JPEG say.

    Attributes:
        has_end: whether there is an end marker.
        is_lossless: whether decoding may fail because the kind is not supported.
        has_restarts: whether the scans have restart markers.
        is_progressive: whether the scans refine one another.
        missing_bits: of each component and coefficient, the bits that no scan has; only of progressive JPEGs.
    """

    has_end: bool = False
    is_lossless: bool = False
    has_restarts: bool = False
    is_progressive: bool = False
    scans: int = 0
    pixels: int = 0
    missing_bits: dict[tuple[int, int], int] | None = None


def read_markers(content: bytes) -> JpegMarkers:
    """Reads the markers of a file that starts as a JPEG does. The file may be damaged.

    Raises:
        UnsupportedImageError: lossless, 12 bits, two components, or too many scans or segments.
    """
    found = JpegMarkers()
    position = 2
    for _ in range(MAX_SEGMENTS):
        match = MARKER.search(content, position)
        if match is None:
            return found
        marker, position = content[match.end() - 1], match.end()
        if marker == EOI:
            found.has_end = True
            return found
        if marker == SOI:
            continue
        body = content[position + 2 : position + max(2, int.from_bytes(content[position : position + 2]))]
        if marker in FRAMES or marker == JPEG_LS:
            _read_frame(found, marker, body)
        elif marker == SOS:
            _read_scan(found, body)
        elif marker == DRI:
            found.has_restarts = True
        position += 2 + len(body)
    raise UnsupportedImageError(f"is a JPEG with more than {MAX_SEGMENTS} segments. {SAVE_AS}")


def _read_frame(found: JpegMarkers, marker: int, body: bytes) -> None:
    if marker not in DECODED_FRAMES and marker != LOSSLESS:
        raise UnsupportedImageError(NOT_ORDINARY)
    if len(body) < 6:
        return
    if body[0] != 8 and body[0] in PRECISIONS:
        raise UnsupportedImageError(f"is a JPEG of {body[0]} bits per channel; 8 are supported. {SAVE_AS}")
    if body[5] == 2:
        raise UnsupportedImageError(f"is a JPEG of 2 channels; 1, 3 and 4 are supported. {SAVE_AS}")
    found.is_lossless, found.is_progressive = marker == LOSSLESS, marker in PROGRESSIVE
    found.pixels = int.from_bytes(body[1:3]) * int.from_bytes(body[3:5])
    components = body[6::3][: body[5]]
    found.missing_bits = {(component, k): 99 for component in components for k in range(64)}


def _read_scan(found: JpegMarkers, body: bytes) -> None:
    found.scans += 1
    if found.scans > MAX_SCANS or found.scans * found.pixels > max(MAX_SCANNED_PIXELS, 4 * found.pixels):
        raise UnsupportedImageError(f"is a JPEG of {found.scans} or more scans, which takes too long. {SAVE_AS}")
    if found.missing_bits is not None and body and len(body) >= 4 + 2 * body[0]:
        first, last, bits = body[-3], min(body[-2], 63), body[-1] & 15
        for component in body[1 : 1 + 2 * body[0] : 2]:
            for k in range(first, last + 1):
                found.missing_bits[component, k] = bits


def without_metadata(content: bytes) -> bytes:
    """A JPEG without its :data:`METADATA`."""
    kept, position = [content[:2]], 2
    while (match := MARKER.search(content, position)) and content[match.end() - 1] != SOS:
        marker, start = content[match.end() - 1], match.end()
        position = start + int.from_bytes(content[start : start + 2])
        if marker not in METADATA:
            kept.append(content[match.start() : position])
    return b"".join((*kept, content[position:]))


def complete(content: bytes, markers: JpegMarkers) -> list[bytes]:
    """Ways to complete a JPEG that has no end marker.

    The first adds the marker, the others put random data before it. Where all give the same pixels, the data are
    complete: a decoder ignores what follows the last block. Otherwise blocks are missing.

    Raises:
        OSError: scans are missing.
    """
    if markers.missing_bits is None or (markers.is_progressive and any(markers.missing_bits.values())):
        raise OSError("its end is missing")
    data = content.rstrip(b"\0")  # what a failed copy leaves
    data += b"\0" if data.endswith(b"\xff") else b""
    starts = [b"", _next_restart(data)] if markers.has_restarts else [b""]
    return [data + END, *(data + start + filler.tobytes() + END for start in starts for filler in FILLERS)]


def _next_restart(content: bytes) -> bytes:
    """The restart marker that follows the last one of the last scan: without it, a decoder skips to the end."""
    restarts = RESTART.findall(content, content.rfind(bytes([0xFF, SOS])))
    return bytes([0xFF, 0xD0 + (restarts[-1][1] - 0xD0 + 1) % 8 if restarts else 0xD0])
