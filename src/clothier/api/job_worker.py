"""The thread that does jobs. Of several servers on one store, the one that holds the lock of taggers does them."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clothier.errors import ClothierError, UsageError
from clothier.store import open_existing_store
from clothier.store.jobs import next_job
from clothier.workflows.tag_job import run_next_job

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clothier.catalogue.rules import TaggingRules
    from clothier.store import Store

LOG = logging.getLogger("clothier.jobs")
POLL_SECONDS = 2.0  # between two looks for jobs that another server accepted
STOP_SECONDS = 60.0  # for the chunk in work


@dataclass(frozen=True, slots=True)
class ServedModel:
    """What a server tags with.

    Attributes:
        name: what the model was loaded by.
        rules: the model and the company's codes.
        promoted: the version that was promoted in the store when it was loaded; None if none was.
    """

    name: str
    rules: TaggingRules
    promoted: str | None


class JobWorker:
    """Does jobs one after the other, on a store of its own, and calls ``on_poll`` with it every few seconds."""

    def __init__(self, store: str | Path, served: ServedModel, *, with_previews: bool) -> None:
        """Starts nothing yet."""
        self.served, self._with_previews = served, with_previews
        self.on_poll: Callable[[Store], None] = lambda _: None
        self._store_name, self._thread = store, threading.Thread(target=self._run, name="jobs", daemon=True)
        self._stopped, self._news = threading.Event(), threading.Event()

    def start(self) -> None:
        """Begins with what an earlier server left."""
        self._thread.start()

    def notify(self) -> None:
        """There is a new job."""
        self._news.set()

    def stop(self) -> None:
        """Ends after the chunk in work; the job continues when a server starts again."""
        self._stopped.set()
        self._news.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                with open_existing_store(self._store_name) as store:  # a new one would be in the way
                    self._work(store)
            except UsageError:  # another process tags into this store
                pass
            except ClothierError as error:
                LOG.warning("jobs wait: %s", error)
            except Exception:  # the thread must not end
                LOG.exception("jobs wait")
            self._pause()

    def _pause(self) -> None:
        if not self._stopped.is_set():
            self._news.wait(POLL_SECONDS)
            self._news.clear()

    def _do_jobs(self, store: Store) -> None:
        name, rules = self.served.name, self.served.rules
        should_stop, with_previews = self._stopped.is_set, self._with_previews
        while run_next_job(store, name, rules, should_stop=should_stop, with_previews=with_previews):
            self.on_poll(store)
            name, rules = self.served.name, self.served.rules

    def _work(self, store: Store) -> None:
        """Until the server stops; the lock is held only while there are jobs."""
        while not self._stopped.is_set():
            self.on_poll(store)
            if next_job(store):
                with store.locked():
                    self._do_jobs(store)
            self._pause()
