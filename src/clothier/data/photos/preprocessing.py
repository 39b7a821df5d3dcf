"""What a model wants to see of a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from clothier.data.photos.decode import read_picture
from clothier.data.photos.fashion_mnist import WORKING, garment28
from clothier.errors import UnknownNameError

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.types import Images, View

KINDS = ("garment28", "square")
GAP = 3.0  # Pillow's reducing_gap: shrunk by whole numbers first, down to three times the size; quick, and looks alike
OVERSIZE = 2  # times the side: photos up to 1:2 keep a pixel or more for each of the view's, both ways


def load_view(path: Path, view: View) -> Images:
    """The picture in ``path`` as a model wants it: uint8 of ``view.shape``.

    Raises:
        PhotoError: the file cannot be taken; ``code`` says why.
        UnknownNameError: no such view.
    """
    return view_of(read_for(path, view), view)


def read_for(path: Path, view: View) -> Image.Image:
    """The picture in ``path`` as :func:`clothier.data.photos.read_picture` gives it, as large as ``view`` needs it.

    Raises:
        PhotoError: the file cannot be taken; ``code`` says why.
        UnknownNameError: no such view.
    """
    _check_kind(view)
    return read_picture(path, longest=WORKING if view.kind == "garment28" else OVERSIZE * view.height)


def view_of(image: Image.Image, view: View) -> Images:
    """An upright picture (RGB or L) as a model wants it: uint8 of ``view.shape``.

    Raises:
        UnknownNameError: no such view.
    """
    _check_kind(view)
    return garment28(image) if view.kind == "garment28" else square(image, view.height)


def square(image: Image.Image, side: int) -> Images:
    """The middle of a picture, as large a square as it holds, in ``side`` x ``side`` pixels: (side, side, 3) uint8.

    Garments stand in the middle of their photos, and proportions tell them apart: of 3,409 photos by photographers
    kept out, frozen EfficientNet-Lite0 features name 85.7 % right from this square, 83.5 % from the whole photo
    squeezed into it, and 84.1 % from the whole photo with bars beside it (docs/log.md). Bicubic, averaged over all
    the pixels that fall into one.
    """
    width, height = image.size
    length = min(width, height)
    left, top = (width - length) // 2, (height - length) // 2
    middle = image.convert("RGB").crop((left, top, left + length, top + length))
    return np.asarray(middle.resize((side, side), Image.Resampling.BICUBIC, reducing_gap=GAP)).copy()


def _check_kind(view: View) -> None:
    if view.kind not in KINDS:
        raise UnknownNameError(view.kind, "view of a picture", KINDS)
