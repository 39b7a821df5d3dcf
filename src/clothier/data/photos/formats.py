"""Recognizes the format of a file by its content, also of formats that are not read."""

from __future__ import annotations

MAX_PIXELS = 64_000_000  # phones take up to 50 million
FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "TIFF", "BMP", "GIF")
HEIF = "HEIF"  # the name of HEIC in pillow-heif
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
AVIF_BRANDS = (b"avif", b"avis")
BMP_HEADER_SIZES = (12, 16, 40, 52, 56, 64, 108, 124)  # bytes, of all versions of the header
SIGNATURES = {
    b"\x89PNG\r\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
}
OTHER_SIGNATURES = {  # formats that are not read
    b"\0\0\0\x0cjP  ": "a JPEG 2000 image",
    b"\xff\x4f\xff\x51": "a JPEG 2000 image",
    b"\0\0\0\x0cJXL ": "a JPEG XL image",
    b"\xff\x0a": "a JPEG XL image",
    b"II\xbc": "a JPEG XR image",
    b"8BPS": "a Photoshop file",
    b"gimp xcf": "a GIMP file",
    b"%PDF": "a PDF",
    b"%!PS": "a PostScript file",
    b"\xc5\xd0\xd3\xc6": "a PostScript file",
    b"<svg": "an SVG drawing",
    b"qoif": "a QOI image",
    b"DDS ": "a DDS texture",
    b"icns": "an icon",
    b"\0\0\1\0": "an icon",
    b"\x01\xda": "an SGI image",
    b"\x0a\x05\x01": "a PCX image",
    b"FORM": "an IFF image",
    b"v/1\x01": "an OpenEXR image",
    b"#?RADIANCE": "a Radiance image",
    b"IIRO": "a raw image of a camera",
    b"IIRS": "a raw image of a camera",
    b"IIU\0": "a raw image of a camera",
    b"FUJIFILMCCD-RAW": "a raw image of a camera",
    b"\x1aE\xdf\xa3": "a video",
    **{
        b"P" + digit + space: "a Netpbm image"
        for digit in (b"1", b"2", b"3", b"4", b"5", b"6")
        for space in (b"\n", b" ")
    },
    b"P7\n": "a Netpbm image",
}


class UnsupportedImageError(Exception):
    """A whole image of a kind that is not supported. The message continues "FILE ..."."""


def detect_format(content: bytes) -> str | None:
    """The name of a supported format, or None. The file may still be damaged.

    Raises:
        UnsupportedImageError: another format that was recognized.
    """
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "WEBP"
    if content[4:8] == b"ftyp":
        return _detect_iso_media(content)
    if content.startswith(b"BM") and int.from_bytes(content[14:18], "little") in BMP_HEADER_SIZES:
        return "BMP"
    for signature, name in SIGNATURES.items():
        if content.startswith(signature):
            return name
    for signature, name in OTHER_SIGNATURES.items():
        if content.startswith(signature):
            raise UnsupportedImageError(f"is {name}, which is not supported. Save it as JPEG or PNG.")
    if content.startswith(b"<?xml") and b"<svg" in content[:2000]:
        raise UnsupportedImageError("is an SVG drawing, which is not supported. Save it as JPEG or PNG.")
    return None


def _detect_iso_media(content: bytes) -> str | None:
    """HEIF, AVIF or another file of boxes. An AVIF may have ``mif1`` first, but ``avif`` among its brands."""
    brands = content[8:12], *(content[at : at + 4] for at in range(16, 48, 4))
    if any(brand in AVIF_BRANDS for brand in brands):
        return "AVIF"
    if brands[0] in HEIF_BRANDS:
        return HEIF
    kind = "a raw image of a camera" if brands[0] == b"crx " else "a video or another media file"
    raise UnsupportedImageError(f"is {kind}, which is not supported. Save it as JPEG or PNG.")
