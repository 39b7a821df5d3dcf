"""Whatever way a file keeps its colours, they come out as sRGB with 8 bits a channel, or as 8 bits of grey."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageChops, ImageCms

PROFILE_ERRORS = (ImageCms.PyCMSError, OSError, ValueError, TypeError)
PROFILE_COLOR_SPACES = {
    "RGB": "RGB",
    "CMYK": "CMYK",
    "L": "GRAY",
}  # the mode of a picture, and the colours its profile must be for
SRGB_PROFILE_NAMES = ("srgb", "iec61966-2")  # what profiles of sRGB call themselves: nothing to convert


class UnsupportedModeError(Exception):
    """Values that do not say how bright they are."""


def to_srgb(image: Image.Image) -> Image.Image:
    """A decoded picture in RGB, or in L where it is grey; what is transparent lies on white.

    Raises:
        UnsupportedModeError: 32 bits or floating point a channel; what is white in them is written nowhere.
    """
    profile = image.info.get("icc_profile")
    printed = _fix_cmyk_polarity(image)
    colours, alpha = _split_alpha(_to_8bit(printed))
    colours = _apply_profile(colours, profile)
    if alpha is not None:
        colours = Image.composite(colours, Image.new(colours.mode, colours.size, "white"), alpha)
    return colours


def _fix_cmyk_polarity(image: Image.Image) -> Image.Image:
    """A CMYK JPEG is negative by Adobe's custom, and Pillow reads all so; without Adobe's mark it is not."""
    if image.mode == "CMYK" and image.format in {"JPEG", "MPO"} and "adobe" not in image.info:
        return ImageChops.invert(image)
    return image


def _to_8bit(image: Image.Image) -> Image.Image:
    if image.mode in {"I", "F"}:
        raise UnsupportedModeError(
            "holds 32 bits a channel, and which of their values is white is not said. Save it with 8 or 16 bits."
        )
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    return image


def _split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Colours in L, RGB, CMYK or LAB, and how opaque each pixel is (L), if the picture says so."""
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        grey = image.mode in {"L", "LA", "La"}
        return layer.convert("L" if grey else "RGB"), layer.getchannel("A")
    if image.mode in {"L", "CMYK", "LAB"}:
        return image, None
    return image.convert("L" if image.mode == "1" else "RGB"), None


def _apply_profile(image: Image.Image, content: bytes | None) -> Image.Image:
    """Colours in sRGB, or grey; by the picture's own profile if it has one that is whole and fits."""
    target = "L" if image.mode == "L" else "RGB"
    if image.mode == "LAB":
        return _convert_to_srgb(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")))
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(content)) if content else None
        if (
            profile is None
            or _is_srgb(profile)
            or profile.profile.xcolor_space.strip() != PROFILE_COLOR_SPACES[image.mode]
        ):
            return image.convert(target)
        return _convert_to_srgb(image, profile).convert(target)
    except PROFILE_ERRORS:
        return image.convert(target)


def _is_srgb(profile: ImageCms.ImageCmsProfile) -> bool:
    name = profile.profile.profile_description or ""
    return any(word in name.lower() for word in SRGB_PROFILE_NAMES)


def _convert_to_srgb(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    """In sRGB, as seen on a screen (perceptual intent)."""
    made = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    if made is None:  # only when asked to work in place, which we do not
        raise ValueError("no picture came out")
    return made
