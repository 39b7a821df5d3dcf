import io
import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from clothier.data.photos import read_picture, reading
from clothier.data.synthetic import draw_garments
from clothier.errors import PhotoError

NOBODY = 65534
DRAWN = draw_garments(20, 1).images


def encoded(image: Image.Image, kind: str, **more: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **more)
    return file.getvalue()


def read(tmp_path: Path, content: bytes, name: str = "picture") -> Image.Image:
    (tmp_path / name).write_bytes(content)
    return read_picture(tmp_path / name)


@pytest.fixture
def gradient() -> Image.Image:
    """40 wide, 30 high, red to the right, green downwards."""
    y, x = np.mgrid[:30, :40]
    return Image.fromarray(np.stack([x * 6, y * 8, np.full_like(x, 50)], axis=2).astype(np.uint8))


class TestReading:
    def test_a_png_comes_as_it_was(self, tmp_path: Path, gradient: Image.Image) -> None:
        image = read(tmp_path, encoded(gradient, "PNG"))
        assert image.mode == "RGB"
        assert np.array_equal(np.asarray(image), np.asarray(gradient))

    @pytest.mark.parametrize("kind", ["JPEG", "WEBP", "BMP", "GIF"])
    def test_other_formats_come_nearly_so(self, tmp_path: Path, gradient: Image.Image, kind: str) -> None:
        image = read(tmp_path, encoded(gradient, kind))
        assert image.mode == "RGB"
        assert np.abs(np.asarray(image).astype(int) - np.asarray(gradient)).mean() < 12

    def test_the_suffix_does_not_matter(self, tmp_path: Path, gradient: Image.Image) -> None:
        assert read(tmp_path, encoded(gradient, "PNG"), "picture.jpg").size == (40, 30)

    def test_grey_stays_grey(self, tmp_path: Path) -> None:
        assert read(tmp_path, encoded(Image.new("L", (9, 9), 77), "PNG")).mode == "L"
        assert read(tmp_path, encoded(Image.new("1", (9, 9), 1), "PNG")).getpixel((0, 0)) == 255

    @pytest.mark.parametrize(("tag", "dark_corner"), [(1, (0, 0)), (3, (-1, -1)), (6, (0, -1)), (8, (-1, 0))])
    def test_it_is_upright(self, tmp_path: Path, gradient: Image.Image, tag: int, dark_corner: tuple[int, int]) -> None:
        exif = Image.Exif()
        exif[0x0112] = tag
        image = read(tmp_path, encoded(gradient, "JPEG", exif=exif, quality=95))
        assert image.size == ((40, 30) if tag in {1, 3} else (30, 40))
        corners = {(row, column): np.asarray(image)[row, column].sum() for row in (0, -1) for column in (0, -1)}
        assert min(corners, key=corners.__getitem__) == dark_corner

    @pytest.mark.parametrize("tag", range(1, 9))
    def test_all_eight_ways_of_holding_a_camera_are_as_pillow_has_them(
        self, tmp_path: Path, gradient: Image.Image, tag: int
    ) -> None:
        exif = Image.Exif()
        exif[0x0112] = tag
        content = encoded(gradient, "PNG", exif=exif)
        theirs = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
        assert np.array_equal(np.asarray(read(tmp_path, content)), np.asarray(theirs))

    def test_a_damaged_tag_does_not_cost_the_picture(self, tmp_path: Path, gradient: Image.Image) -> None:
        image = read(tmp_path, encoded(gradient, "PNG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x09\x01\x12"))
        assert np.array_equal(np.asarray(image), np.asarray(gradient))

    @pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
    def test_what_is_transparent_is_white(self, tmp_path: Path, mode: str) -> None:
        layer = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
        layer.paste((60, 60, 60, 255), (2, 2, 6, 6))
        image = read(tmp_path, encoded(layer.convert(mode), "PNG"))
        assert image.mode == ("L" if mode == "LA" else "RGB")
        assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
        assert image.convert("RGB").getpixel((4, 4)) == (60, 60, 60)

    def test_sixteen_bits_become_eight(self, tmp_path: Path) -> None:
        deep = Image.fromarray(np.array([[0, 255, 256, 65535] * 2] * 8, np.uint16))
        for kind in ("PNG", "TIFF"):
            image = read(tmp_path, encoded(deep, kind))
            assert np.asarray(image)[0, :4].tolist() == [0, 0, 1, 255]

    def test_cmyk_becomes_rgb(self, tmp_path: Path) -> None:
        assert read(tmp_path, encoded(Image.new("CMYK", (8, 8)), "JPEG")).getpixel((0, 0)) == (255, 255, 255)


def png_of_size(width: int, height: int) -> bytes:
    """A PNG whose header promises much more than the file holds."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


class TestBadInput:
    @pytest.mark.parametrize(
        ("content", "code", "sentence"),
        [
            (b"", "empty", "picture is empty; a picture is needed. Copy it again."),
            (
                b"just words",
                "not-a-picture",
                "can be read; PNG, JPEG, WEBP, AVIF, TIFF, BMP, GIF, HEIC can be",
            ),
            (
                b"\x89PNG\r\n\x1a\n",
                "truncated",
                r"picture is cut short or damaged \(its header is not whole\); a whole",
            ),
            (png_of_size(30_000, 30_000), "too-large", "picture has far more than the 64000000 pixels"),
            (png_of_size(9_000, 10_000), "too-large", "picture has 9000x10000 pixels; up to 64000000 in all can be"),
            (png_of_size(8_000, 8_001), "too-large", "picture has 8000x8001 pixels"),
            (
                encoded(Image.effect_noise((64, 64), 90), "JPEG")[:-150],
                "truncated",
                "is cut short or damaged .* Copy it",
            ),
            (encoded(Image.fromarray(DRAWN[0]), "PNG")[:300], "truncated", "picture is cut short or damaged"),
        ],
        ids=["empty", "text", "no header", "bomb", "warned of", "just above", "half a JPEG", "half a PNG"],
    )
    def test_each_has_its_code_and_sentence(self, tmp_path: Path, content: bytes, code: str, sentence: str) -> None:
        with warnings.catch_warnings(record=True) as leaked:
            warnings.simplefilter("always")
            with pytest.raises(PhotoError, match=sentence) as failure:
                read(tmp_path, content)
        assert failure.value.code == code
        assert leaked == []

    def test_paths_that_are_no_files(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        for name, code, sentence in (
            ("none", "not-found", r"none does not exist\. Check the path\."),
            ("pipe", "not-readable", "pipe is not a file; a picture is needed. Name the picture itself."),
            (".", "not-readable", "is not a file"),
            ("n" * 300, "not-readable", "cannot be read: File name too long. Check its permissions."),
        ):
            with pytest.raises(PhotoError, match=sentence) as failure:
                read_picture(tmp_path / name)
            assert failure.value.code == code

    def test_a_file_without_permission(self, tmp_path: Path) -> None:
        (tmp_path / "secret").write_bytes(b"x")
        (tmp_path / "secret").chmod(0)
        user = os.geteuid()
        if user == 0:
            tmp_path.chmod(0o755)
            os.seteuid(NOBODY)
        try:
            with pytest.raises(PhotoError, match=r"cannot be read: Permission denied\. Check its") as failure:
                read_picture(tmp_path / "secret")
        finally:
            os.seteuid(user)
        assert failure.value.code == "not-readable"

    def test_a_file_of_too_many_bytes_is_not_even_read(self, tmp_path: Path) -> None:
        with (tmp_path / "large").open("wb") as file:
            file.truncate(reading.MAX_BYTES + 1)
        with pytest.raises(
            PhotoError, match=r"large has 67108865 bytes; up to 67108864 can be taken\. Save it"
        ) as failure:
            read_picture(tmp_path / "large")
        assert failure.value.code == "too-large"

    @given(st.data())
    def test_no_damage_gives_anything_but_a_picture_or_its_error(self, tmp_path_factory, data) -> None:
        kind = data.draw(st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "WEBP"]))
        exif = Image.Exif()
        exif[0x0112] = 6
        content = bytearray(encoded(Image.fromarray(DRAWN[1]).convert("RGB"), kind, exif=exif))
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        end = data.draw(st.integers(1, len(content)))
        path = tmp_path_factory.getbasetemp() / "damaged"
        path.write_bytes(content[:end])
        try:
            outcome = read_picture(path).mode
        except PhotoError as error:
            outcome = error.code
        assert outcome in {"L", "RGB", "not-a-picture", "truncated", "too-large"}
