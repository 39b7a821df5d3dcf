"""``clothier similar``: the photos of an index that are most like others."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier.catalogue.descriptors import describe
from clothier.catalogue.index import Filters, Neighbor, open_index
from clothier.data.photos import read_file
from clothier.errors import ImageError
from clothier.inference import load
from clothier.inference.model import DecodedPhoto, require_names
from clothier.system import parallel_map
from clothier.types import FailedInput, no_progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from clothier.catalogue.index import Index
    from clothier.inference import Model
    from clothier.types import Floats, Progress

BATCH = 64  # files decoded before the model runs on them together
OTHER_MODEL = "{} is a small grayscale image, which another model classifies. It cannot be compared with the index."
UNKNOWN_PRODUCT = "The index does not know the product of this photo, so no product was left out."


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


@dataclass(frozen=True, slots=True)
class _Query:
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
        photos = [one for one in read if isinstance(one, _Query)]
        images = [one.photo.image for one in photos]
        found = iter(describe(self.model.run(np.stack(images)).embeddings, np.stack(images)) if images else ())
        return [self._find(one, next(found)) if isinstance(one, _Query) else one for one in read]

    def _read(self, path: str | Path) -> _Query | FailedInput:
        """Runs in a thread."""
        try:
            content = read_file(Path(path))
        except ImageError as error:
            return FailedInput(str(path), error.code, str(error))
        photo = self.model.decode(path, content)
        if isinstance(photo, FailedInput):
            return photo
        if photo.model is not self.model:
            return FailedInput(str(path), "other-model", OTHER_MODEL.format(path))
        return _Query(photo, hashlib.sha256(content).digest())

    def _find(self, query: _Query, embedding: Floats) -> SimilarPhotos:
        found = self.index.search(embedding, self.top, digest=query.digest, filters=self.filters)
        is_unknown = self.filters.other_products and not self.index.has_product(query.digest)
        return SimilarPhotos(query.photo.file, tuple(found), (UNKNOWN_PRODUCT,) if is_unknown else ())
