"""What the page shows of a photo: what the model says and saw, and what the models of Fashion-MNIST say of it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from PIL import Image

from clothier.inference import load
from clothier.inference.model import DecodedPhoto
from clothier.types import FailedInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clothier.inference import Model
    from clothier.selective.shift import Float16Array
    from clothier.types import Images, Prediction

FASHION_MODELS = ("fashion-cnn", "fashion-dnn")
TOP = 3
EXACT_SIDE = 64  # pixels: up to this side, an input is shown without loss
QUALITY = 85  # of larger ones, as WebP


@dataclass(frozen=True, slots=True, eq=False)
class Opinion:
    """What a model says of a photo.

    Attributes:
        prediction: class, probability, decision.
        image: (H, W) or (H, W, 3) uint8, what the model saw.
        features: for :meth:`clothier.inference.Model.judge`.
    """

    prediction: Prediction
    image: Images
    features: list[Float16Array]


@dataclass(frozen=True, slots=True, eq=False)
class InspectedPhoto:
    """A photo, the opinion of the model in use, and those of the models of Fashion-MNIST."""

    main: Opinion
    others: tuple[Opinion, ...]


def inspect_photo(
    model: Model, codes: Mapping[str, str] | None, file: str, content: bytes
) -> InspectedPhoto | FailedInput:
    """Classifies the photo that a file's ``content`` is, with ``model`` and with the models of Fashion-MNIST.

    Args:
        model: in use.
        codes: a company's code for each class of ``model``.
        file: its name.
        content: of the file.
    """
    photo = model.decode(file, content)
    main = photo if isinstance(photo, FailedInput) else _opinion(model, photo, codes)
    if isinstance(main, FailedInput):
        return main
    others = [one for one in _fashion_models() if one.name != main.prediction.model]
    photos = [(one, one.decode(file, content)) for one in others]
    opinions = [_opinion(one, seen) for one, seen in photos if isinstance(seen, DecodedPhoto)]
    return InspectedPhoto(main, tuple(one for one in opinions if isinstance(one, Opinion)))


def encode_input(image: Images) -> tuple[str, bytes]:
    """The media type and content of a picture file of a model's input, (H, W) or (H, W, 3) uint8."""
    content = io.BytesIO()
    if max(image.shape[:2]) <= EXACT_SIDE:
        Image.fromarray(image).save(content, "PNG")
        return "image/png", content.getvalue()
    Image.fromarray(image).save(content, "WEBP", quality=QUALITY)
    return "image/webp", content.getvalue()


@cache
def _fashion_models() -> tuple[Model, ...]:
    """Loaded for the first photo; two threads may load them twice."""
    return tuple(load(name, threads=1) for name in FASHION_MODELS)


def _opinion(model: Model, photo: DecodedPhoto, codes: Mapping[str, str] | None = None) -> Opinion | FailedInput:
    features: list[Float16Array] = []
    (prediction,) = model.predict_photos([photo], top=TOP, codes=codes, features=features)
    return prediction if isinstance(prediction, FailedInput) else Opinion(prediction, photo.image, features)
