import io
import os
import struct
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from clothier.data.photos import decode, decode_image
from clothier.data.photos.formats import SIGNATURES
from clothier.errors import ImageError
from tests.synthetic import draw_garments

NOBODY = 65534
STARTS = [*SIGNATURES, b"", b"\0\0\0\x18ftypavif", b"\0\0\0\x18ftypheic"]
OUTCOMES = {"L", "RGB", "empty", "not-an-image", "truncated", "too-large", "too-small", "unsupported"}
DRAWN = draw_garments(20, 1).images


def encoded(image: Image.Image, kind: str, **more: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **more)
    return file.getvalue()


def read(tmp_path: Path, content: bytes, name: str = "image") -> Image.Image:
    (tmp_path / name).write_bytes(content)
    return decode_image(tmp_path / name)


@pytest.fixture
def gradient() -> Image.Image:
    """40 wide, 30 high, red to the right, green downwards."""
    y, x = np.mgrid[:30, :40]
    return Image.fromarray(np.stack([x * 6, y * 8, np.full_like(x, 50)], axis=2).astype(np.uint8))


EXIF_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class TestDecoding:
    def test_png_is_lossless(self, tmp_path: Path, gradient: Image.Image) -> None:
        image = read(tmp_path, encoded(gradient, "PNG"))
        assert image.mode == "RGB"
        assert np.array_equal(np.asarray(image), np.asarray(gradient))

    @pytest.mark.parametrize("kind", ["JPEG", "WEBP", "BMP", "GIF", "TIFF", "AVIF"])
    def test_other_formats_are_almost_lossless(self, tmp_path: Path, gradient: Image.Image, kind: str) -> None:
        image = read(tmp_path, encoded(gradient, kind))
        assert image.mode == "RGB"
        assert np.abs(np.asarray(image).astype(int) - np.asarray(gradient)).mean() < 12

    def test_the_suffix_does_not_matter(self, tmp_path: Path, gradient: Image.Image) -> None:
        assert read(tmp_path, encoded(gradient, "PNG"), "image.jpg").size == (40, 30)

    def test_gray_stays_gray(self, tmp_path: Path) -> None:
        assert read(tmp_path, encoded(Image.new("L", (9, 9), 77), "PNG")).mode == "L"
        assert read(tmp_path, encoded(Image.new("1", (9, 9), 1), "PNG")).getpixel((0, 0)) == 255

    @pytest.mark.parametrize(("tag", "dark_corner"), [(1, (0, 0)), (3, (-1, -1)), (6, (0, -1)), (8, (-1, 0))])
    def test_image_is_upright(
        self, tmp_path: Path, gradient: Image.Image, tag: int, dark_corner: tuple[int, int]
    ) -> None:
        exif = Image.Exif()
        exif[0x0112] = tag
        image = read(tmp_path, encoded(gradient, "JPEG", exif=exif, quality=95))
        assert image.size == ((40, 30) if tag in {1, 3} else (30, 40))
        corners = {(row, column): np.asarray(image)[row, column].sum() for row in (0, -1) for column in (0, -1)}
        assert min(corners, key=corners.__getitem__) == dark_corner

    def test_a_damaged_tag_is_ignored(self, tmp_path: Path, gradient: Image.Image) -> None:
        image = read(tmp_path, encoded(gradient, "PNG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x09\x01\x12"))
        assert np.array_equal(np.asarray(image), np.asarray(gradient))

    @pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
    def test_transparent_pixels_become_white(self, tmp_path: Path, mode: str) -> None:
        layer = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
        layer.paste((60, 60, 60, 255), (2, 2, 6, 6))
        image = read(tmp_path, encoded(layer.convert(mode), "PNG"))
        assert image.mode == ("L" if mode == "LA" else "RGB")
        assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
        assert image.convert("RGB").getpixel((4, 4)) == (60, 60, 60)

    def test_16_bits_become_8(self, tmp_path: Path) -> None:
        deep = Image.fromarray(np.array([[0, 255, 256, 65535] * 2] * 8, np.uint16))
        for kind in ("PNG", "TIFF"):
            image = read(tmp_path, encoded(deep, kind))
            assert np.asarray(image)[0, :4].tolist() == [0, 0, 1, 255]

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
    @pytest.mark.parametrize("tag", range(1, 9))
    def test_exif_orientation(self, tmp_path: Path, gradient: Image.Image, kind: str, tag: int) -> None:
        exif = Image.Exif()
        exif[0x0112] = tag
        transpose = EXIF_TRANSPOSE.get(tag)
        expected = gradient if transpose is None else gradient.transpose(transpose)
        image = read(tmp_path, encoded(gradient, kind, exif=exif))
        assert image.size == expected.size
        assert np.abs(np.asarray(image).astype(int) - np.asarray(expected)).mean() < 12

    @pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
    def test_the_first_frame_of_an_animation(self, tmp_path: Path, kind: str) -> None:
        frames = [Image.new("RGB", (16, 16), color) for color in ("red", "lime", "blue")]
        image = read(tmp_path, encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=50))
        red, green, blue = image.convert("RGB").getpixel((8, 8))
        assert red > 240
        assert max(green, blue) < 15

    @pytest.mark.parametrize(
        ("sides", "size"),
        [(None, 1600), ((1, 900), 1600), ((1, 800), 800), ((601, 1), 1600), ((301, 401), 800), ((20, 50), 200)],
    )
    def test_jpeg_is_decoded_in_a_smaller_size(self, tmp_path: Path, sides: tuple[int, int] | None, size: int) -> None:
        (tmp_path / "photo").write_bytes(encoded(Image.new("RGB", (1200, 1600), "red"), "JPEG"))
        assert decode_image(tmp_path / "photo", min_sides=sides).height == size

    @pytest.mark.parametrize(("size", "expected"), [((300, 400), (75, 100)), ((1000, 60), (500, 30))])
    def test_large_images_of_other_formats_are_shrunk(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], expected: tuple[int, int]
    ) -> None:
        """By a whole factor; of a panorama, the shorter side keeps half of the pixels that are needed."""
        monkeypatch.setattr(decode, "LARGE_PIXELS", 50_000)
        (tmp_path / "photo").write_bytes(encoded(Image.new("RGB", size, "red"), "PNG"))
        assert decode_image(tmp_path / "photo", min_sides=(50, 100) if size[0] == 300 else (30, 60)).size == expected

    def test_other_formats_are_decoded_in_full_size(self, tmp_path: Path) -> None:
        (tmp_path / "photo").write_bytes(encoded(Image.new("RGB", (300, 400), "red"), "PNG"))
        assert decode_image(tmp_path / "photo", min_sides=(20, 40)).size == (300, 400)


class TestHeic:
    def test_with_pillow_heif(self, tmp_path: Path, gradient: Image.Image) -> None:
        pillow_heif = pytest.importorskip("pillow_heif")
        pillow_heif.from_pillow(gradient).save(tmp_path / "photo.heic")
        image = decode_image(tmp_path / "photo.heic")
        assert np.abs(np.asarray(image).astype(int) - np.asarray(gradient)).mean() < 12

    def test_without_pillow_heif(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "pillow_heif", None)
        with pytest.raises(ImageError, match=r"pip install 'clothier\[heic\]'") as caught:
            read(tmp_path, b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
        assert caught.value.code == "needs-heic"

    def test_damaged_heic(self, tmp_path: Path) -> None:
        pytest.importorskip("pillow_heif")
        with pytest.raises(ImageError, match="is truncated or damaged"):
            read(tmp_path, b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")


def png_of_size(width: int, height: int) -> bytes:
    """A PNG whose header says a larger size than the file has."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


class TestBadInput:
    @pytest.mark.parametrize(
        ("content", "code", "sentence"),
        [
            (b"", "empty", "image is empty"),
            (
                b"just words",
                "not-an-image",
                "PNG, JPEG, WEBP, AVIF, TIFF, BMP, GIF, HEIC",
            ),
            (
                b"\x89PNG\r\n\x1a\n",
                "truncated",
                r"image is truncated or damaged \(its header is incomplete\)",
            ),
            (png_of_size(30_000, 30_000), "too-large", "image has far more than the limit of 64000000 pixels"),
            (png_of_size(9_000, 10_000), "too-large", "image has 9000x10000 pixels; the limit is 64000000"),
            (png_of_size(8_000, 8_001), "too-large", "image has 8000x8001 pixels"),
            (png_of_size(1, 1), "too-small", "has 1x1 pixels; 8 or more on each side"),
            (
                encoded(Image.effect_noise((64, 64), 90), "JPEG")[:-150],
                "truncated",
                "is truncated or damaged",
            ),
            (encoded(Image.fromarray(DRAWN[0]), "PNG")[:300], "truncated", "image is truncated or damaged"),
        ],
        ids=["empty", "text", "no header", "bomb", "warned of", "just above", "one pixel", "half a JPEG", "half a PNG"],
    )
    def test_code_and_message(self, tmp_path: Path, content: bytes, code: str, sentence: str) -> None:
        with warnings.catch_warnings(record=True) as leaked:
            warnings.simplefilter("always")
            with pytest.raises(ImageError, match=sentence) as failure:
                read(tmp_path, content)
        assert failure.value.code == code
        assert leaked == []

    def test_paths_that_are_not_files(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        for name, code, sentence in (
            ("no\0ne", "not-found", r"is not a path \(embedded null byte\)\. Check the path\."),
            ("none", "not-found", r"none does not exist\. Check the path\."),
            ("pipe", "not-readable", "pipe is not a file"),
            (".", "not-readable", r"is a folder\. Give the photos in it\. .*clothier tag"),
            ("n" * 300, "not-readable", "cannot be read: File name too long. Check its permissions."),
        ):
            with pytest.raises(ImageError, match=sentence) as failure:
                decode_image(tmp_path / name)
            assert failure.value.code == code

    def test_a_file_without_permission(self, tmp_path: Path) -> None:
        (tmp_path / "secret").write_bytes(b"x")
        (tmp_path / "secret").chmod(0)
        user = os.geteuid()
        if user == 0:
            tmp_path.chmod(0o755)
            os.seteuid(NOBODY)
        try:
            with pytest.raises(ImageError, match=r"cannot be read: Permission denied\. Check its") as failure:
                decode_image(tmp_path / "secret")
        finally:
            os.seteuid(user)
        assert failure.value.code == "not-readable"

    def test_a_file_that_is_too_large_is_not_read(self, tmp_path: Path) -> None:
        with (tmp_path / "large").open("wb") as file:
            file.truncate(decode.MAX_BYTES + 1)
        with pytest.raises(ImageError, match="large has 67108865 bytes; the limit is 67108864") as failure:
            decode_image(tmp_path / "large")
        assert failure.value.code == "too-large"

    @settings(deadline=None)
    @given(st.data())
    def test_damaged_files_give_an_image_or_an_image_error(self, tmp_path_factory, data) -> None:
        kind = data.draw(st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "AVIF"]))
        exif = Image.Exif()
        exif[0x0112] = 6
        content = bytearray(encoded(Image.fromarray(DRAWN[1]).convert("RGB"), kind, exif=exif))
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        end = data.draw(st.integers(1, len(content)))
        path = tmp_path_factory.getbasetemp() / "damaged"
        path.write_bytes(content[:end])
        try:
            outcome = decode_image(path).mode
        except ImageError as error:
            outcome = error.code
        assert outcome in OUTCOMES

    @settings(deadline=None)
    @given(
        st.sampled_from(STARTS),
        st.binary(max_size=200),
    )
    def test_any_bytes_give_an_image_or_an_image_error(self, tmp_path_factory, start: bytes, rest: bytes) -> None:
        path = tmp_path_factory.getbasetemp() / "bytes"
        path.write_bytes(start + rest)
        try:
            outcome = decode_image(path).mode
        except ImageError as error:
            outcome = error.code
        assert outcome in OUTCOMES
