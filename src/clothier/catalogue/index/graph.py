"""A graph of neighbors, by usearch: in an index of a million photos it looks at some thousand of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clothier.catalogue.index.files import MAKE_AGAIN
from clothier.errors import DataError
from clothier.system import available_cores

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.types import Floats, Int64Array

MIN_PHOTOS = 200_000  # below, all photos are compared, which is exact and takes some milliseconds
CONNECTIVITY = 16  # neighbors of a photo in the graph; usearch's default
EXPANSION_ADD = 128  # candidates when a photo is added; usearch's default
EXPANSION_SEARCH = 128  # candidates when neighbors are searched
CHUNK = 10_000  # photos that are added at a time


class Graph:
    """An opened graph of N photos."""

    def __init__(self, graph: Any) -> None:
        self._graph = graph

    def search(self, vector: Floats, count: int) -> Int64Array:
        """Rows of about the ``count`` nearest photos."""
        keys = self._graph.search(vector, min(count, len(self._graph))).keys
        return np.asarray(keys, np.int64)


def build_graph(path: Path, vectors: Floats, old: Path | None = None, known: int = 0) -> None:
    """Saves a graph of (N, D) ``vectors``; the first ``known`` of them are in the graph ``old`` already."""
    graph = _new_graph(vectors.shape[1])
    if old is not None:
        graph.load(str(old))
    for start in range(known if old is not None else 0, len(vectors), CHUNK):
        part = vectors[start : start + CHUNK]
        graph.add(np.arange(start, start + len(part)), np.asarray(part), threads=available_cores())
    graph.save(str(path))


def open_graph(path: Path, shape: tuple[int, ...]) -> Graph:
    """Opens the graph of vectors of this (N, D) ``shape``, mapped from its file, whose content was verified.

    Raises:
        DataError: it is of other vectors.
    """
    graph = _new_graph(shape[1])
    try:
        metadata = graph.metadata(str(path)) or {}
        found = metadata.get("count_present"), metadata.get("dimensions")
    except ValueError as error:
        raise DataError(f"{path} is damaged: {error}. {MAKE_AGAIN}") from error
    if found != shape:
        raise DataError(f"{path} is damaged: it has {found}, the vectors {shape}. {MAKE_AGAIN}")
    graph.view(str(path))
    return Graph(graph)


def _new_graph(dimensions: int) -> Any:
    from usearch.index import Index

    return Index(
        ndim=dimensions,
        metric="ip",
        dtype="f16",
        connectivity=CONNECTIVITY,
        expansion_add=EXPANSION_ADD,
        expansion_search=EXPANSION_SEARCH,
    )
