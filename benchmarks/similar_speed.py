"""How fast searches for similar photos and for copies are, and how long an index takes, with 100,000 and 1,000,000.

The vectors are those of the photos of a table (column file), repeated with random changes. A hash is the upper half of
one photo's and the lower half of another's. Every photo is compared with every other one for copies, so ten times the
photos take a hundred times as long; memory grows with the photos only. ``--sizes 20000`` is a quick look.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.results import BenchmarkResult, make_parser, print_result, summarize
from benchmarks.similar import TOP, read_photos, read_table
from clothier import atomic
from clothier.catalogue.descriptors import describe, to_unit_length, weigh
from clothier.catalogue.index import graph, open_index
from clothier.catalogue.index.files import FORMAT, GRAPH, VECTORS, IndexCard, IndexContent, write_arrays, write_card
from clothier.catalogue.index.projection import DIMENSIONS, Projection
from clothier.catalogue.index.text import TextArray
from clothier.data.copies import group_copies
from clothier.data.fingerprints import HASH_BYTES, dhash
from clothier.data.photos.histogram import color_histograms
from clothier.types import DEFAULT_MODEL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from clothier.data.fingerprints import Hashes
    from clothier.types import Floats, Images, Int64Array

SIZES = (100_000, 1_000_000)
QUERIES = 200
JITTER = 0.5  # length of the random change of a vector of length 1
COPIES = 0.05  # fraction of the photos that are copies
COPIED_BITS = 0.03  # fraction of the bits of a hash in which a copy differs
UPPER = np.r_[0:16, 32:48]  # bytes of a hash that are of the upper half of a photo


def main() -> None:
    """Measures, prints and saves."""
    parser = make_parser("similar_speed", __doc__)
    parser.add_argument("table", type=Path, help="CSV of photos")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="vectors; default: %(default)s")
    options = parser.parse_args()
    images, embeddings, _ = read_photos(read_table(options.table)[1], DEFAULT_MODEL)
    rows = [
        *measure_speed(describe(embeddings, images), options.sizes),
        *(measure_copies(images, size) for size in options.sizes),
    ]
    result = BenchmarkResult("similar_speed", rows, {}, command="python -m benchmarks.similar_speed PHOTOS")
    atomic.write_json(options.out, result.to_json())
    print_result(result)


def measure_speed(descriptors: Floats, sizes: Sequence[int]) -> list[dict[str, Any]]:
    """The time of a search in milliseconds, the recall of the ten nearest, and the time that making an index takes."""
    rows = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "index"
            started = time.perf_counter()
            write_index(path, jittered(descriptors, size))
            built = time.perf_counter() - started
            kind = f"{size:,} photos, {'graph' if size >= graph.MIN_PHOTOS else 'exact'}"
            rows.append({"name": f"make an index: {kind}", **summarize([built], "s"), "accuracy": None})
            rows.append({"name": f"search: {kind}", **search_times(path)})
    return rows


def jittered(descriptors: Floats, size: int) -> Floats:
    """(size, D) vectors of length 1: those of the photos, each with another random change."""
    weighed, generator = weigh(descriptors), np.random.default_rng(0)
    _, directions = np.linalg.eigh((weighed - weighed.mean(axis=0)).T @ (weighed - weighed.mean(axis=0)))
    photos = to_unit_length((weighed - weighed.mean(axis=0)) @ directions[:, -DIMENSIONS:])
    vectors = np.empty((size, photos.shape[1]), np.float32)
    for start, part in _parts(size):
        noise = generator.standard_normal((part, photos.shape[1]), np.float32) * JITTER / photos.shape[1] ** 0.5
        vectors[start : start + part] = to_unit_length(photos[np.arange(start, start + part) % len(photos)] + noise)
    return vectors


def measure_copies(images: Images, size: int) -> dict[str, Any]:
    """The seconds in which copies are found among ``size`` photos, and the fraction of them that is found."""
    hashes, sources = mixed_hashes(dhash(images), size)
    colors = to_unit_length(color_histograms(images))

    def read_colors(rows: Int64Array) -> Floats:
        return colors[sources[rows] % len(colors)]

    started = time.perf_counter()
    kept = group_copies(hashes, read_colors)
    seconds = time.perf_counter() - started
    own = np.arange(size)
    found = float((kept != own)[sources != own].mean())
    return {"name": f"find copies: {size:,} photos", **summarize([seconds], "s"), "accuracy": found}


def mixed_hashes(hashes: Hashes, size: int) -> tuple[Hashes, Int64Array]:
    """(size, 64) hashes of pictures that do not exist; the last ones are copies of others.

    Returns:
        The hashes, and what each is a copy of: its own number for those that are none.
    """
    generator = np.random.default_rng(0)
    n = size - int(COPIES * size)
    sources = np.concatenate([np.arange(n), generator.choice(n, size - n, replace=False)])
    found = hashes[np.arange(size) % len(hashes)]
    found[:, UPPER] = hashes[generator.integers(0, len(hashes), size)][:, UPPER]
    changed = generator.random((size - n, 8 * HASH_BYTES), np.float32) < COPIED_BITS
    found[n:] = found[sources[n:]] ^ np.packbits(changed, axis=1)
    return found, sources


def _parts(size: int, part: int = 10_000) -> Iterator[tuple[int, int]]:
    return ((start, min(part, size - start)) for start in range(0, size, part))


def write_index(path: Path, vectors: Floats) -> None:
    """An index of these vectors, whose descriptors are the vectors themselves."""
    n, dimensions = vectors.shape
    names = TextArray.of([f"{row:016x}" for row in range(n)])
    codes = np.zeros(n, np.int16)
    card = IndexCard(FORMAT, "benchmark", "", "", n, n, ("any",), ("any",), {})
    identity = Projection(np.zeros(dimensions, np.float32), np.eye(dimensions, dtype=np.float32))
    digests: npt.NDArray[np.uint8] = np.random.default_rng(0).integers(0, 256, (n, 32), np.uint8)
    content = IndexContent(
        card, identity, vectors, digests, codes, codes, np.full(n, -1, np.int32), names, names, TextArray.of([])
    )
    with atomic.replace_dir(path) as folder:
        np.save(folder / VECTORS, vectors)
        write_arrays(folder, content)
        if n >= graph.MIN_PHOTOS:
            graph.build_graph(folder / GRAPH, vectors)
        write_card(folder, card)


def search_times(path: Path) -> dict[str, Any]:
    """Milliseconds of single searches, and the recall of the ten nearest against a product with all vectors."""
    index, vectors = open_index(path), np.load(path / VECTORS)
    generator, seconds, hits = np.random.default_rng(1), [], 0
    for row in generator.choice(len(vectors), QUERIES):
        noise = generator.standard_normal(vectors.shape[1]).astype(np.float32) * JITTER / vectors.shape[1] ** 0.5
        (query,) = to_unit_length((vectors[row] + noise)[None])
        started = time.perf_counter()
        found = index.search_vector(query, TOP)
        seconds.append(time.perf_counter() - started)
        best = np.argpartition(vectors @ query, -TOP)[-TOP:]
        hits += len({one.item_id for one in found} & {f"{one:016x}" for one in best})
    return {**summarize([1000 * one for one in seconds], "ms"), "accuracy": hits / (TOP * QUERIES)}


if __name__ == "__main__":
    main()
