"""The index that a server searches for similar photos: a folder that it was given, or one of its own."""

from __future__ import annotations

import logging
import math
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from clothier.api.problems import Problem
from clothier.catalogue.index import NoEmbeddingsError, open_index, update_index
from clothier.catalogue.index.entries import last_action, model_ids, runs_state
from clothier.catalogue.index.files import CARD
from clothier.errors import ClothierError
from clothier.store.schema import FILES
from clothier.temporary import temporary_dir

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.api.job_worker import ServedModel
    from clothier.catalogue.index import Index
    from clothier.inference import Model
    from clothier.store import Store

LOG = logging.getLogger("clothier.similar")
MAX_OWN = 100_000  # photos of a store of which a server makes an index itself; more take minutes and a gigabyte
REVIEWS_SECONDS = 60.0  # at least between two updates for new reviews only
RETRY_SECONDS = 60.0  # after which an index that could not be made is tried again: a full disk may have space by then
NOTHING_YET = "The catalogue has no photos of this model yet. Tag photos; some seconds later they can be found."
TOO_MANY = "The catalogue has more than {:,} photos. Make an index (clothier index), and start the server with --index."
OTHER_MODEL = "The index was made with another model than the one in use. Make it again with this one: clothier index."
NOT_READABLE = "The index could not be made or read; the server's log has the cause."


class SimilarIndex:
    """An index that follows its folder, or without a folder its store, when :meth:`refresh` is called."""

    def __init__(self, path: Path | None, model: Model) -> None:
        """Opens the index in the folder ``path``; None to make one of the store, later.

        Raises:
            DataError: it is missing, damaged or of another model.
        """
        self._path, self._index, self._reason = path, None if path is None else open_index(path), NOTHING_YET
        self._state: object = None if path is None else _signature(path)
        self._own: Path | None = None
        self._reviewed, self._retry_at, self._updated_at = 0, math.inf, -math.inf
        self._closing = ExitStack()
        if self._index is not None:
            self._index.check_model(model)

    def get(self, model: Model) -> Index:
        """The index, with embeddings of ``model``.

        Raises:
            Problem: there is none yet, or it was made with another model.
        """
        if self._index is None:
            raise Problem(409, "no-index", self._reason)
        if self._index.card.model_digest != model.digest:
            raise Problem(409, "other-model", OTHER_MODEL if self._path else NOTHING_YET)
        return self._index

    def refresh(self, store: Store, served: ServedModel) -> None:
        """Opens the index again if its folder was replaced, or updates its own if photos were tagged or reviewed since.

        The index before stays where that fails, and the log says why.
        """
        model = served.rules.model
        state = _signature(self._path) if self._path else (model.digest, runs_state(store))
        reviewed, seconds = 0 if self._path else last_action(store), time.monotonic()
        is_reviewed = reviewed != self._reviewed and seconds > self._updated_at + REVIEWS_SECONDS
        if state == self._state and seconds < self._retry_at and not is_reviewed:
            return
        self._state, self._reviewed, self._retry_at, self._updated_at = state, reviewed, math.inf, seconds
        try:
            self._index = open_index(self._path) if self._path else self._update(store, served)
        except ClothierError as error:
            self._reason, self._retry_at = NOT_READABLE, time.monotonic() + RETRY_SECONDS
            LOG.warning("the index of similar photos is not updated: %s", error)

    def close(self) -> None:
        """Removes its own index."""
        self._closing.close()

    def _update(self, store: Store, served: ServedModel) -> Index | None:
        """An index of the store in a folder of its own; None if there is nothing in it or too much."""
        model = served.rules.model
        n_files = store.read(lambda connection: connection.scalar(select(func.count()).select_from(FILES))) or 0
        if n_files > MAX_OWN or model.digest not in model_ids(store):
            self._reason = TOO_MANY.format(MAX_OWN) if n_files > MAX_OWN else NOTHING_YET
            return None
        self._own = self._own or self._closing.enter_context(temporary_dir("clothier-index-"))
        path = self._own / model.digest[:16]
        try:
            update_index(path, store, model, served.name)
        except NoEmbeddingsError:
            self._reason = NOTHING_YET
            return None
        return open_index(path)


def _signature(path: Path) -> object:
    """Changes when the folder is replaced; None while it is gone."""
    try:
        found = (path / CARD).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
