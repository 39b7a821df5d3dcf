"""A store of a million items, in SQLite and in PostgreSQL: queue, bulk accept, a run without changes, export, size.

``make benchmark-store`` takes some 30 minutes and 10 GB of disk; ARGS="--items 20000" is a quick look.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import func, select, text

from benchmarks.results import BenchmarkResult, make_parser, print_result, summarize
from clothier import atomic
from clothier.catalogue.review import Filter, accept_all, queue, undo
from clothier.catalogue.reviewed_rows import with_reviews
from clothier.catalogue.rows import output_columns
from clothier.catalogue.rules import TaggingRules
from clothier.catalogue.tables import write_table
from clothier.catalogue.tagger import tag_source
from clothier.catalogue.tags import ID_LENGTH, draw
from clothier.cli.progress import progress_display
from clothier.data.fingerprints import HASH_BYTES
from clothier.data.photo_sources import Item
from clothier.inference import load
from clothier.store import open_store
from clothier.store.engine import POSTGRESQL
from clothier.store.schema import EMBEDDING, FILES, ITEMS, OUTPUTS
from tests.postgresql import Server, programs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import Connection, Table

    from clothier.catalogue.engines import Reading
    from clothier.inference import Model
    from clothier.store import Store
    from clothier.store.store import Row, RunId
    from clothier.types import Progress

ITEMS_OF_STORE = 1_000_000
BATCH = 2_000  # rows of a statement
PAGES = 20  # first pages that are read with each filter
ACCEPTS = 3  # bulk accepts, each taken back
ACCEPTED_AT_ONCE = 10_000
COLORS = ("black", "white", "gray", "blue", "red", "green", "beige", "pink")
DECISION_SHARES = {"accept": 0.65, "review": 0.25, "reject": 0.1}
EMBEDDING_SIZE = 1_280  # values of the photo model
VIEWS_OF_PRODUCT = 5
REASON = "The guarantee is from cross-validation on the training photos."  # the texts in a store are long
SOURCE = "/photos"
AT = "2026-11-30T12:00:00Z"
QUERIES = (
    ("all", Filter(), "doubtful"),
    ("a frequent class", Filter(class_name="t-shirt"), "doubtful"),
    ("a rare class", Filter(class_name="sneaker"), "doubtful"),
    ("a color", Filter(color="pink"), "doubtful"),
    ("a class and a color", Filter(class_name="sneaker", color="pink"), "doubtful"),
    ("accepted ones", Filter(decision="accept"), "doubtful"),
    ("from probability 0.9", Filter(min_probability=0.9), "doubtful"),
    ("a product", Filter(product="P7"), "doubtful"),
    ("a source", Filter(source=SOURCE), "doubtful"),
    ("in random order", Filter(), "random"),
)


@dataclass(frozen=True, slots=True)
class Drawn:
    """Random columns of N items: skewed classes, probabilities that fit the decisions."""

    classes: Sequence[str]
    probabilities: Sequence[float]
    decisions: Sequence[str]
    colors: Sequence[str]


class UnchangedSource:
    """The source of a store's files, none of which has changed; the folder itself is not read."""

    def __init__(self, n: int) -> None:
        self._n, self.name = n, SOURCE
        self.columns: Mapping[str, type] = {}
        self.has_products = True
        self.warnings: list[str] = []

    def __len__(self) -> int:
        return self._n

    def __iter__(self) -> Iterator[Item]:
        for number in range(self._n):
            name = _file(number)
            yield Item(name, name, _not_read, _signature(number), product=_product(number))


class NoEngine:
    """Has nothing to read."""

    def readings(self, chunks: Iterable[Sequence[Item]]) -> Iterator[list[Reading]]:
        """Nothing, for each chunk."""
        for chunk in chunks:
            if chunk:
                raise RuntimeError(f"{chunk[0].file} was taken for changed")
            yield []


def benchmark_store(n: int = ITEMS_OF_STORE, *, progress: Progress) -> BenchmarkResult:
    """Fills a store on each engine and measures it.

    Args:
        n: items.
        progress: receives the rows that were written.
    """
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        for engine, url in (("SQLite", str(Path(name) / "store.db")), ("PostgreSQL", None)):
            with _database(url) as store_url, open_store(store_url) as store:
                seconds = _timed(partial(fill, store, n, progress))
                rows.append({"name": f"{engine}, filling", **summarize([n / seconds], "items/s")})
                rows += [{**one, "name": f"{engine}, {one['name']}"} for one in measure(store, n, Path(name))]
    command = "make benchmark-store" if n == ITEMS_OF_STORE else f"python -m benchmarks.store --items {n}"
    return BenchmarkResult("store", [{**one, "accuracy": None, "items": n} for one in rows], {}, command=command)


@contextmanager
def _database(url: str | None) -> Iterator[str]:
    """A SQLite file, or a PostgreSQL server that waits for the disk at each commit."""
    if url:
        yield url
        return
    folder = programs()
    if folder is None:
        raise SystemExit("there is no PostgreSQL here; install it")
    server = Server.create(folder, fsync=True)
    try:
        yield server.create_database("catalogue")
    finally:
        server.remove()


def fill(store: Store, n: int, progress: Progress) -> None:
    """Puts N items, files and outputs into a store, as a run of the tagger leaves them."""
    model = load()
    run = store.begin_run(SOURCE, model.digest, model.name)
    rules = TaggingRules(model).digest
    generator = np.random.default_rng(0)
    for start in range(0, n, BATCH):
        numbers = range(start, min(start + BATCH, n))
        drawn = _draw(generator, model, len(numbers))
        tables = {
            OUTPUTS: _outputs(generator, model, run, numbers),
            FILES: [_file_row(run, number) for number in numbers],
            ITEMS: [_item_row(drawn, place, number, rules) for place, number in enumerate(numbers)],
        }
        store.write(partial(_insert, tables))
        progress("fill", numbers.stop, n)
    if store.read(lambda connection: connection.dialect.name) == POSTGRESQL:
        store.write(lambda connection: connection.execute(text("ANALYZE")))  # as its autovacuum does


def _insert(tables: Mapping[Table, list[Row]], connection: Connection) -> None:
    for table, rows in tables.items():
        connection.execute(table.insert(), rows)


def measure(store: Store, n: int, folder: Path) -> Iterator[Row]:
    """The rows of a filled store."""
    for name, filters, order in QUERIES:
        pages = [1000 * _timed(partial(queue, store, filters, order=order)) for _ in range(PAGES)]
        yield {"name": f"first page of the queue, {name}", **summarize(pages, "ms")}
    accepts, accepted = [], min(ACCEPTED_AT_ONCE, n // 10)
    for _ in range(ACCEPTS):
        accepts.append(_timed(partial(accept_all, store, Filter(decision="accept"), "benchmark", limit=accepted)))
        undo(store, "benchmark")
    yield {"name": f"accepting {accepted:,} items", **summarize(accepts, "s")}
    model = load()
    run = store.begin_run(SOURCE, model.digest, model.name)
    seconds = _timed(partial(_tag_unchanged, store, run, TaggingRules(model), n))
    yield {"name": "a run without changes", **summarize([n / seconds], "items/s")}
    for suffix in ("csv", "parquet"):
        target = folder / f"tags.{suffix}"
        seconds = _timed(partial(write_table, target, output_columns({}), with_reviews(store.rows(run), None)))
        target.unlink()
        yield {"name": f"writing the table as {suffix}", **summarize([n / seconds], "items/s")}
    yield {"name": "size", **summarize([_size(store) / n], "bytes an item")}


def _tag_unchanged(store: Store, run: RunId, rules: TaggingRules, n: int) -> None:
    tally = tag_source(UnchangedSource(n), store, run, rules, NoEngine())
    if (tally.n, tally.computed, tally.failures) != (n, 0, []):
        raise RuntimeError(f"the run was not without changes: {tally}")


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _size(store: Store) -> int:
    """Bytes of all tables and indexes."""

    def work(connection: Any) -> int:
        if connection.dialect.name == POSTGRESQL:
            return int(connection.scalar(select(func.pg_database_size(func.current_database()))))
        pages, size = (connection.scalar(text(f"PRAGMA {name}")) for name in ("page_count", "page_size"))
        return int(pages * size)

    return store.read(work)


def _draw(generator: np.random.Generator, model: Model, n: int) -> Drawn:
    weights = 1 / np.arange(1, len(model.classes) + 1)  # the first class is the most frequent by far
    decisions = generator.choice(list(DECISION_SHARES), n, p=list(DECISION_SHARES.values()))
    above, below = generator.uniform(0.77, 1, n), generator.beta(3, 2, n) * 0.77
    return Drawn(
        generator.choice(model.classes, n, p=weights / weights.sum()).tolist(),
        np.where(decisions == "accept", above, below).tolist(),
        decisions.tolist(),
        generator.choice(COLORS, n).tolist(),
    )


def _outputs(generator: np.random.Generator, model: Model, run: RunId, numbers: range) -> list[Row]:
    logits = generator.normal(0, 3, (len(numbers), len(model.classes))).astype("<f4")
    embeddings = generator.normal(0, 1, (len(numbers), EMBEDDING_SIZE)).astype(EMBEDDING)
    common = {"model_id": run.model, "computed_by": model.name, "temperature": model.temperature}
    common |= {"ood_score": 1.0, "colors": [], "pixels": 1_000_000, "bytes": 100_000}
    return [
        {
            "digest": _digest(number),
            **common,
            "logits": logit.tobytes(),
            "embedding": one.tobytes(),
            "perceptual_hash": generator.bytes(HASH_BYTES),
        }
        for number, logit, one in zip(numbers, logits, embeddings, strict=True)
    ]


def _file_row(run: RunId, number: int) -> Row:
    digest = _digest(number)
    row = {"source_id": run.source, "run_id": run.run, "key": _file(number), "file": _file(number)}
    row |= {"signature": _signature(number), "digest": digest, "item_id": digest[:ID_LENGTH], "columns": {}}
    return row | {"product": _product(number), "error_code": None, "error_message": None, "position": number}


def _item_row(drawn: Drawn, place: int, number: int, rules: str) -> Row:
    digest, probability, decision = _digest(number), drawn.probabilities[place], drawn.decisions[place]
    name = drawn.classes[place]
    row = {"item_id": digest[:ID_LENGTH], "digest": digest, "class": name, "probability": probability}
    row |= {
        "product": _product(number),
        "top": [[name, probability], ["hat", (1 - probability) / 2], ["dress", (1 - probability) / 3]],
    }
    row |= {"decision": decision, "reason": f"{decision}: {100 * probability:.1f} %, threshold 77 %. {REASON}"}
    row |= {"model": "photo", "thresholds": "a1b2c3d4", "rules": rules, "tagged_at": AT, "first_seen_at": AT}
    return row | {"color": drawn.colors[place], "draw": draw(digest[:ID_LENGTH], "a1b2c3d4"), "revision": 0}


def _digest(number: int) -> str:
    return hashlib.sha256(f"photo {number}".encode()).hexdigest()


def _file(number: int) -> str:
    return f"{number // 1000:04}/{number:07}.jpg"


def _product(number: int) -> str:
    return f"P{number // VIEWS_OF_PRODUCT}"


def _signature(number: int) -> str:
    return f"{100_000 + number} {1_764_000_000_000_000_000 + number}"


def _not_read() -> bytes:
    raise RuntimeError("nothing is read")


def main() -> None:
    """The command line: ``--items N``, ``--out FILE``."""
    parser = make_parser("store", __doc__)
    parser.add_argument("--items", type=int, default=ITEMS_OF_STORE, help="default: %(default)s")
    options = parser.parse_args()
    with progress_display() as progress:
        result = benchmark_store(options.items, progress=progress)
    atomic.write_json(options.out, result.to_json())
    print_result(result)


if __name__ == "__main__":
    main()
