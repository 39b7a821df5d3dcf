import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from clothier.data.photos import color, decode_image, decode_with_notes
from clothier.errors import ImageError

PNG = b"\x89PNG\r\n\x1a\n"
SKIN = (200, 120, 60)


def round_trip(tmp_path: Path, image: Image.Image, kind: str, **more: object) -> Image.Image:
    image.save(tmp_path / "image", kind, **more)
    return decode_image(tmp_path / "image")


def swapped_profile() -> bytes:
    """sRGB's profile with red and green exchanged, so that its effect is visible; its description still says sRGB."""
    content = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    at, to = content.index(b"rXYZ"), content.index(b"gXYZ")
    content[at : at + 4], content[to : to + 4] = content[to : to + 4], content[at : at + 4]
    return bytes(content)


def renamed_srgb() -> bytes:
    """sRGB's profile under another description."""
    content = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return content.replace("sRGB".encode("utf-16-be"), "Mine".encode("utf-16-be"))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
def test_colors_are_converted_by_the_profile(tmp_path: Path, kind: str) -> None:
    plain = Image.new("RGB", (16, 16), SKIN)
    whole = np.asarray(round_trip(tmp_path, plain, kind, icc_profile=swapped_profile())).astype(int)
    assert np.abs(whole - (SKIN[1], SKIN[0], SKIN[2])).max() < 30
    alone = np.asarray(round_trip(tmp_path, plain, kind)).astype(int)
    assert np.abs(alone - SKIN).max() < 12


@pytest.mark.parametrize("renamed", [False, True])
def test_a_profile_of_srgb_changes_nothing(tmp_path: Path, renamed: bool) -> None:
    profile = renamed_srgb() if renamed else ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert round_trip(tmp_path, Image.new("RGB", (9, 9), SKIN), "PNG", icc_profile=profile).getpixel((0, 0)) == SKIN
    assert decode_with_notes(tmp_path / "image")[1] == ()


def test_a_profile_is_judged_by_its_colors_and_not_by_its_name(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(swapped_profile()))
    assert "sRGB" in (profile.profile.profile_description or "")
    read = round_trip(tmp_path, Image.new("RGB", (9, 9), SKIN), "PNG", icc_profile=profile.tobytes())
    assert np.abs(np.array(read.getpixel((0, 0))) - (SKIN[1], SKIN[0], SKIN[2])).max() < 30


@pytest.mark.parametrize("profile", [b"damaged", swapped_profile()[:200], b"\0" * 500])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_damaged_profile_is_ignored_with_a_note(tmp_path: Path, profile: bytes, kind: str) -> None:
    read = round_trip(tmp_path, Image.new("RGB", (9, 9), SKIN), kind, icc_profile=profile)
    assert np.abs(np.array(read.getpixel((0, 0))) - SKIN).max() < 8
    assert decode_with_notes(tmp_path / "image")[1] == ("The color profile is damaged and was ignored.",)


def test_a_profile_of_another_color_space_is_ignored_with_a_note(tmp_path: Path) -> None:
    assert round_trip(tmp_path, Image.new("L", (9, 9), 77), "PNG", icc_profile=swapped_profile()).getpixel((0, 0)) == 77
    (note,) = decode_with_notes(tmp_path / "image")[1]
    assert note == "The color profile is for RGB images and was ignored; this one is GRAY."


def chunk(name: bytes, body: bytes) -> bytes:
    """A chunk of a PNG."""
    return len(body).to_bytes(4) + name + body + zlib.crc32(name + body).to_bytes(4)


def png_with(image: Image.Image, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG with chunks after its header."""
    file = io.BytesIO()
    image.save(file, "PNG")
    content = file.getvalue()
    return content[:33] + b"".join(chunk(*one) for one in chunks) + content[33:]


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_the_gamma_of_a_png_is_applied_as_in_browsers(tmp_path: Path, mode: str) -> None:
    image = Image.new(mode, (9, 9), 100 if mode == "L" else (100, 100, 100))
    for chunks, expected in (
        ([(b"gAMA", (100_000).to_bytes(4))], 167),  # linear: 255 * (100 / 255) ** 0.45455
        ([(b"gAMA", (45_455).to_bytes(4))], 100),
        ([(b"gAMA", (100_000).to_bytes(4)), (b"sRGB", b"\0")], 100),
    ):
        (tmp_path / "image").write_bytes(png_with(image, *chunks))
        assert decode_image(tmp_path / "image").convert("L").getpixel((4, 4)) == expected


def gray_tiff(samples: np.ndarray, bits: int, photometric: int = 1, max_value: int | None = None) -> bytes:
    """An uncompressed little-endian TIFF of one strip; 12 bits are packed."""
    if bits == 12:
        first, second = samples.ravel()[::2].astype(int), samples.ravel()[1::2].astype(int)
        packed = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], 1)
        body = packed.astype(np.uint8).tobytes()
    else:
        body = samples.astype("<u2").tobytes()
    height, width = samples.shape
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: photometric, 273: 0, 277: 1, 278: height, 279: len(body)}
    if max_value is not None:
        tags[281] = max_value
    tags[273] = 8 + 2 + 12 * len(tags) + 4
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + body


@pytest.mark.parametrize(
    ("bits", "photometric", "max_value"),
    [(12, 1, None), (16, 1, None), (16, 0, None), (16, 1, 1023), (16, 1, 4095), (16, 1, 16383), (16, 0, 4095)],
)
def test_gray_of_many_bits_is_scaled_by_its_depth(
    tmp_path: Path, bits: int, photometric: int, max_value: int | None
) -> None:
    """As wide as it says: 10 and 14 bits are stored in 16. Photometric interpretation 0 means that 0 is white."""
    gray = np.arange(0, 256, 4).reshape(8, 8)
    limit = max_value or (1 << bits) - 1
    samples = np.rint(gray * limit / 255)
    content = gray_tiff(limit - samples if photometric == 0 else samples, bits, photometric, max_value)
    (tmp_path / "image").write_bytes(content)
    assert np.abs(np.asarray(decode_image(tmp_path / "image")).astype(int) - gray).max() <= 1


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_a_transparent_gray_at_any_depth(tmp_path: Path, depth: int) -> None:
    """tRNS names one sample as transparent: here the darkest, beside the brightest."""
    row = b"\0" + np.packbits([1] * 8 * depth + [0] * 8 * depth).tobytes()
    header = struct.pack(">IIBBBBB", 16, 9, depth, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"tRNS", b"\0\0"), (b"IDAT", zlib.compress(row * 9)), (b"IEND", b"")]
    (tmp_path / "image").write_bytes(PNG + b"".join(chunk(*one) for one in chunks))
    assert set(np.unique(np.asarray(decode_image(tmp_path / "image")))) == {255}
    chunks[1] = (b"tRNS", ((1 << depth) - 1).to_bytes(2))
    chunks[2] = (b"IDAT", zlib.compress((b"\0" + bytes(len(row) - 1)) * 9))
    (tmp_path / "image").write_bytes(PNG + b"".join(chunk(*one) for one in chunks))
    assert set(np.unique(np.asarray(decode_image(tmp_path / "image")))) == {0}


def test_a_transparent_color_of_16_bits(tmp_path: Path) -> None:
    row = b"\0" + (b"\x10\x20\x30\x40\x50\x60" * 8) + (b"\x80\0" * 24)
    header = struct.pack(">IIBBBBB", 16, 9, 16, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"tRNS", b"\x10\x20\x30\x40\x50\x60"), (b"IDAT", zlib.compress(row * 9))]
    (tmp_path / "image").write_bytes(PNG + b"".join(chunk(*one) for one in [*chunks, (b"IEND", b"")]))
    read = decode_image(tmp_path / "image")
    assert read.getpixel((0, 0)) == (255, 255, 255)
    assert read.getpixel((12, 0)) == (128, 128, 128)


def test_alpha_that_is_0_everywhere_is_unused_in_a_bmp(tmp_path: Path) -> None:
    image = Image.new("RGBA", (16, 16), (*SKIN, 0))
    assert round_trip(tmp_path, image, "BMP").getpixel((3, 3)) == SKIN
    assert decode_with_notes(tmp_path / "image")[1] == ()
    assert round_trip(tmp_path, image, "PNG").getpixel((3, 3)) == (255, 255, 255)
    assert decode_with_notes(tmp_path / "image")[1] == ("Every pixel is transparent, so the image is blank.",)


def test_a_large_image_is_converted_in_strips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As at once: transparency, a profile, and a factor that does not divide the height."""
    y, x = np.mgrid[:61, :47]
    image = Image.fromarray(np.stack([x * 5, y * 4, x + y, (x * y) % 256], axis=2).astype(np.uint8))
    image.save(tmp_path / "image", "PNG", icc_profile=swapped_profile())
    whole = np.asarray(decode_image(tmp_path / "image"))
    with Image.open(tmp_path / "image") as opened:
        opened.load()
        shrunk = np.asarray(color.to_srgb(opened, 4)[0])
        monkeypatch.setattr(color, "STRIP_PIXELS", 300)
        assert np.array_equal(np.asarray(color.to_srgb(opened)[0]), whole)
        assert np.array_equal(np.asarray(color.to_srgb(opened, 4)[0]), shrunk)
    assert shrunk.shape == (16, 12, 3)


def test_a_profile_with_transparency(tmp_path: Path) -> None:
    image = Image.new("RGBA", (16, 16), (*SKIN, 255))
    image.paste((0, 0, 0, 0), (0, 0, 4, 4))
    read = round_trip(tmp_path, image, "PNG", icc_profile=swapped_profile())
    assert read.getpixel((0, 0)) == (255, 255, 255)
    assert np.abs(np.array(read.getpixel((9, 9))) - (SKIN[1], SKIN[0], SKIN[2])).max() < 30


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_becomes_rgb(tmp_path: Path, kind: str) -> None:
    read = round_trip(tmp_path, Image.new("RGB", (16, 16), SKIN).convert("CMYK"), kind)
    assert read.mode == "RGB"
    assert np.abs(np.array(read.getpixel((8, 8))) - SKIN).max() < 8


def test_a_cmyk_jpeg_without_adobes_marker_is_read_like_one_with_it(tmp_path: Path) -> None:
    """Browsers assume inverted values with and without the marker."""
    file = io.BytesIO()
    Image.new("RGB", (16, 16), SKIN).convert("CMYK").save(file, "JPEG", quality=95)
    content = file.getvalue()
    at = content.index(b"\xff\xee")
    length = int.from_bytes(content[at + 2 : at + 4], "big")
    (tmp_path / "image").write_bytes(content[:at] + content[at + 2 + length :])
    read = decode_image(tmp_path / "image")
    assert np.abs(np.array(read.getpixel((8, 8))) - SKIN).max() < 12


def test_lab_becomes_rgb(tmp_path: Path) -> None:
    usual, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    image = ImageCms.profileToProfile(Image.new("RGB", (9, 9), SKIN), usual, lab, outputMode="LAB")
    read = round_trip(tmp_path, image, "TIFF")
    assert np.abs(np.array(read.getpixel((4, 4))) - SKIN).max() < 6


@pytest.mark.parametrize("mode", ["I", "F"])
def test_32_bits_a_channel_are_refused(tmp_path: Path, mode: str) -> None:
    with pytest.raises(ImageError, match="image has 32 bits per channel") as caught:
        round_trip(tmp_path, Image.new(mode, (9, 9), 1), "TIFF")
    assert caught.value.code == "unsupported"


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_palette_with_a_transparent_color(tmp_path: Path, kind: str) -> None:
    image = Image.new("P", (9, 9), 1)
    image.putpalette([0, 0, 0, *SKIN])
    image.paste(0, (0, 0, 3, 3))
    read = round_trip(tmp_path, image, kind, transparency=0)
    assert read.getpixel((0, 0)) == (255, 255, 255)
    assert read.getpixel((6, 6)) == SKIN
