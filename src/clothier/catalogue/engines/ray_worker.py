"""What runs on a cluster: the actor that hands out the chunks, and the workers that read photos and run the model."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import ray

from clothier.catalogue.engines.reading import Reading, read_photos
from clothier.data.photos import read_file
from clothier.errors import ClusterError
from clothier.inference import load
from clothier.types import FailedInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from clothier.catalogue.engines.ray_engine import WorkerPlan
    from clothier.inference import Model

DIGEST_TYPE = np.dtype("S64")
NUMBER, READINGS = "number", "readings"  # columns of the data set: one row for each chunk


@dataclass(frozen=True, slots=True)
class SentPhoto:
    """A photo on its way to a worker: its path, or its content where workers cannot read it themselves."""

    file: str
    path: Path | None
    content: bytes

    def read(self) -> bytes:
        """The content; raises ImageError."""
        return read_file(self.path) if self.path else self.content


class ChunkFeed:
    """An actor that hands the chunks to the workers. A chunk stays until its result is stored: a worker may die."""

    def __init__(self) -> None:
        self._chunks: dict[int, list[ray.ObjectRef]] = {}
        self._n: int | None = None
        self._changed = asyncio.Condition()

    async def put(self, number: int, chunk: list[ray.ObjectRef]) -> None:
        """Adds a chunk: a list of one reference, so that its content does not pass through this process."""
        async with self._changed:
            self._chunks[number] = chunk
            self._changed.notify_all()

    async def end(self, n: int) -> None:
        """There are ``n`` chunks."""
        async with self._changed:
            self._n = n
            self._changed.notify_all()

    async def has(self, number: int) -> bool:
        """Waits for a chunk; False if there are fewer."""
        async with self._changed:
            await self._changed.wait_for(lambda: number in self._chunks or self._n is not None)
            return self._n is None or number < self._n

    async def chunk(self, number: int) -> list[ray.ObjectRef]:
        """A chunk, as it was put."""
        return self._chunks[number]

    async def drop(self, number: int) -> None:
        """Its result is stored."""
        self._chunks.pop(number, None)


def chunk_numbers(first: dict[str, Any], feed: Any) -> Iterator[dict[str, list[int]]]:
    """The numbers of the chunks from ``first`` on, each when it is there."""
    number = int(first["item"][0])
    while ray.get(feed.has.remote(number)):
        yield {NUMBER: [number]}
        number += 1


class PhotoWorker:
    """Reads the photos of a chunk and runs the model on them, on one core."""

    def __init__(self, plan: WorkerPlan, feed: Any, known: ray.ObjectRef) -> None:
        self._plan, self._feed, self._known = plan, feed, known

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """The readings of the chunk with the row's number.

        Raises:
            ClusterError: this machine has another model, or not the photos.
            ModelError: the model fails.
        """
        (chunk,) = ray.get(self._feed.chunk.remote(row[NUMBER]))
        photos: Sequence[SentPhoto] = ray.get(chunk)
        self._check_source(photos)
        readings = read_photos(self._model, photos, self._is_known)
        return {NUMBER: row[NUMBER], READINGS: pack(readings)}

    @cached_property
    def _model(self) -> Model:
        """Loaded for the first chunk: an error in the constructor would be taken for a dead worker."""
        with suppress(OSError):  # only relative names need it
            os.chdir(self._plan.folder)
        model = load(self._plan.model, threads=1)
        if model.digest != self._plan.digest:
            raise ClusterError(
                f"the model {self._plan.model} on {socket.gethostname()} differs from the one here. Install the same "
                "version of Clothier, and use the same model, on all machines of the cluster."
            )
        return model

    @cached_property
    def _known_digests(self) -> npt.NDArray[np.bytes_]:
        digests: npt.NDArray[np.bytes_] = ray.get(self._known)
        return digests

    def _check_source(self, photos: Sequence[SentPhoto]) -> None:
        """Where the whole source is missing, every photo would become a failed one."""
        if any(one.path for one in photos) and not self._plan.source.exists():
            raise ClusterError(
                f"{self._plan.source} is not there on {socket.gethostname()}. All machines of the cluster need the "
                "photos under the same path; those of a ZIP or a Parquet file are sent to them."
            )

    def _is_known(self, digest: str) -> bool:
        place = int(np.searchsorted(self._known_digests, digest.encode()))
        return place < len(self._known_digests) and self._known_digests[place] == digest.encode()


def sorted_digests(digests: Iterable[str]) -> npt.NDArray[np.bytes_]:
    """As workers search them: (N,), shared by the workers of a machine."""
    return np.sort(np.fromiter((one.encode() for one in digests), DIGEST_TYPE))


def pack(readings: Sequence[Reading]) -> bytes:
    """Readings as one value of a data set."""
    table = pa.Table.from_pylist([asdict(one) for one in readings])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def unpack(content: bytes) -> list[Reading]:
    """The readings in such a value."""
    with pa.ipc.open_stream(content) as reader:
        rows = reader.read_all().to_pylist()
    return [
        Reading(row["digest"], FailedInput(**row["failure"]) if row["failure"] else None, row["output"]) for row in rows
    ]
