"""The duplicates of a server's catalogue, found when they are first asked for and kept until photos are tagged."""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from clothier.api.problems import Problem
from clothier.catalogue.duplicates import find_duplicates
from clothier.catalogue.index.entries import runs_state
from clothier.store.schema import FILES

if TYPE_CHECKING:
    from clothier.catalogue.duplicates import Duplicates
    from clothier.store import Store

MAX_FILES = 100_000  # more take too long for a page
KEPT_SECONDS = 600.0  # then reviews may have changed which photo is the best
TOO_MANY = "The catalogue has more than {:,} photos. Find them with: clothier duplicates STORE -o duplicates.csv"


class DuplicateGroups:
    """The last result for a store."""

    def __init__(self) -> None:
        """Finds nothing yet."""
        self._found: Duplicates | None = None
        self._state: object = None
        self._until = 0.0
        self._lock = Lock()

    def get(self, store: Store) -> Duplicates:
        """The groups; the first caller waits some seconds, and so do those who come meanwhile.

        Raises:
            Problem: there are too many photos.
        """
        with self._lock:
            state = runs_state(store)
            if self._found is None or state != self._state or time.monotonic() > self._until:
                n = store.read(lambda connection: connection.scalar(select(func.count()).select_from(FILES))) or 0
                if n > MAX_FILES:
                    raise Problem(409, "too-many", TOO_MANY.format(MAX_FILES))
                self._found = find_duplicates(store)
                self._state, self._until = state, time.monotonic() + KEPT_SECONDS
            return self._found
