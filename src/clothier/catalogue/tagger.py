"""Tags the photos of a source: has an engine read what is new, and stores every tag.

The items are taken in chunks, each of which is committed as a whole. So memory does not grow with the source, and a
killed run loses the work of the chunks in progress and no row.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from clothier.catalogue.engines import Reading
from clothier.catalogue.removed_items import remove_unused
from clothier.catalogue.shift import source_shift
from clothier.catalogue.tags import ID_LENGTH, write_chunk
from clothier.types import FailedInput, no_progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import Connection

    from clothier.catalogue.engines import Engine
    from clothier.catalogue.rules import TaggingRules
    from clothier.data.photo_sources import Item, Source
    from clothier.store import Store
    from clothier.store.store import KnownFile, Row, RunId
    from clothier.types import Progress

FIRST_CHUNK, CHUNK = 8, 128  # photos; the first chunks are small, so that the first rows are there at once
MAX_HELD = 64 << 20  # bytes of photos that a chunk holds before they are decoded
MAX_FAILURES = 20  # failed files that are named; the table has all of them
TASK = "tag"
MAX_UNTESTED = 1_000  # photos of the first run after which the source is tested at its end only


@dataclass(slots=True)
class Tally:
    """What a run did.

    Attributes:
        computed: photos that the model ran on.
        failures: the first of those that failed.
        rules: by which it made the last tags.
    """

    rules: TaggingRules
    n: int = 0
    computed: int = 0
    failures: list[FailedInput] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Place:
    """An item and its place in the source.

    Attributes:
        reading: what is known of it; None if the engine is to read it.
        before: the id that its file had in the store; None if it is new.
    """

    position: int
    item: Item
    reading: Reading | None = None
    before: str | None = None

    def item_id(self, reading: Reading) -> str | None:
        """The user's, or else of the content. A file that cannot be read any more keeps its own: it may be repaired."""
        return self.item.item_id or (reading.digest[:ID_LENGTH] if reading.digest else self.before)


def tag_source(
    source: Source, store: Store, run: RunId, rules: TaggingRules, engine: Engine, *, progress: Progress = no_progress
) -> Tally:
    """Tags all photos of a source.

    A file whose name, size and time are as before is not read. Content that the model has seen is not decoded. A file
    that failed is tried again.

    Args:
        source: the photos.
        store: locked by the caller.
        run: as the store has registered it.
        rules: the model and what makes tags of its output.
        engine: reads the photos and runs the model.
        progress: receives the number of photos.

    Raises:
        DataError: the source became unreadable, or the store is damaged.
        StorageError: the store cannot be written. What was committed stays.
        ModelError: the model fails.
    """
    return _Tagger(store, run, rules, engine).run(source, progress)


class _Tagger:
    def __init__(self, store: Store, run: RunId, rules: TaggingRules, engine: Engine) -> None:
        self._store, self._run, self._rules, self._engine = store, run, rules, engine
        self._waiting: deque[list[_Place]] = deque()  # chunks that the engine has taken; it may do so in a thread
        self._pending: set[str] = set()  # their keys, which are not committed yet

    def run(self, source: Source, progress: Progress) -> Tally:
        tally, total, started = Tally(self._rules), len(source), time.monotonic()
        for readings in self._engine.readings(self._requests(source)):
            self._finish(self._waiting.popleft(), readings, tally)
            rate = tally.n / max(time.monotonic() - started, 1e-3)
            progress(TASK, tally.n, max(total, tally.n), f"{rate:.0f} photos/s")
        return tally

    def _requests(self, source: Source) -> Iterator[list[Item]]:
        """The items of each chunk that must be read."""
        for chunk in self._chunks(source):
            self._waiting.append(chunk)
            yield [place.item for place in chunk if place.reading is None]

    def _chunks(self, items: Iterable[Item]) -> Iterator[list[_Place]]:
        size, numbered = FIRST_CHUNK, enumerate(items)
        while part := _take(numbered, size):
            pending = set(self._pending)  # before the store is asked: a chunk that is committed meanwhile is in both
            known = self._store.known_files(self._run, [item.key for _, item in part])
            seen = pending | {key for key, one in known.items() if one.run_id == self._run.run}
            chunk = []
            for position, item in part:
                chunk.append(self._place(position, item, known.get(item.key), item.key in seen))
                seen.add(item.key)
            self._pending.update(place.item.key for place in chunk)
            yield chunk
            size = min(2 * size, CHUNK)

    def _place(self, position: int, item: Item, known: KnownFile | None, is_repeated: bool) -> _Place:
        if is_repeated:
            message = f"{item.location or item.file}: {item.key!r} was listed before. Give each photo an id of its own."
            failure = FailedInput(item.file, "duplicate", message)
            item = replace(item, key=f"{item.key} #{position}", item_id="")
            return _Place(position, item, Reading(None, failure=failure))
        is_same = known is not None and (item.file, item.signature) == (known.file, known.signature)
        if known and known.is_done and item.signature and is_same:
            return _Place(position, item, Reading(known.digest), known.item_id)
        return _Place(position, item, before=known.item_id if known else None)

    def _finish(self, chunk: Sequence[_Place], found: Sequence[Reading], tally: Tally) -> None:
        """Commits a chunk."""
        rest = iter(found)
        readings = [place.reading or next(rest) for place in chunk]
        by_content = {one.digest: one.output for one in readings if one.output}
        outputs = [{**one, "model_id": self._run.model} for one in by_content.values()]
        previews = {one.digest: one.preview for one in readings if one.digest and one.preview}
        files = [self._file_row(place, reading) for place, reading in zip(chunk, readings, strict=True)]
        pairs = [(place.before, one["item_id"]) for place, one in zip(chunk, files, strict=True)]
        replaced = sorted({before for before, present in pairs if before and before != present})

        def commit(connection: Connection) -> None:
            write_chunk(connection, self._run, self._rules, files, outputs, previews)
            if replaced:
                remove_unused(connection, replaced, f"model {self._rules.model.name}")

        self._store.write(commit)
        self._pending.difference_update(place.item.key for place in chunk)
        tally.n += len(chunk)
        tally.computed += len(outputs)
        failures = [one.failure for one in readings if one.failure]
        tally.failures += failures[: MAX_FAILURES - len(tally.failures)]
        if outputs and self._rules.is_open and tally.n <= MAX_UNTESTED:
            self._test_source()
            tally.rules = self._rules

    def _test_source(self) -> None:
        """So that few tags are made before it is known whether the source is unlike, which a killed run would leave."""
        shift = source_shift(self._store, self._run, self._rules.model, earlier=True)
        if shift is not None and shift.unlike is not None:
            self._rules = replace(self._rules, shift=shift, provisional=False)

    def _file_row(self, place: _Place, reading: Reading) -> Row:
        item, failure = place.item, reading.failure
        return {
            "source_id": self._run.source,
            "key": item.key,
            "file": item.file,
            "signature": item.signature,
            "digest": reading.digest,
            "item_id": place.item_id(reading),
            "product": item.product,
            "columns": dict(item.columns),
            "error_code": failure.code if failure else None,
            "error_message": failure.message if failure else None,
            "run_id": self._run.run,
            "position": place.position,
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
