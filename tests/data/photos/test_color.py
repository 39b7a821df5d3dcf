import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from clothier.data.photos import decode_image
from clothier.errors import ImageError

SKIN = (200, 120, 60)


def round_trip(tmp_path: Path, image: Image.Image, kind: str, **more: object) -> Image.Image:
    image.save(tmp_path / "image", kind, **more)
    return decode_image(tmp_path / "image")


def swapped_profile() -> bytes:
    """A profile of RGB whose red is sRGB's green and the other way round, so that its effect is visible."""
    content = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for red, green in ((b"rXYZ", b"gXYZ"),):
        at, to = content.index(red), content.index(green)
        content[at : at + 4], content[to : to + 4] = green, red
    at = content.index(b"s\0R\0G\0B") if b"s\0R\0G\0B" in content else content.index(b"sRGB", 128)
    content[at : at + 2] = b"\0X" if content[at : at + 2] == b"s\0" else b"XX"
    return bytes(content)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
def test_colors_are_converted_by_the_profile(tmp_path: Path, kind: str) -> None:
    plain = Image.new("RGB", (16, 16), SKIN)
    whole = np.asarray(round_trip(tmp_path, plain, kind, icc_profile=swapped_profile())).astype(int)
    assert np.abs(whole - (SKIN[1], SKIN[0], SKIN[2])).max() < 30
    alone = np.asarray(round_trip(tmp_path, plain, kind)).astype(int)
    assert np.abs(alone - SKIN).max() < 12


def test_a_profile_of_srgb_changes_nothing(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert round_trip(tmp_path, Image.new("RGB", (9, 9), SKIN), "PNG", icc_profile=profile).getpixel((0, 0)) == SKIN


@pytest.mark.parametrize("profile", [b"damaged", swapped_profile()[:200], b"\0" * 500])
def test_a_damaged_profile_is_ignored(tmp_path: Path, profile: bytes) -> None:
    assert round_trip(tmp_path, Image.new("RGB", (9, 9), SKIN), "PNG", icc_profile=profile).getpixel((0, 0)) == SKIN


def test_a_profile_of_another_color_space_is_ignored(tmp_path: Path) -> None:
    assert round_trip(tmp_path, Image.new("L", (9, 9), 77), "PNG", icc_profile=swapped_profile()).getpixel((0, 0)) == 77


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
    with pytest.raises(ImageError, match="image has 32 bits a channel") as caught:
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
