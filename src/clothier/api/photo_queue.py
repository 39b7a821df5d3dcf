"""Photos that wait for the model: a bounded number of them, so that overload is refused instead of held in memory."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from clothier.api.problems import busy
from clothier.data.photos.decode import MAX_BYTES
from clothier.types import FailedInput
from clothier.workflows.inspect import inspect_photo
from clothier.workflows.similar import describe_photo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from clothier.catalogue.rules import TaggingRules
    from clothier.inference import Model
    from clothier.selective.shift import Float16Array
    from clothier.types import Prediction
    from clothier.workflows.inspect import InspectedPhoto
    from clothier.workflows.similar import DescribedPhoto

    Classified = tuple[Prediction | FailedInput, list[Float16Array]]

T = TypeVar("T")

FIRST_GUESS = 0.05  # seconds of a photo, before any was measured
WEIGHT = 0.1  # of the latest photo in the mean


class PhotoQueue:
    """Decodes photos and runs a model on them, in a few threads.

    Each thread runs the model on its own photo: collecting photos of several requests into batches was not faster
    (docs/log.md).
    """

    def __init__(self, *, threads: int, limit: int, seconds: float) -> None:
        """Starts no thread yet.

        Args:
            threads: that work at the same time.
            limit: photos that may wait or be in work.
            seconds: for the photos of one request.
        """
        self._threads, self._limit, self._max_seconds = threads, limit, seconds
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="classify")
        self._waiting, self._mean_seconds = 0, FIRST_GUESS

    @property
    def waiting(self) -> int:
        """Photos that were accepted and are not finished yet."""
        return self._waiting

    def close(self) -> None:
        """Ends the threads when they have finished."""
        self._pool.shutdown(cancel_futures=True)

    async def classify(
        self, rules: TaggingRules, photos: Sequence[tuple[str, bytes]], top: int
    ) -> list[Prediction | FailedInput]:
        """Classifies photos, given by name and content, in their order.

        Raises:
            Problem: the queue is full, or the photos took too long.
        """
        found = await self._run(partial(_classify, rules, top), photos)
        features = [part for one in found if not isinstance(one, FailedInput) for part in one[1]]
        results = [one if isinstance(one, FailedInput) else one[0] for one in found]
        return rules.model.judge(results, features)

    async def inspect(
        self, rules: TaggingRules, photos: Sequence[tuple[str, bytes]]
    ) -> list[InspectedPhoto | FailedInput]:
        """As :meth:`classify`, with what the model saw, and with the models of Fashion-MNIST.

        Raises:
            Problem: the queue is full, or the photos took too long.
        """
        found = await self._run(partial(inspect_photo, rules.model, rules.codes), photos)
        features = [part for one in found if not isinstance(one, FailedInput) for part in one.main.features]
        results = [one if isinstance(one, FailedInput) else one.main.prediction for one in found]
        judged = rules.model.judge(results, features)
        return [_with_prediction(one, result) for one, result in zip(found, judged, strict=True)]

    async def describe(self, model: Model, photos: Sequence[tuple[str, bytes]]) -> list[DescribedPhoto | FailedInput]:
        """What photos, given by name and content, are compared by, in their order.

        Raises:
            Problem: the queue is full, or the photos took too long.
        """
        return await self._run(partial(describe_photo, model), photos)

    async def _run(
        self, work: Callable[[str, bytes], T | FailedInput], photos: Sequence[tuple[str, bytes]]
    ) -> list[T | FailedInput]:
        loop, timed = asyncio.get_running_loop(), partial(self._timed, work)
        with self._reserved(len(photos)):
            started: list[asyncio.Future[T | FailedInput]] = [
                loop.run_in_executor(self._pool, timed, *photo) for photo in photos
            ]
            try:
                async with asyncio.timeout(self._max_seconds):
                    return await asyncio.gather(*started)
            except TimeoutError as error:
                raise busy("The photos took too long. Send fewer at once.", 1, "too-slow") from error
            finally:
                for one in started:
                    one.cancel()

    @contextmanager
    def _reserved(self, n: int) -> Iterator[None]:
        if self._waiting + n > self._limit:
            seconds = self._waiting * self._mean_seconds / self._threads
            raise busy(f"{self._waiting} photos are waiting; at most {self._limit} may. Try again later.", seconds)
        self._waiting += n
        try:
            yield
        finally:
            self._waiting -= n

    def _timed(self, work: Callable[[str, bytes], T | FailedInput], name: str, content: bytes) -> T | FailedInput:
        """Runs in a thread."""
        started = time.monotonic()
        if not content:
            return FailedInput(name, "empty", f"{name} is empty. Send the image itself.")
        if len(content) > MAX_BYTES:
            message = f"{name} has {len(content)} bytes; the limit is {MAX_BYTES}. Save it smaller."
            return FailedInput(name, "too-large", message)
        result = work(name, content)
        self._mean_seconds += WEIGHT * (time.monotonic() - started - self._mean_seconds)
        return result


def _with_prediction(
    photo: InspectedPhoto | FailedInput, result: Prediction | FailedInput
) -> InspectedPhoto | FailedInput:
    """``photo`` after all photos of a request were tested together."""
    if isinstance(photo, FailedInput) or isinstance(result, FailedInput):
        return photo
    return replace(photo, main=replace(photo.main, prediction=result))


def _classify(rules: TaggingRules, top: int, name: str, content: bytes) -> Classified:
    """The result, and what the test of all photos of a request needs of it."""
    features: list[Float16Array] = []
    photo = rules.model.decode(name, content)
    (result,) = rules.model.predict_photos([photo], top=top, codes=rules.codes, features=features)
    return result, features
