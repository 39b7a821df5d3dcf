"""What every engine does with a photo: read it, decode it, run the model on it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from clothier.catalogue.descriptors import describe
from clothier.catalogue.rules import LOGITS, SHIFT_FEATURES
from clothier.data.fingerprints import dhash
from clothier.data.photo_sources.item import readable
from clothier.data.photos import count_pixels
from clothier.errors import ImageError
from clothier.store.schema import EMBEDDING
from clothier.types import FailedInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from clothier.data.photo_sources import Item
    from clothier.inference import Model
    from clothier.inference.model import DecodedPhoto
    from clothier.store.store import Row
    from clothier.types import Images


@dataclass(frozen=True, slots=True)
class Reading:
    """What was found in a file.

    Attributes:
        digest: SHA-256 of its content; None if it could not be read.
        failure: why there is no output.
        output: of the model, as columns of the table of outputs; None if the store has it, or if another photo of the
            same content that was read with this one has it.
        preview: a small JPEG of a photo that was decoded, where previews are wanted.
    """

    digest: str | None
    failure: FailedInput | None = None
    output: Row | None = None
    preview: bytes | None = None


class Engine(Protocol):
    """Reads photos and runs the model on those that are new."""

    def readings(self, chunks: Iterable[Sequence[Item]]) -> Iterator[list[Reading]]:
        """What was found in the files of each chunk, chunk by chunk in order.

        Args:
            chunks: taken ahead of the results, but no more than a bounded number of them.
        """
        ...


class Photo(Protocol):
    """A photo that can be read."""

    @property
    def file(self) -> str:
        """Its name, for messages."""
        ...

    def read(self) -> bytes:
        """Its content; raises ImageError."""
        ...


@dataclass(frozen=True, slots=True)
class _DecodedFile:
    """A file before the model runs.

    Attributes:
        photo: the model's input; None if the file failed or its output is known.
        facts: of the file, as columns of the table of outputs, for duplicates.
    """

    digest: str | None
    photo: DecodedPhoto | None = None
    failure: FailedInput | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def read_photos(
    model: Model, photos: Sequence[Photo], is_known: Callable[[str], bool], *, with_previews: bool = False
) -> list[Reading]:
    """Reads and decodes photos, and runs the model on them together, once for content that is there twice.

    Args:
        model: classifies them, or has another model do it.
        photos: a few of them: all are in memory at once.
        is_known: whether what is wanted of a content with this digest is there; such a photo is not decoded.
        with_previews: also makes previews.
    """
    files = [_decode(model, one, is_known, with_previews) for one in photos]
    contents: dict[Model, dict[str, _DecodedFile]] = {}
    for file in files:
        if file.photo and file.digest:
            contents.setdefault(file.photo.model, {})[file.digest] = file
    outputs = {row["digest"]: row for own, found in contents.items() for row in _outputs(own, found)}
    return [_reading(file, outputs) for file in files]


def _reading(file: _DecodedFile, outputs: dict[str, Row]) -> Reading:
    """Takes the output, which the first of several files of the same content gets."""
    if file.photo is None or file.digest is None:
        return Reading(file.digest, file.failure)
    return Reading(file.digest, None, outputs.pop(file.digest, None), file.photo.preview)


def _decode(model: Model, photo: Photo, is_known: Callable[[str], bool], with_previews: bool) -> _DecodedFile:
    content = read_content(photo)
    if isinstance(content, FailedInput):
        return _DecodedFile(None, failure=content)
    digest = hashlib.sha256(content).hexdigest()
    if is_known(digest):
        return _DecodedFile(digest)
    decoded = model.decode(photo.file, content, with_preview=with_previews)
    if isinstance(decoded, FailedInput):
        return _DecodedFile(digest, failure=decoded)
    return _DecodedFile(digest, decoded, facts=_facts(content, decoded.image))


def _facts(content: bytes, image: Images) -> Mapping[str, Any]:
    perceptual_hash = dhash(image[np.newaxis])[0].tobytes()
    return {"perceptual_hash": perceptual_hash, "pixels": count_pixels(content), "bytes": len(content)}


def read_content(photo: Photo) -> bytes | FailedInput:
    """The content of a photo, or why it cannot be read."""
    try:
        return photo.read()
    except ImageError as error:
        return FailedInput(photo.file, error.code, readable(str(error)))


def _outputs(model: Model, files: Mapping[str, _DecodedFile]) -> Iterator[Row]:
    photos = [one.photo for one in files.values() if one.photo]
    images = np.stack([one.image for one in photos])
    output = model.predict_images(images)
    scores = [None] * len(photos) if output.ood_scores is None else output.ood_scores.tolist()
    embeddings = describe(output.embeddings, images).astype(EMBEDDING)
    features = [None] * len(photos) if output.shift_features is None else list(output.shift_features)
    values = zip(files.items(), photos, output.logits, scores, embeddings, features, strict=True)
    for (digest, file), photo, logits, score, one, feature in values:
        yield {
            "digest": digest,
            "computed_by": model.name,
            "temperature": model.temperature,
            "logits": logits.astype(LOGITS).tobytes(),
            "ood_score": score,
            "shift_features": None if feature is None else feature.astype(SHIFT_FEATURES).tobytes(),
            "notes": " ".join(photo.notes) or None,
            "embedding": one.tobytes(),
            "colors": None if photo.colors is None else [color.to_json() for color in photo.colors],
            **file.facts,
        }
