"""Converts decoded images of any color mode to 8-bit sRGB or 8-bit gray."""

from __future__ import annotations

import io
from typing import cast

import numpy as np
from PIL import Image, ImageCms

PROFILE_ERRORS = (ImageCms.PyCMSError, OSError, ValueError, TypeError)
PROFILE_COLOR_SPACES = {"RGB": "RGB", "CMYK": "CMYK", "L": "GRAY"}  # image mode to the profile's color space
SRGB_PROFILE_NAMES = ("srgb", "iec61966-2")  # in the description of sRGB profiles, which need no conversion


class UnsupportedModeError(Exception):
    """A color mode without a defined range of values."""


def to_srgb(image: Image.Image) -> Image.Image:
    """A decoded image in RGB, or in L if it is gray; transparent pixels are on white.

    Raises:
        UnsupportedModeError: 32 bits or floating point a channel, for which white is not defined.
    """
    profile = image.info.get("icc_profile")
    opaque, alpha = _split_alpha(_to_8bit(image))
    opaque = _apply_profile(opaque, profile)
    if alpha is not None:
        opaque = Image.composite(opaque, Image.new(opaque.mode, opaque.size, "white"), alpha)
    return opaque


def _to_8bit(image: Image.Image) -> Image.Image:
    if image.mode in {"I", "F"}:
        raise UnsupportedModeError("has 32 bits a channel, for which white is not defined. Save it with 8 or 16 bits.")
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    return image


def _split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """The image in L, RGB, CMYK or LAB, and its alpha channel (L), if it has one."""
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        is_gray = image.mode in {"L", "LA", "La"}
        return rgba.convert("L" if is_gray else "RGB"), rgba.getchannel("A")
    if image.mode in {"L", "CMYK", "LAB"}:
        return image, None
    return image.convert("L" if image.mode == "1" else "RGB"), None


def _apply_profile(image: Image.Image, content: bytes | None) -> Image.Image:
    """Converts to sRGB or gray, with the image's color profile if that is valid and fits its mode."""
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
    """Converts with perceptual intent."""
    converted = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    return cast("Image.Image", converted)  # None only with inPlace
