"""How often similar photos are of the same product, class and color, beside two baselines; and how fast a search is.

    python -m benchmarks.similar shop.csv          quality, on a table of photos
    python -m benchmarks.similar shop.csv --speed  time of a search, with 100,000 and 1,000,000 vectors

The table has the column file, and product, label and color where they are known.

Photos that the model was trained on give figures that are too good; they are counted. For the time, the vectors of the
photos are repeated with random changes.
"""

from __future__ import annotations

import csv
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from benchmarks.results import BenchmarkResult, make_parser, print_result, summarize, write_results
from clothier import atomic
from clothier.catalogue.descriptors import describe, to_unit_length, weigh
from clothier.catalogue.index import graph, open_index
from clothier.catalogue.index.files import FORMAT, GRAPH, VECTORS, IndexCard, IndexContent, write_arrays, write_card
from clothier.catalogue.index.projection import DIMENSIONS, Projection, fit_projection
from clothier.catalogue.index.text import TextArray
from clothier.inference import load
from clothier.inference.model import DecodedPhoto
from clothier.types import DEFAULT_MODEL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy.typing as npt

    from clothier.types import Floats, Images

COLUMNS = {"product": (1, 10), "label": (10,), "color": (10,)}  # what is compared, and among how many neighbors
PIXELS = 32  # of the side of the images that the plain baseline compares
TOP = 10
BATCH = 32
SIZES = (100_000, 1_000_000)
QUERIES = 200
JITTER = 0.5  # length of the random change of a vector of length 1
OURS, EMBEDDING, IMAGENET, PLAIN = "clothier similar", "embedding alone", "EfficientNet-Lite0, ImageNet", "pixels"


def main() -> None:
    """Measures, prints and saves."""
    parser = make_parser("similar", __doc__)
    parser.add_argument("table", type=Path, help="CSV of photos")
    parser.add_argument("--model", default=DEFAULT_MODEL, help="default: %(default)s")
    parser.add_argument("--speed", action="store_true", help="measure the time of a search")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="vectors; default: %(default)s")
    options = parser.parse_args()
    rows = list(csv.DictReader(options.table.read_text(encoding="utf-8").splitlines()))
    files = [options.table.parent / one["file"] for one in rows]
    images, embeddings, known = read_photos(files, options.model)
    if options.speed:
        result = BenchmarkResult("similar", measure_speed(describe(embeddings, images), options.sizes), {})
        out = options.out.with_name("similar-speed.json")
        atomic.write_json(
            out, {**result.to_json(), "command": f"python -m benchmarks.similar {options.table.name} --speed"}
        )
        print_result(result)
        return
    vectors = candidates(images, embeddings)
    values = {name: [one[name] for one in rows] for name in COLUMNS if name in rows[0]}
    found = [
        {"name": name, "n": len(rows), "in_training": known, **quality(one, values)} for name, one in vectors.items()
    ]
    for one in found:
        print(one)
    write_results(options.out, "similar", found, options.table.name)


def read_photos(files: Sequence[Path], name: str) -> tuple[Images, Floats, int]:
    """The model's inputs of N photos, its embeddings, and how many of them it was trained on."""
    model = load(name)
    photos = [model.decode(one) for one in files]
    if failed := [one.file for one in photos if not isinstance(one, DecodedPhoto) or one.model is not model]:
        raise SystemExit(f"{len(failed)} photos cannot be used, such as {failed[0]}")
    images = np.stack([one.image for one in photos if isinstance(one, DecodedPhoto)])
    parts = [model.run(images[start : start + BATCH]).embeddings for start in range(0, len(images), BATCH)]
    return images, np.concatenate(parts), int(model.was_trained_on(images).sum())


def candidates(images: Images, embeddings: Floats) -> dict[str, Floats]:
    """What is compared: each to (N, D) vectors of length 1."""
    descriptors = describe(embeddings, images)
    small = [Image.fromarray(one).resize((PIXELS, PIXELS), Image.Resampling.BOX) for one in images]
    pixels = np.stack([np.asarray(one, np.float32).ravel() for one in small])
    return {
        OURS: fit_projection(descriptors)(descriptors),
        EMBEDDING: to_unit_length(embeddings),
        IMAGENET: to_unit_length(imagenet_features(images)),
        PLAIN: to_unit_length(pixels - pixels.mean(axis=1, keepdims=True)),
    }


def imagenet_features(images: Images) -> Floats:
    """(N, 1280) features of the network that the photo model was trained from."""
    import torch

    from clothier.training.finetune.efficientnet_lite import BLOCKS, pretrained

    network, parts = pretrained(), []
    with torch.inference_mode():
        for start in range(0, len(images), BATCH):
            batch = torch.from_numpy(images[start : start + BATCH]).permute(0, 3, 1, 2).float() / 255
            parts.append(network.embed(network.forward_stem(batch, BLOCKS)).numpy())
    return np.concatenate(parts)


def quality(vectors: Floats, values: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Percent of photos whose neighbors share a value: a product among the first 1 and 10, otherwise the mean share."""
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -np.inf)
    nearest = np.argsort(-scores, axis=1, kind="stable")[:, : min(TOP, len(scores) - 1)]
    result = {}
    for name, given in values.items():
        known = np.array(given)
        same = (known[nearest] == known[:, None]) & (known != "")[:, None]
        counted = np.array([one != "" and (known == one).sum() > 1 for one in known])
        for top in COLUMNS[name]:
            share = same[counted, :top].any(axis=1) if name == "product" else same[counted, :top]
            result[f"{name}@{top}"] = float(share.mean())
        result[f"{name}_n"] = int(counted.sum())
    return result


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
