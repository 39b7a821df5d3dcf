"""Images whose end is zeros, as unfinished copies leave it, are refused; whole ones of any kind are not."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from clothier.data.photos import decode_with_notes
from clothier.data.photos.tails import MAY_BE_UNFINISHED, check_coded
from clothier.errors import ImageError

FRACTIONS = np.linspace(0.1, 0.99, 24)
RNG = np.random.default_rng(0)
PHOTO = Image.fromarray(RNG.integers(1, 255, (24, 32, 3), np.uint8)).resize((317, 243), Image.Resampling.BICUBIC)
EXIF = b"Exif\0\0II*\0" + bytes(3000)
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "webp": ("WEBP", {}),
    "webp lossless": ("WEBP", {"lossless": True}),
    "webp with metadata": ("WEBP", {"exif": EXIF}),
    "webp animation": ("WEBP", {"save_all": True, "append_images": [PHOTO.rotate(90)]}),
    "avif": ("AVIF", {}),
    "heic": ("HEIF", {}),
    "heic with metadata": ("HEIF", {"exif": EXIF}),
    "heic with thumbnail": ("HEIF", {"thumbnails": [64]}),
}


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def decode(content: bytes) -> Image.Image:
    image, notes = decode_with_notes(Path("photo"), content=content)
    assert not notes
    return image


def zeroed(content: bytes, fraction: float) -> bytes:
    kept = int(len(content) * fraction)
    return content[:kept].ljust(len(content), b"\0")


@pytest.mark.parametrize("name", KINDS)
def test_coded_pixels(name: str) -> None:
    """Wherever the zeros begin: the photo is refused, or has a note, or its pixels are all there."""
    kind, options = KINDS[name]
    content = encode(PHOTO, kind, **options)
    whole, n_refused = decode(content).tobytes(), 0
    for fraction in FRACTIONS:
        try:
            image, notes = decode_with_notes(Path("photo"), content=zeroed(content, fraction))
            assert notes == (MAY_BE_UNFINISHED,) or image.tobytes() == whole, f"zeros from {fraction:.2f} on"
        except ImageError as error:
            assert error.code == "truncated"  # noqa: PT017 - it may be raised or not
            n_refused += 1
    assert n_refused >= len(FRACTIONS) / 2


@pytest.mark.parametrize(
    ("kind", "mode"),
    [(kind, mode) for kind in ("BMP", "TIFF") for mode in ("RGB", "RGBA", "L", "P")] + [("TIFF", "CMYK")],
)
def test_rows_that_stop_in_the_middle(kind: str, mode: str) -> None:
    image = PHOTO.convert("RGB").convert(mode)
    content = encode(image, kind)
    size = len(image.getbands()) * 317
    row = -(-size // 4) * 4 if kind == "BMP" else size
    start = len(content) - 243 * row if kind == "BMP" else content.index(image.tobytes()[: 10 * row])
    end = start + 100 * row + size // 2
    assert decode(content).size == (317, 243)
    with pytest.raises(ImageError, match="zeros") as caught:
        decode(content[:end].ljust(start + 243 * row, b"\0") + content[start + 243 * row :])
    assert caught.value.code == "truncated"


def test_a_tiff_of_16_bits() -> None:
    gray = (np.asarray(PHOTO.convert("L")).astype(np.uint16) * 257) | 1
    gray[100, 150:] = 0
    gray[101:] = 0
    with pytest.raises(ImageError, match="zeros"):
        decode(encode(Image.fromarray(gray), "TIFF"))


@pytest.mark.parametrize("kind", ["BMP", "TIFF"])
def test_black_rows_are_no_damage(kind: str) -> None:
    """A black background, a black bar at either end, a black picture, and a row that ends in black."""
    pixels = np.asarray(PHOTO).copy()
    for black in (np.s_[200:], np.s_[:40], np.s_[:, 200:], np.s_[-1, 50:], np.s_[:]):
        image = pixels.copy()
        image[black] = 0
        assert decode(encode(Image.fromarray(image), kind)).size == (317, 243)
    rows, columns = np.mgrid[:243, :317]
    image = pixels * ((rows - 120) ** 2 + (columns - 150) ** 2 < 90**2)[..., None]
    assert decode(encode(Image.fromarray(image.astype(np.uint8)), kind)).size == (317, 243)


@pytest.mark.parametrize(
    ("kind", "options"), [("WEBP", {"quality": 80}), ("WEBP", {"lossless": True}), ("AVIF", {}), ("HEIF", {})]
)
@pytest.mark.parametrize("color", ["white", "black", (128, 128, 128), (1, 1, 1)])
@pytest.mark.parametrize("size", [(16, 16), (60, 90), (900, 700)])
def test_images_of_one_color_are_whole(size: tuple[int, int], color: Any, kind: str, options: dict[str, Any]) -> None:
    assert decode(encode(Image.new("RGB", size, color), kind, **options)).size == size


def test_what_an_encoder_might_leave_has_a_note() -> None:
    """At quality 100 and method 0, a white picture has as many zeros at its end as an unfinished copy."""
    content = encode(Image.new("RGB", (900, 700), "white"), "WEBP", quality=100, method=0)
    assert decode_with_notes(Path("photo"), content=content)[1] == (MAY_BE_UNFINISHED,)
    content = encode(Image.new("RGB", (900, 700), "white"), "WEBP", quality=100)
    assert decode_with_notes(Path("photo"), content=content)[1] == ()


@pytest.mark.parametrize("kind", ["WEBP", "AVIF", "HEIF"])
def test_damaged_structures_are_left_to_the_decoder(kind: str) -> None:
    """Any bytes at all: the check never fails in another way, and ends."""
    content = encode(PHOTO, kind)
    for seed in range(200):
        rng = np.random.default_rng(seed)
        damaged = bytearray(content)
        for at in rng.integers(8, min(len(content), 600), 8):
            damaged[at] = rng.integers(256)
        try:
            check_coded(bytes(damaged), kind)
        except OSError as error:
            assert "zeros" in str(error)  # noqa: PT017 - it may be raised or not
