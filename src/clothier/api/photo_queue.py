"""Photos that wait for the model: a bounded number of them, so that overload is refused instead of held in memory."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from clothier.api.problems import busy
from clothier.data.photos.decode import MAX_BYTES
from clothier.types import FailedInput

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from clothier.catalogue.rules import TaggingRules
    from clothier.selective.shift import Float16Array
    from clothier.types import Prediction

    _Result = tuple[Prediction | FailedInput, list[Float16Array]]

FIRST_GUESS = 0.05  # seconds of a photo, before any was measured
WEIGHT = 0.1  # of the latest photo in the mean


class PhotoQueue:
    """Decodes and classifies photos in a few threads, by ``rules``.

    Each thread runs the model on its own photo: collecting photos of several requests into batches was not faster
    (docs/log.md).
    """

    def __init__(self, rules: TaggingRules, *, threads: int, limit: int) -> None:
        """Starts no thread yet.

        Args:
            rules: the model and the company's codes.
            threads: that work at the same time.
            limit: photos that may wait or be in work.
        """
        self.rules, self._threads, self._limit = rules, threads, limit
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="classify")
        self._waiting, self._seconds = 0, FIRST_GUESS

    @property
    def waiting(self) -> int:
        """Photos that were accepted and are not classified yet."""
        return self._waiting

    def close(self) -> None:
        """Ends the threads when they have finished."""
        self._pool.shutdown(cancel_futures=True)

    async def classify(self, photos: Sequence[tuple[str, bytes]], top: int) -> list[Prediction | FailedInput]:
        """Classifies photos, given by name and content, in their order.

        Raises:
            Problem: the queue is full.
        """
        loop, rules = asyncio.get_running_loop(), self.rules  # others may come meanwhile
        with self._reserved(len(photos)):
            work = [loop.run_in_executor(self._pool, self._classify, rules, *photo, top) for photo in photos]
            try:
                found = await asyncio.gather(*work)
                return rules.model.judge([one for one, _ in found], [part for _, parts in found for part in parts])
            finally:
                for one in work:
                    one.cancel()

    @contextmanager
    def _reserved(self, n: int) -> Iterator[None]:
        if self._waiting + n > self._limit:
            seconds = self._waiting * self._seconds / self._threads
            raise busy(f"{self._waiting} photos are waiting; at most {self._limit} may. Try again later.", seconds)
        self._waiting += n
        try:
            yield
        finally:
            self._waiting -= n

    def _classify(self, rules: TaggingRules, name: str, content: bytes, top: int) -> _Result:
        """Runs in a thread: the result, and what the test of all photos of a request needs of it."""
        started, model = time.monotonic(), rules.model
        features: list[Float16Array] = []
        if not content:
            return FailedInput(name, "empty", f"{name} is empty. Send the image itself."), features
        if len(content) > MAX_BYTES:
            message = f"{name} has {len(content)} bytes; the limit is {MAX_BYTES}. Save it smaller."
            return FailedInput(name, "too-large", message), features
        photo = model.decode(name, content)
        (result,) = model.predict_photos([photo], top=top, codes=rules.codes, features=features)
        self._seconds += WEIGHT * (time.monotonic() - started - self._seconds)
        return result, features
