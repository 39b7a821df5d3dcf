"""Depths and layouts of TIFF that Pillow does not decode, against the 8-bit image that they were made from."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import ImageCms

from clothier.data.photos import decode_image, decode_with_notes
from clothier.data.photos.tiff import COLOR_PROFILE, PREVIEW
from clothier.errors import ImageError

if TYPE_CHECKING:
    from pathlib import Path

DATA_AT = 4000  # bytes
Y, X = np.mgrid[:14, :19]
GRAY = (X * 13).astype(np.uint8)
COLOR = np.stack([X * 13, Y * 18, (X * Y) % 256], axis=2).astype(np.uint8)


def tiff(
    pixels: np.ndarray, bits: int, *, order: str = ">", photometric: int = 1, separate: bool = False, **tags: list[int]
) -> bytes:
    """An uncompressed TIFF of 8-bit ``pixels``, (H, W) or (H, W, C), scaled to ``bits``, in two strips per plane."""
    height, width = pixels.shape[:2]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    samples = np.rint(pixels.astype(float).reshape(height, width, channels) * ((1 << bits) - 1) / 255).astype(np.int64)
    planes = samples.transpose(2, 0, 1)[..., None] if separate else samples[None]
    strips = [_pack(rows, bits, order) for plane in planes for rows in (plane[:8], plane[8:])]
    values = {256: [width], 257: [height], 258: [bits] * channels, 259: [1], 262: [photometric], 277: [channels]}
    values |= {278: [8], 279: [len(one) for one in strips], 284: [2 if separate else 1]}
    values |= {int(tag.strip("_")): value for tag, value in tags.items()}
    values[273] = [0] * len(strips)
    extra_at = 8 + 2 + 12 * len(values) + 4
    values[273] = [DATA_AT + sum(map(len, strips[:n])) for n in range(len(strips))]
    entries, extra = b"", b""
    for tag in sorted(values):
        kind, form = (7, "B") if tag == COLOR_PROFILE else (4, "I")
        packed = struct.pack(f"{order}{len(values[tag])}{form}", *values[tag])
        place = packed if len(packed) == 4 else struct.pack(f"{order}I", extra_at + len(extra))
        extra += b"" if len(packed) == 4 else packed
        entries += struct.pack(f"{order}HHI", tag, kind, len(values[tag])) + place
    start = b"MM\0*" if order == ">" else b"II*\0"
    head = start + struct.pack(f"{order}IH", 8, len(values)) + entries + bytes(4) + extra
    return head.ljust(DATA_AT, b"\0") + b"".join(strips)


def _pack(rows: np.ndarray, bits: int, order: str) -> bytes:
    """Rows of samples, each row padded to whole bytes."""
    rows = rows.reshape(len(rows), -1)
    if bits == 16:
        return rows.astype(f"{order}u2").tobytes()
    unpacked = (rows[..., None] >> np.arange(bits)[::-1] & 1).astype(np.uint8)
    return np.packbits(unpacked.reshape(len(rows), -1), axis=1).tobytes()


def read(tmp_path: Path, content: bytes) -> np.ndarray:
    (tmp_path / "image").write_bytes(content)
    return np.asarray(decode_image(tmp_path / "image")).astype(int)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [3, 6, 10, 12, 14, 16])
@pytest.mark.parametrize("photometric", [0, 1])
def test_gray(tmp_path: Path, bits: int, order: str, photometric: int) -> None:
    content = tiff(255 - GRAY if photometric == 0 else GRAY, bits, order=order, photometric=photometric)
    assert np.abs(read(tmp_path, content) - GRAY).max() <= max(1, 128 >> bits - 1)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [2, 4, 10, 12, 14, 16])
@pytest.mark.parametrize("separate", [False, True])
def test_color(tmp_path: Path, bits: int, order: str, separate: bool) -> None:
    content = tiff(COLOR, bits, order=order, photometric=2, separate=separate)
    assert np.abs(read(tmp_path, content) - COLOR).max() <= max(1, 128 // ((1 << bits) - 1) + 1)


def test_the_orientation_is_applied(tmp_path: Path) -> None:
    assert read(tmp_path, tiff(GRAY, 10, _274=[6])).shape == (19, 14)


def test_the_profile_is_applied(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = profile.replace(b"rXYZ", b"????", 1).replace(b"gXYZ", b"rXYZ", 1).replace(b"????", b"gXYZ", 1)
    read_pixels = read(tmp_path, tiff(COLOR, 10, photometric=2, _34675=list(swapped)))
    assert np.abs(read_pixels - COLOR).max() > 100


def test_a_preview_is_noted(tmp_path: Path) -> None:
    """Raw files of cameras are TIFFs that begin with one."""
    for subfile_type, expected in ((0, ()), (1, (PREVIEW,))):
        (tmp_path / "image").write_bytes(tiff(GRAY, 8, _254=[subfile_type]))
        assert decode_with_notes(tmp_path / "image")[1] == expected


def test_missing_pixels(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="truncated or damaged") as caught:
        read(tmp_path, tiff(GRAY, 10)[:-20])
    assert caught.value.code == "truncated"


def test_separate_channels_of_16_bits_in_another_color_space(tmp_path: Path) -> None:
    cmyk = np.dstack([COLOR, GRAY])
    with pytest.raises(ImageError, match="separate channels of 16 bits") as caught:
        read(tmp_path, tiff(cmyk, 16, photometric=5, separate=True))
    assert caught.value.code == "unsupported"


@pytest.mark.parametrize("scale", [1, 257])
def test_a_palette_of_8_bits(tmp_path: Path, scale: int) -> None:
    """The standard prescribes 16 bits; as in libtiff, a palette without larger values has 8."""
    palette = np.stack([np.arange(256), np.arange(255, -1, -1), np.full(256, 40)]) * scale
    pixels = read(tmp_path, tiff(GRAY, 8, photometric=3, _320=palette.ravel().tolist()))
    assert np.array_equal(pixels[..., 0], GRAY)
    assert np.array_equal(pixels[..., 1], 255 - GRAY.astype(int))
    assert set(np.unique(pixels[..., 2])) == {40}
