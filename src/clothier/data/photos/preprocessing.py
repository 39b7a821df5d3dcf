"""Makes the input of a model from an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from clothier.data.photos.decode import decode_with_notes
from clothier.data.photos.fashion_mnist import WORKING_SIZE, to_fashion_mnist
from clothier.errors import UnknownNameError

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.types import Images, InputSpec

KINDS = ("fashion_mnist", "center_crop")
VERSION = 2  # raise it when the same file gives other pixels: stored outputs of models are then computed again
REDUCING_GAP = 3.0  # Pillow's reducing_gap: first shrink by whole factors to 3 times the size; fast, almost the same


def load_image(path: Path, input_spec: InputSpec) -> Images:
    """The model input for the image in ``path``: uint8 of ``input_spec.shape``.

    Raises:
        ImageError: the file cannot be used; ``code`` says why.
        UnknownNameError: ``input_spec`` has an unknown kind.
    """
    return preprocess(decode_for(path, input_spec)[0], input_spec)


def decode_for(path: Path, input_spec: InputSpec, content: bytes | None = None) -> tuple[Image.Image, tuple[str, ...]]:
    """The upright image in ``path`` (RGB or L), in a size that suffices for ``input_spec``, and notes. Errors as above.

    Content and notes are those of :func:`~clothier.data.photos.decode.decode_with_notes`.
    """
    is_fashion_mnist = _is_fashion_mnist(input_spec)
    sides = (WORKING_SIZE // 2, WORKING_SIZE) if is_fashion_mnist else (input_spec.height, input_spec.height)
    return decode_with_notes(path, content=content, min_sides=sides)


def preprocess(image: Image.Image, input_spec: InputSpec) -> Images:
    """The model input for an upright image (RGB or L): uint8 of ``input_spec.shape``.

    Raises:
        UnknownNameError: ``input_spec`` has an unknown kind.
    """
    return to_fashion_mnist(image) if _is_fashion_mnist(input_spec) else center_crop(image, input_spec.height)


def center_crop(image: Image.Image, side: int) -> Images:
    """The largest central square, resized with bicubic interpolation to (side, side, 3) uint8.

    Garments are usually in the center of a photo, and their proportions matter. Of 3,409 photos of unseen
    photographers, frozen EfficientNet-Lite0 features classify 85.7 % correctly with this crop, 83.5 % with the whole
    photo stretched to a square, and 84.1 % with the whole photo padded to a square (docs/log.md).
    """
    width, height = image.size
    length = min(width, height)
    left, top = (width - length) // 2, (height - length) // 2
    square = image.convert("RGB").crop((left, top, left + length, top + length))
    return np.asarray(square.resize((side, side), Image.Resampling.BICUBIC, reducing_gap=REDUCING_GAP)).copy()


def _is_fashion_mnist(input_spec: InputSpec) -> bool:
    if input_spec.kind not in KINDS:
        raise UnknownNameError(input_spec.kind, "kind of model input", KINDS)
    return input_spec.kind == "fashion_mnist"
