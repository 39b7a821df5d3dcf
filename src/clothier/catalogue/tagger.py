"""Tags the photos of a source: reads what is new, runs the model on what it has not seen, and stores every tag.

A chunk of photos is decoded by threads while the model runs on the chunk before it, and is committed as a whole. So
memory does not grow with the source, and a killed run loses at most two chunks of work and no row.
"""

from __future__ import annotations

import hashlib
import itertools
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from clothier.catalogue.rules import LOGITS
from clothier.catalogue.sources.item import readable
from clothier.catalogue.tags import write_chunk
from clothier.errors import ImageError
from clothier.system import available_cores
from clothier.types import FailedInput, no_progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from clothier.catalogue.rules import TaggingRules
    from clothier.catalogue.sources import Item, Source
    from clothier.catalogue.store import Store
    from clothier.catalogue.store.store import KnownFile, Row, RunId
    from clothier.inference import Model
    from clothier.inference.model import DecodedPhoto
    from clothier.types import Progress

FIRST_CHUNK, CHUNK = 8, 128  # photos; the first chunks are small, so that the first rows are there at once
MAX_HELD = 64 << 20  # bytes of photos that a chunk holds before they are decoded
MAX_FAILURES = 20  # failed files that are named; the table has all of them
ID_LENGTH = 16  # hexadecimal digits of the content's digest
TASK = "tag"


@dataclass(slots=True)
class Tally:
    """What a run did.

    Attributes:
        computed: photos that the model ran on.
        failures: the first of those that failed.
    """

    n: int = 0
    computed: int = 0
    failures: list[FailedInput] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Reading:
    """What was found in a file.

    Attributes:
        digest: of its content; None if it could not be read.
        photo: the model's input; None if the store has the output for this content.
        failure: why there is no tag.
    """

    digest: str | None
    photo: DecodedPhoto | None = None
    failure: FailedInput | None = None


@dataclass(frozen=True, slots=True)
class _Place:
    """An item, its place in the source, and what is being read of it."""

    position: int
    item: Item
    reading: Future[_Reading] | _Reading


def tag_source(
    source: Source, store: Store, run: RunId, rules: TaggingRules, *, progress: Progress = no_progress
) -> Tally:
    """Tags all photos of a source.

    A file whose size and time are as before is not read. Content that the model has seen is not decoded. A file that
    failed is tried again.

    Args:
        source: the photos.
        store: locked by the caller.
        run: as the store has registered it.
        rules: the model and what makes tags of its output.
        progress: receives the number of photos.

    Raises:
        DataError: the source became unreadable, or the store is damaged.
        StorageError: the store cannot be written. What was committed stays.
        ModelError: the model fails.
    """
    with ThreadPoolExecutor(available_cores(), thread_name_prefix="decode") as pool:
        tagger = _Tagger(store, run, rules, pool)
        try:
            return tagger.run(source, progress)
        except BaseException:
            pool.shutdown(cancel_futures=True)  # otherwise Ctrl-C waits for the photos of two chunks
            raise


class _Tagger:
    def __init__(self, store: Store, run: RunId, rules: TaggingRules, pool: ThreadPoolExecutor) -> None:
        self._store, self._run, self._rules, self._pool = store, run, rules, pool
        self._has_outputs = store.has_outputs(run.model)  # of earlier runs: only they are worth a look for each photo

    def run(self, source: Source, progress: Progress) -> Tally:
        tally, total, started = Tally(), len(source), time.monotonic()
        waiting: list[_Place] | None = None
        for chunk in itertools.chain(self._chunks(source), [None]):
            if waiting is not None:
                self._finish(waiting, tally)
                rate = tally.n / max(time.monotonic() - started, 1e-3)
                progress(TASK, tally.n, max(total, tally.n), f"{rate:.0f} photos/s")
            waiting = chunk
        return tally

    def _chunks(self, items: Iterable[Item]) -> Iterator[list[_Place]]:
        """Chunks of items, each with its files being read and decoded."""
        size, numbered = FIRST_CHUNK, enumerate(items)
        recent: set[str] = set()  # keys of the chunk before this, which may not be committed yet
        while part := _take(numbered, size):
            known = self._store.known_files(self._run, [item.key for _, item in part])
            seen = {key for key, one in known.items() if one.run_id == self._run.run} | recent
            chunk = []
            for position, item in part:
                chunk.append(self._place(position, item, known.get(item.key), item.key in seen))
                seen.add(item.key)
            yield chunk
            recent = {item.key for _, item in part}
            size = min(2 * size, CHUNK)

    def _place(self, position: int, item: Item, known: KnownFile | None, is_repeated: bool) -> _Place:
        if is_repeated:
            message = f"{item.location or item.file}: {item.key!r} was listed before. Give each photo an id of its own."
            failure = FailedInput(item.file, "duplicate", message)
            item = replace(item, key=f"{item.key} #{position}", item_id="")
            return _Place(position, item, _Reading(None, failure=failure))
        if known and known.is_done and item.signature and item.signature == known.signature:
            return _Place(position, item, _Reading(known.digest))
        return _Place(position, item, self._pool.submit(self._read, item))

    def _read(self, item: Item) -> _Reading:
        """Runs in a thread."""
        try:
            content = item.read()
        except ImageError as error:
            return _Reading(None, failure=FailedInput(item.file, error.code, readable(str(error))))
        digest = hashlib.sha256(content).hexdigest()
        if self._has_outputs and self._store.has_output(digest, self._run.model):
            return _Reading(digest)
        photo = self._rules.model.decode(item.file, content)
        return _Reading(digest, failure=photo) if isinstance(photo, FailedInput) else _Reading(digest, photo)

    def _finish(self, chunk: Sequence[_Place], tally: Tally) -> None:
        """Runs the model on the chunk's new photos, and commits the chunk."""
        readings = [one.result() if isinstance(one := place.reading, Future) else one for place in chunk]
        outputs = self._outputs(readings)
        files = [self._file_row(place, reading) for place, reading in zip(chunk, readings, strict=True)]
        self._store.write(lambda connection: write_chunk(connection, self._run, self._rules, files, outputs))
        tally.n += len(chunk)
        tally.computed += len(outputs)
        failures = [one.failure for one in readings if one.failure]
        tally.failures += failures[: MAX_FAILURES - len(tally.failures)]

    def _file_row(self, place: _Place, reading: _Reading) -> Row:
        item, failure = place.item, reading.failure
        return {
            "source_id": self._run.source,
            "key": item.key,
            "file": item.file,
            "signature": item.signature,
            "digest": reading.digest,
            "item_id": item.item_id or (reading.digest[:ID_LENGTH] if reading.digest else None),
            "product": item.product,
            "columns": dict(item.columns),
            "error_code": failure.code if failure else None,
            "error_message": failure.message if failure else None,
            "run_id": self._run.run,
            "position": place.position,
        }

    def _outputs(self, readings: Sequence[_Reading]) -> list[Row]:
        """The model's outputs as rows of the store; content that is there twice counts once."""
        photos: dict[Model, dict[str, DecodedPhoto]] = {}
        for one in readings:
            if one.photo and one.digest:
                photos.setdefault(one.photo.model, {})[one.digest] = one.photo
        return [row for model, own in photos.items() for row in self._outputs_of(model, own)]

    def _outputs_of(self, model: Model, photos: dict[str, DecodedPhoto]) -> Iterator[Row]:
        output = model.predict_images(np.stack([one.image for one in photos.values()]))
        scores = [None] * len(photos) if output.ood_scores is None else output.ood_scores.tolist()
        for (digest, photo), logits, score in zip(photos.items(), output.logits, scores, strict=True):
            yield {
                "digest": digest,
                "model_id": self._run.model,
                "computed_by": model.name,
                "temperature": model.temperature,
                "logits": logits.astype(LOGITS).tobytes(),
                "ood_score": score,
                "notes": " ".join(photo.notes) or None,
            }


def _take(numbered: Iterator[tuple[int, Item]], size: int) -> list[tuple[int, Item]]:
    """The next items: ``size`` of them, or fewer if they hold much memory."""
    part, held = [], 0
    for position, item in numbered:
        part.append((position, item))
        held += item.held
        if len(part) == size or held > MAX_HELD:
            break
    return part
