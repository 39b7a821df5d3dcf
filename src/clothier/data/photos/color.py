"""Converts decoded images of any color mode to 8-bit sRGB or 8-bit gray."""

from __future__ import annotations

import io
from itertools import product
from typing import TYPE_CHECKING, cast

import numpy as np
from PIL import Image, ImageCms

from clothier.data.photos.formats import UnsupportedImageError
from clothier.system import stop_if_canceled

if TYPE_CHECKING:
    from collections.abc import Callable

    Transform = Callable[[Image.Image], Image.Image]

PROFILE_ERRORS = (ImageCms.PyCMSError, OSError, ValueError, TypeError)
PROFILE_COLOR_SPACES = {"RGB": "RGB", "CMYK": "CMYK", "L": "GRAY"}  # image mode to the profile's color space
PROBE = np.array(list(product(range(0, 256, 51), repeat=3)), np.uint8)[None]  # (1, 216, 3) colors
SRGB_TOLERANCE = 2  # of 255; a profile that moves no color of PROBE further is sRGB
SRGB_GAMMA = 0.45455  # the gAMA chunk of a PNG in sRGB
GAMMA_TOLERANCE = 0.05  # of SRGB_GAMMA, as in libpng
STRIP_PIXELS = 4_000_000  # converted at a time: a large image in several copies takes a gigabyte
BITS_PER_SAMPLE, PHOTOMETRIC, MAX_SAMPLE_VALUE = 258, 262, 281  # TIFF tags
WHITE_IS_ZERO = 0  # the photometric interpretation
DAMAGED_PROFILE = "The color profile is damaged and was ignored."
OTHER_PROFILE = "The color profile is for {} images and was ignored; this one is {}."
TRANSPARENT = "Every pixel is transparent, so the image is blank."


def to_srgb(image: Image.Image, shrink: int = 1) -> tuple[Image.Image, tuple[str, ...]]:
    """A decoded image in RGB, or in L if it is gray, with transparent pixels on white; and notes on what was ignored.

    Args:
        image: in any mode of Pillow.
        shrink: whole factor by which the result is smaller than ``image``, by averaging.

    Raises:
        UnsupportedImageError: 32 bits or floating point a channel, for which white is not defined.
    """
    if image.mode in {"I", "F"}:
        raise UnsupportedImageError(
            "has 32 bits per channel, for which white is not defined. Save it with 8 or 16 bits."
        )
    is_blank = image.mode in {"RGBA", "LA"} and image.getchannel("A").getextrema() == (0, 0)
    if is_blank and image.format == "BMP":  # as in browsers: the fourth byte is unused
        return image.convert("RGB"), ()
    mode, to_8bit = _base_mode(image), _sample_scaling(image)
    transform, note = _color_transform(image, mode)
    notes = (*((note,) if note else ()), *((TRANSPARENT,) if is_blank else ()))

    def convert(strip: Image.Image) -> Image.Image:
        opaque, alpha = _split_alpha(to_8bit(strip), mode)
        converted = (transform(opaque) if transform else opaque).convert("L" if mode == "L" else "RGB")
        if alpha is not None:
            converted = Image.composite(converted, Image.new(converted.mode, converted.size, "white"), alpha)
        return converted.reduce(shrink) if shrink > 1 else converted

    return _convert_in_strips(image, convert, shrink), notes


def _convert_in_strips(image: Image.Image, convert: Transform, shrink: int) -> Image.Image:
    rows = max(1, STRIP_PIXELS // (image.width * shrink)) * shrink
    if rows >= image.height:
        return convert(image)
    result: Image.Image | None = None
    for top in range(0, image.height, rows):
        stop_if_canceled()
        strip = convert(image.crop((0, top, image.width, min(top + rows, image.height))))
        if result is None:
            result = Image.new(strip.mode, (strip.width, -(-image.height // shrink)))
        result.paste(strip, (0, top // shrink))
    return cast("Image.Image", result)


def _sample_scaling(image: Image.Image) -> Transform:
    """Converts samples of 9 to 16 bits to 8; LA if one of the values is transparent."""
    if not image.mode.startswith("I;16"):
        return lambda strip: strip
    tags = getattr(image, "tag_v2", {})
    limit = max(np.atleast_1d(tags.get(MAX_SAMPLE_VALUE, 0)).tolist())
    bits = limit.bit_length() if limit > 255 and limit & (limit + 1) == 0 else tags.get(BITS_PER_SAMPLE, (16,))[0]
    is_inverted, transparent = tags.get(PHOTOMETRIC) == WHITE_IS_ZERO, image.info.get("transparency")

    def scale(strip: Image.Image) -> Image.Image:
        samples = np.asarray(strip)
        gray = (samples >> (bits - 8)).clip(0, 255).astype(np.uint8)
        gray = 255 - gray if is_inverted else gray
        if transparent is None:
            return Image.fromarray(gray)
        return Image.fromarray(np.dstack([gray, np.where(samples == transparent, 0, 255).astype(np.uint8)]))

    return scale


def _split_alpha(image: Image.Image, mode: str) -> tuple[Image.Image, Image.Image | None]:
    """The image in ``mode``, and its alpha channel (L), if it has one."""
    if not image.has_transparency_data:
        return image.convert(mode), None
    rgba = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
    return rgba.convert(mode), rgba.getchannel("A")


def _base_mode(image: Image.Image) -> str:
    """The mode without transparency and palette: L, RGB, CMYK or LAB."""
    if image.mode in {"CMYK", "LAB"}:
        return image.mode
    return "L" if image.mode in {"1", "L", "LA", "La"} or image.mode.startswith("I;16") else "RGB"


def _color_transform(image: Image.Image, mode: str) -> tuple[Transform | None, str | None]:
    """Converts ``mode`` to sRGB, None if that changes nothing; and a note if the profile is damaged or does not fit."""
    if mode == "LAB":
        return _profile_transform(ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), mode), None
    content = image.info.get("icc_profile")
    if not content:
        return _gamma_transform(image, mode), None
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(content))
        space = profile.profile.xcolor_space.strip()
        if space != PROFILE_COLOR_SPACES[mode]:
            return None, OTHER_PROFILE.format(space, PROFILE_COLOR_SPACES[mode])
        transform = _profile_transform(profile, mode)
        return None if _is_identity(transform, mode) else transform, None
    except PROFILE_ERRORS:
        return None, DAMAGED_PROFILE


def _profile_transform(profile: ImageCms.ImageCmsProfile, mode: str) -> Transform:
    """Converts images of ``mode`` to sRGB with perceptual intent."""
    transform = ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), mode, "RGB")
    return lambda image: cast("Image.Image", ImageCms.applyTransform(image, transform))  # None only with inPlace


def _is_identity(transform: Transform, mode: str) -> bool:
    """Whether the profile is that of sRGB, which has many names; other profiles have "sRGB" in their name, too."""
    converted = np.asarray(transform(Image.fromarray(PROBE).convert(mode))).astype(int)
    return mode == "RGB" and bool(np.abs(converted - PROBE).max() <= SRGB_TOLERANCE)


def _gamma_transform(image: Image.Image, mode: str) -> Transform | None:
    """Applies the gamma of a PNG without a profile (PNG specification, 13.13)."""
    gamma = 0 if "srgb" in image.info else image.info.get("gamma", 0)
    if image.format != "PNG" or gamma <= 0 or abs(gamma / SRGB_GAMMA - 1) <= GAMMA_TOLERANCE:
        return None
    table = np.rint(255 * (np.arange(256) / 255) ** (SRGB_GAMMA / gamma)).astype(int).tolist()
    return lambda image: image.point(table * len(mode))
