"""``clothier similar``: the photos of an index that are most like others."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier.catalogue.descriptors import describe
from clothier.catalogue.index import Filters, Neighbor, open_index
from clothier.catalogue.index.entries import model_ids, read_embeddings, stored_digest
from clothier.data.photos import read_file
from clothier.errors import ImageError
from clothier.inference import load
from clothier.paths import require_names
from clothier.system import parallel_map
from clothier.types import FailedInput, no_progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from clothier.catalogue.index import Index
    from clothier.inference import Model
    from clothier.inference.model import DecodedPhoto
    from clothier.store import Store
    from clothier.types import Floats, Progress

BATCH = 64  # files decoded before the model runs on them together
OTHER_MODEL = "{} is a small grayscale image, which another model classifies. It cannot be compared with the index."
UNKNOWN_PRODUCT = "The index does not know the product of this photo, so no product was left out."
NO_EMBEDDING = "The catalogue has no embedding of this photo by {}. Tag it with this model: clothier tag."


@dataclass(frozen=True, slots=True, eq=False)
class DescribedPhoto:
    """A photo to search for.

    Attributes:
        file: its name, or the id of an item.
        digest: SHA-256 of its content.
        descriptor: (E,) float32 or float16 (:mod:`clothier.catalogue.descriptors`).
    """

    file: str
    digest: bytes
    descriptor: Floats


@dataclass(frozen=True, slots=True)
class SimilarPhotos:
    """The photos that are most like a file.

    Attributes:
        file: as the user named it.
        neighbors: best first; without the photo itself and its copies.
        notes: one sentence for each filter that could not be applied.
    """

    file: str
    neighbors: tuple[Neighbor, ...]
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        notes = {"notes": list(self.notes)} if self.notes else {}
        return {"file": self.file, "neighbours": [one.to_json() for one in self.neighbors], **notes}


def similar(
    files: Iterable[str | Path],
    index: str | Path,
    *,
    top: int = 10,
    model: str | Path | None = None,
    filters: Filters | None = None,
    progress: Progress = no_progress,
) -> list[SimilarPhotos | FailedInput]:
    """Finds the photos of an index that are most like each file, in the given order.

    A photo that is in the index is not its own neighbor; what is left out is known by its content. A file that cannot
    be read is reported, and the others continue.

    Args:
        files: photos of one garment each.
        index: a folder that :func:`clothier.index` made.
        top: neighbors of each, 1 or more.
        model: that of the index; None to load it from where the index was made.
        filters: which photos count; None for all.
        progress: called after every batch.

    Raises:
        UsageError: ``top`` is less than 1, or ``files`` is a single name and not a list.
        UnknownNameError: a filter names a class, color or product that is not in the index.
        DataError: the index is missing, damaged or of another model.
        ModelError: the model is missing or damaged.
    """
    paths = require_names(files, "files")
    opened = open_index(Path(index))
    search = _Search(opened, load(opened.card.model_source if model is None else model), top, filters or Filters())
    opened.check_model(search.model)
    results: list[SimilarPhotos | FailedInput] = []
    for start in range(0, len(paths), BATCH):
        results += search.run(paths[start : start + BATCH])
        progress("similar", len(results), len(paths))
    return results


def describe_photo(model: Model, file: str | Path, content: bytes) -> DescribedPhoto | FailedInput:
    """What a photo with this ``content`` is compared by; ``file`` is its name."""
    photo = _decode(model, file, content)
    return _describe(model, [photo])[0] if isinstance(photo, _Decoded) else photo


def describe_item(store: Store, model: Model, item_id: str) -> DescribedPhoto | FailedInput | None:
    """What an item of a store is compared by, without reading its photo; None if there is no such item."""
    digest = stored_digest(store, item_id)
    if digest is None:
        return None
    model_id = model_ids(store).get(model.digest)
    found = {} if model_id is None else read_embeddings(store, model_id, model.fallback_name, [digest])
    if digest not in found:
        return FailedInput(item_id, "no-embedding", NO_EMBEDDING.format(model.name))
    return DescribedPhoto(item_id, digest, found[digest])


def find_similar(index: Index, photo: DescribedPhoto, top: int, filters: Filters) -> SimilarPhotos:
    """The photos of ``index`` that are most like ``photo``, which is left out, as are its copies.

    Raises:
        UnknownNameError: a filter names a class, color or product that is not in the index.
        DataError: the index is damaged.
    """
    found = index.search(photo.descriptor, top, digest=photo.digest, filters=filters)
    is_unknown = filters.other_products and not index.has_product(photo.digest)
    return SimilarPhotos(photo.file, tuple(found), (UNKNOWN_PRODUCT,) if is_unknown else ())


@dataclass(frozen=True, slots=True)
class _Decoded:
    """A decoded photo and the SHA-256 of its content."""

    photo: DecodedPhoto
    digest: bytes


@dataclass(frozen=True, slots=True)
class _Search:
    index: Index
    model: Model
    top: int
    filters: Filters

    def run(self, paths: Sequence[str | Path]) -> list[SimilarPhotos | FailedInput]:
        read = parallel_map(self._read, paths)
        described = iter(_describe(self.model, [one for one in read if isinstance(one, _Decoded)]))
        return [
            find_similar(self.index, next(described), self.top, self.filters) if isinstance(one, _Decoded) else one
            for one in read
        ]

    def _read(self, path: str | Path) -> _Decoded | FailedInput:
        """Runs in a thread."""
        try:
            content = read_file(Path(path))
        except ImageError as error:
            return FailedInput(str(path), error.code, str(error))
        return _decode(self.model, path, content)


def _decode(model: Model, path: str | Path, content: bytes) -> _Decoded | FailedInput:
    photo = model.decode(path, content)
    if isinstance(photo, FailedInput):
        return photo
    if photo.model is not model:
        return FailedInput(str(path), "other-model", OTHER_MODEL.format(path))
    return _Decoded(photo, hashlib.sha256(content).digest())


def _describe(model: Model, decoded: Sequence[_Decoded]) -> list[DescribedPhoto]:
    """Runs the model once, on all of them together."""
    if not decoded:
        return []
    images = np.stack([one.photo.image for one in decoded])
    descriptors = describe(model.run(images).embeddings, images)
    return [DescribedPhoto(one.photo.file, one.digest, row) for one, row in zip(decoded, descriptors, strict=True)]
