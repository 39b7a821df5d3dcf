"""Files that are whole but not supported, and files that are damaged but complete."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from clothier.data.photos import decode_image, decode_with_notes, jpeg, png
from clothier.errors import ImageError

if TYPE_CHECKING:
    from pathlib import Path

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 56, 3), dtype=np.uint8))


def encoded(kind: str, image: Image.Image = NOISE, **more: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **more)
    return file.getvalue()


def refusal(tmp_path: Path, content: bytes) -> ImageError:
    (tmp_path / "image").write_bytes(content)
    with pytest.raises(ImageError) as caught:
        decode_image(tmp_path / "image")
    return caught.value


def notes_of(tmp_path: Path, content: bytes) -> tuple[str, ...]:
    """The notes on a file whose pixels are those of NOISE as JPEG or PNG."""
    (tmp_path / "image").write_bytes(content)
    image, notes = decode_with_notes(tmp_path / "image")
    kind = "JPEG" if content.startswith(b"\xff\xd8") else "PNG"
    progressive = b"\xff\xc2" in content
    (tmp_path / "whole").write_bytes(encoded(kind, progressive=True) if progressive else encoded(kind))
    assert np.array_equal(np.asarray(image), np.asarray(decode_image(tmp_path / "whole")))
    return notes


class TestUnsupported:
    @pytest.mark.parametrize(
        ("content", "name"),
        [
            (b"8BPS\0\1", "a Photoshop file"),
            (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 image"),
            (b"\xff\x0a\xff\x07", "a JPEG XL image"),
            (b"%PDF-1.7", "a PDF"),
            (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
            (b"P6\n8 8\n255\n" + bytes(192), "a Netpbm image"),
            (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "a video or another media file"),
            (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "a raw image of a camera"),
        ],
    )
    def test_another_format_is_named(self, tmp_path: Path, content: bytes, name: str) -> None:
        error = refusal(tmp_path, content)
        assert (error.code, f"image is {name}, which is not supported. Save it as JPEG or PNG." in str(error)) == (
            "unsupported",
            True,
        )

    @pytest.mark.parametrize(
        ("marker", "at", "value", "sentence"),
        [
            (0xC0, 1, 0xC5, "is a lossless or hierarchical JPEG"),
            (0xC0, 4, 12, "is a JPEG of 12 bits per channel"),
            (0xC0, 9, 2, "is a JPEG of 2 channels"),
        ],
    )
    def test_jpeg_of_another_kind(self, tmp_path: Path, marker: int, at: int, value: int, sentence: str) -> None:
        content = bytearray(encoded("JPEG"))
        content[content.index(bytes([0xFF, marker])) + at] = value
        error = refusal(tmp_path, bytes(content))
        assert error.code == "unsupported"
        assert sentence in str(error)

    def test_tiff_of_another_kind(self, tmp_path: Path) -> None:
        """A whole one is not supported, a cut one is damaged."""
        content = bytearray(encoded("TIFF"))
        (offset,) = struct.unpack_from("<I", content, 4)
        for at in range(offset + 2, len(content) - 12, 12):
            if content[at : at + 2] == struct.pack("<H", 259):
                content[at + 8 : at + 10] = struct.pack("<H", 34712)
        error = refusal(tmp_path, bytes(content))
        assert error.code == "unsupported"
        assert "compression 34712" in str(error)
        assert refusal(tmp_path, encoded("TIFF")[:3000]).code == "truncated"

    def test_bmp_of_another_kind(self, tmp_path: Path) -> None:
        content = bytearray(encoded("BMP"))
        content[28] = 2  # bits per pixel
        assert refusal(tmp_path, bytes(content)).code == "unsupported"
        assert refusal(tmp_path, encoded("BMP")[:2000]).code == "truncated"

    def test_pngs_of_apple(self, tmp_path: Path) -> None:
        content = encoded("PNG")
        extra = b"\0\0\0\4CgBI" + bytes(4) + zlib.crc32(b"CgBI" + bytes(4)).to_bytes(4)
        assert refusal(tmp_path, content[:8] + extra + content[8:]).code == "unsupported"


class TestBoundedTime:
    def test_jpeg_with_too_many_scans(self, tmp_path: Path) -> None:
        content = encoded("JPEG", progressive=True)
        last_scan = content[content.rindex(b"\xff\xda") : -2]
        assert decode_with_notes_of(tmp_path, content[:-2] + last_scan * 50 + jpeg.END) == ()
        error = refusal(tmp_path, content[:-2] + last_scan * jpeg.MAX_SCANS + jpeg.END)
        assert error.code == "unsupported"
        assert "scans, which takes too long" in str(error)

    def test_scans_of_a_large_jpeg_count_by_its_pixels(self) -> None:
        content = encoded("JPEG", Image.new("L", (8000, 8000)), progressive=True)
        last_scan = content[content.rindex(b"\xff\xda") : -2]
        jpeg.read_markers(content)
        with pytest.raises(Exception, match="scans, which takes too long"):
            jpeg.read_markers(content[:-2] + last_scan * 20 + jpeg.END)

    def test_too_many_segments(self, tmp_path: Path) -> None:
        content = encoded("JPEG")
        assert refusal(tmp_path, content[:2] + b"\xff\xfe\0\2" * (jpeg.MAX_SEGMENTS + 1) + content[2:]).code == (
            "unsupported"
        )
        content = encoded("PNG")
        extra = b"\0\0\0\0IDAT" + zlib.crc32(b"IDAT").to_bytes(4)
        assert refusal(tmp_path, content[:33] + extra * (png.MAX_CHUNKS + 1) + content[33:]).code == "unsupported"

    def test_tiff_of_too_many_strips(self, tmp_path: Path) -> None:
        count = 200_000
        tags = {256: 1000, 257: 1000, 258: 8, 259: 1, 262: 1, 277: 1, 278: 1}
        entries = {tag: struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items()}
        entries |= {tag: struct.pack("<HHII", tag, 4, count, 200) for tag in (273, 279)}
        head = b"II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(entries[tag] for tag in sorted(entries))
        error = refusal(tmp_path, head.ljust(200, b"\0") + bytes(4 * count))
        assert error.code == "unsupported"
        assert "200000 strips or tiles" in str(error)

    def test_a_large_compressed_bmp(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("clothier.data.photos.decode.MAX_RLE_BYTES", 100)
        content = bytearray(encoded("BMP", NOISE.convert("P")))
        content[30] = 1
        assert refusal(tmp_path, bytes(content)).code == "unsupported"


def decode_with_notes_of(tmp_path: Path, content: bytes) -> tuple[str, ...]:
    (tmp_path / "image").write_bytes(content)
    return decode_with_notes(tmp_path / "image")[1]


class TestPng:
    @pytest.mark.parametrize("name", [b"zTXt", b"tEXt", b"iTXt", b"eXIf", b"iCCP"])
    def test_large_extras_are_skipped(self, tmp_path: Path, name: bytes) -> None:
        large = bytes(3 << 20)
        body = b"Comment\0\0" + zlib.compress(large) if name in {b"zTXt", b"iCCP"} else b"Comment\0" + large
        notes = notes_of(tmp_path, with_chunk(encoded("PNG"), name, body))
        assert notes == ((png.DAMAGED_PROFILE,) if name == b"iCCP" else ())

    def test_extras_with_a_wrong_checksum_are_skipped(self, tmp_path: Path) -> None:
        content = with_chunk(encoded("PNG"), b"gAMA", (100_000).to_bytes(4))
        assert notes_of(tmp_path, content[:41] + b"\0\0\0\1" + content[45:]) == ()

    def test_orientation_in_a_text(self, tmp_path: Path) -> None:
        xmp = b'XML:com.adobe.xmp\0\0\0\0\0<x:xmpmeta tiff:Orientation="6"/>'
        (tmp_path / "image").write_bytes(with_chunk(encoded("PNG"), b"iTXt", xmp))
        assert decode_image(tmp_path / "image").size == (40, 56)

    def test_a_faulty_animation_shows_its_image(self, tmp_path: Path) -> None:
        assert notes_of(tmp_path, with_chunk(encoded("PNG"), b"acTL", (5).to_bytes(4) + bytes(4))) == ()

    @pytest.mark.parametrize("missing", [1, 4, 8, 11, 12])
    def test_without_an_end_marker(self, tmp_path: Path, missing: int) -> None:
        assert notes_of(tmp_path, encoded("PNG")[:-missing]) == (png.NO_END,)

    @pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.99])
    def test_missing_pixels(self, tmp_path: Path, kept: float) -> None:
        content = encoded("PNG")
        end = int(len(content) * kept)
        assert refusal(tmp_path, content[:end]).code == "truncated"
        assert refusal(tmp_path, content[:end] + bytes(500)).code == "truncated"

    def test_wrong_pixels(self, tmp_path: Path) -> None:
        """Decompression does not notice every error; the checksum does."""
        content = bytearray(encoded("PNG", compress_level=0))
        content[len(content) // 2] ^= 255
        assert refusal(tmp_path, bytes(content)).code == "truncated"


def with_chunk(content: bytes, name: bytes, body: bytes) -> bytes:
    """A PNG with a chunk after its header."""
    chunk = len(body).to_bytes(4) + name + body + zlib.crc32(name + body).to_bytes(4)
    return content[:33] + chunk + content[33:]


def test_damaged_metadata_of_a_jpeg_are_ignored(tmp_path: Path) -> None:
    content = encoded("JPEG")
    empty_jfif = b"\xff\xe0\0\7JFIF\0"
    assert notes_of(tmp_path, content[:2] + empty_jfif + content[20:]) == (jpeg.DAMAGED_METADATA,)


class TestJpegWithoutEnd:
    @pytest.mark.parametrize("more", [{}, {"progressive": True}], ids=["baseline", "progressive"])
    @pytest.mark.parametrize("tail", [b"", b"\xff", bytes(500)])
    def test_complete_pixels_are_read_with_a_note(self, tmp_path: Path, more: dict[str, bool], tail: bytes) -> None:
        assert notes_of(tmp_path, encoded("JPEG", **more)[:-2] + tail) == (jpeg.NO_END,)

    @pytest.mark.parametrize("more", [{}, {"progressive": True}, {"restart_marker_blocks": 4}, {"quality": 20}])
    def test_any_missing_block_is_damage(self, tmp_path: Path, more: dict[str, int]) -> None:
        """A file cut anywhere is refused, or its pixels are those of the whole file."""
        content = encoded("JPEG", **more)
        (tmp_path / "whole").write_bytes(content)
        whole = np.asarray(decode_image(tmp_path / "whole"))
        for end in (*range(len(content) - 40, len(content)), *range(200, len(content) - 40, 61)):
            for tail in (b"", bytes(300)):
                (tmp_path / "image").write_bytes(content[:end] + tail)
                outcome = outcome_of(tmp_path / "image")
                assert outcome == "truncated" or np.array_equal(np.asarray(outcome), whole), end


def outcome_of(path: Path) -> Image.Image | str:
    try:
        return decode_image(path)
    except ImageError as error:
        return error.code
