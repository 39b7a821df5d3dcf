"""``clothier index``: photos -> store -> index."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clothier import atomic
from clothier.bundle import BUNDLED_DIR
from clothier.catalogue.index import update_index
from clothier.catalogue.versions import load_current
from clothier.errors import DataError, UsageError
from clothier.inference import load
from clothier.store import open_store
from clothier.store.engine import is_store
from clothier.types import no_progress
from clothier.workflows.tag import STORE_SUFFIX, tag

if TYPE_CHECKING:
    from clothier.catalogue.index import IndexUpdate
    from clothier.types import FailedInput, Progress

NO_EMBEDDING = (
    "{n:,} photos have no embedding of this model and are left out: small grayscale images, or photos that were tagged "
    "before embeddings were stored. For those, run clothier tag again."
)
PHOTOS_WITHOUT_OUTPUT = "{} is not a store. Name an output, so that the store of its photos can be beside it: -o FILE"
STORE_OPTIONS = "{} is a store, which has its columns already. Leave out the options that name columns."


@dataclass(frozen=True, slots=True)
class IndexResult:
    """What a run of ``clothier index`` did.

    Attributes:
        index: the folder.
        model: the name of the model whose embeddings are compared.
        store: where the embeddings are kept.
        update: what changed.
        n_failed: photos that could not be read.
        failures: the first twenty of them.
        warnings: one sentence each.
        seconds: of the whole run.
    """

    index: Path
    model: str
    store: str
    update: IndexUpdate
    n_failed: int
    failures: tuple[FailedInput, ...]
    warnings: tuple[str, ...]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return {
            "index": str(self.index),
            "model": self.model,
            "store": self.store,
            "n": self.update.n,
            "added": self.update.added,
            "removed": self.update.removed,
            "without_embedding": self.update.without_embedding,
            "exact": self.update.is_exact,
            "failed": self.n_failed,
            "failures": [one.to_json() for one in self.failures],
            "warnings": list(self.warnings),
            "seconds": self.seconds,
        }


@dataclass(frozen=True, slots=True)
class StoredPhotos:
    """A store, and how its photos came there.

    Attributes:
        store: its file or URL.
        is_tagged: whether the photos were tagged now.
        n_failed: photos of those that could not be read.
        failures: the first twenty of them.
        warnings: one sentence each.
    """

    store: str | Path
    is_tagged: bool = False
    n_failed: int = 0
    failures: tuple[FailedInput, ...] = ()
    warnings: tuple[str, ...] = ()


def index(
    source: str | Path,
    output: str | Path,
    *,
    model: str | Path | None = None,
    file_column: str | None = None,
    id_column: str | None = None,
    product_column: str | None = None,
    progress: Progress = no_progress,
) -> IndexResult:
    """Makes an index in which :func:`clothier.similar` finds similar photos, or brings one up to date.

    Photos are tagged first, as :func:`clothier.tag` does it, into a store beside the index; those that the store knows
    are not read again.

    Args:
        source: photos as ``clothier.tag`` takes them, or a store: a SQLite file or a URL.
        output: the folder of the index; an older index there is brought up to date.
        model: a run folder, a bundle folder or the name of a bundled model; None for the model that was promoted in
            the store, or else the bundled photo model.
        file_column: of a table, with the photos; None for ``file``.
        id_column: of a table, with an id for each photo; None to make one from the content.
        product_column: of a table, with what photos of one product have in common.
        progress: receives the number of photos.

    Raises:
        UsageError: columns of a store, or another process uses it.
        DataError: source or store are missing, damaged or without photos, or the index is damaged or of another model.
        ModelError: the model is missing or damaged.
        StorageError: index or store cannot be written; an older index is unchanged.
    """
    started, path = time.monotonic(), Path(output)
    atomic.require_name(path)
    columns = (file_column, id_column, product_column)
    photos = tag_if_photos(source, path, columns, model=model, progress=progress)
    with open_store(photos.store) as opened:
        location, loaded = load_current(opened) if model is None else (_location(model), load(model))
        update = update_index(path, opened, loaded, location, only_last_source=photos.is_tagged, progress=progress)
        return IndexResult(
            index=path,
            model=loaded.name,
            store=opened.name,
            update=update,
            n_failed=photos.n_failed,
            failures=photos.failures,
            warnings=(*photos.warnings, *_warnings(update)),
            seconds=time.monotonic() - started,
        )


def tag_if_photos(
    source: str | Path,
    output: Path | None,
    columns: tuple[str | None, str | None, str | None],
    *,
    model: str | Path | None,
    progress: Progress,
) -> StoredPhotos:
    """The store of a source: itself, or a store beside ``output``, into which its photos are tagged.

    Args:
        source: photos as ``clothier.tag`` takes them, or a store.
        output: what is made of the source.
        columns: of a table, with the file, the id and the product.
        model: as ``clothier.tag`` takes it.
        progress: receives the number of photos.

    Raises:
        UsageError: columns of a store, or photos without an output.
        DataError: there is no such source.
    """
    if is_store(source):
        if any(columns):
            raise UsageError(STORE_OPTIONS.format(source))
        return StoredPhotos(source)
    if output is None:
        if not Path(source).exists():
            raise DataError(f"{source} does not exist. Name photos, or a store that clothier tag has written.")
        raise UsageError(PHOTOS_WITHOUT_OUTPUT.format(source))
    store = output.with_name(output.name + STORE_SUFFIX)
    file_column, id_column, product_column = columns
    tagged = tag(
        source,
        store=store,
        model=model,
        file_column=file_column,
        id_column=id_column,
        product_column=product_column,
        progress=progress,
    )
    return StoredPhotos(store, True, tagged.n_failed, tagged.failures, tagged.warnings)


def _location(model: str | Path) -> str:
    """What loads the model from any folder."""
    return str(model) if (BUNDLED_DIR / str(model)).is_dir() else str(Path(model).resolve())


def _warnings(update: IndexUpdate) -> list[str]:
    if not update.without_embedding:
        return []
    return [NO_EMBEDDING.format(n=update.without_embedding)]
