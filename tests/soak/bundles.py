"""Damaged bundles: each predicts, or is refused with exit code 4, in bounded time and memory.

Damage number i is the same on every machine: changed bytes with and without a matching digest, odd values in the card,
other kinds of files, and hostile arrays and graphs. ``make soak`` tries 132.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier import atomic, system
from clothier.bundle import BUNDLED_DIR, GRAPH_FILE, METADATA_FILE, OOD_FILE, TRAINING_HASHES_FILE, open_bundle
from clothier.errors import ModelError
from clothier.inference.model import open_model
from tests.soak.photos import _peak_memory
from tests.soak.summary import summary_row

if TYPE_CHECKING:
    from collections.abc import Iterator

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "soak-bundles.json"
N = 132
MAX_MEMORY = 2_000_000_000  # bytes of the process
HANG_SECONDS = 120.0  # of the clock, on a busy machine
FILES = (METADATA_FILE, GRAPH_FILE, OOD_FILE, TRAINING_HASHES_FILE)
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 10**30, 10**400, 1e-320, 1e308, float("nan"), float("inf"), "", "x" * 10**6, "../../x", "/x"),
    *("a\nb", "\x1b[2J", "\ud800", [], [[]], {}, {"a": {}}, [None], ["a", "a"], [1.5], "0.5"),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a bundle: "predicts", "refused", "hang", "crash", or another exception."""

    bundle: str
    outcome: str
    seconds: float = 0.0
    memory: int = 0

    @property
    def is_good(self) -> bool:
        """It predicts or is refused, within the limits."""
        return self.outcome in {"predicts", "refused"} and self.memory < MAX_MEMORY


def damage(number: int, folder: Path) -> str:
    """Makes the damaged bundle ``number`` in ``folder``, and describes it."""
    rng = np.random.default_rng((0, number))
    shutil.copytree(BUNDLED_DIR / "photo", folder)
    kind = DAMAGES[number % len(DAMAGES)]
    return f"{number} {kind.__name__.strip('_')}: {kind(folder, rng)}"


def _changed_bytes(folder: Path, rng: np.random.Generator) -> str:
    name = FILES[rng.integers(len(FILES))]
    _change_bytes(folder / name, rng)
    return name


def _changed_bytes_with_digest(folder: Path, rng: np.random.Generator) -> str:
    name = FILES[1 + rng.integers(len(FILES) - 1)]
    _change_bytes(folder / name, rng)
    _sign(folder)
    return name


def _change_bytes(file: Path, rng: np.random.Generator) -> None:
    content = bytearray(file.read_bytes())
    if rng.random() < 0.3:
        del content[int(rng.integers(len(content))) :]
    else:
        end = min(len(content), 2000) if rng.random() < 0.5 else len(content)  # half of them in the headers
        for at in rng.integers(0, end, rng.integers(1, 30)):
            content[at] = rng.integers(256)
    file.write_bytes(bytes(content))


def _odd_card(folder: Path, rng: np.random.Generator) -> str:
    """One value of the card, at any depth, is another."""
    card = json.loads((folder / METADATA_FILE).read_text())
    places = list(_places(card))
    parent, key = places[rng.integers(len(places))]
    value = ODD_VALUES[rng.integers(len(ODD_VALUES))]
    parent[key] = value
    (folder / METADATA_FILE).write_text(json.dumps(card))
    return f"{key} = {str(value)[:20]!a}"


def _odd_field(folder: Path, rng: np.random.Generator) -> str:
    """One of the fields that are used is another."""
    card = json.loads((folder / METADATA_FILE).read_text())
    fields = [
        *((card, name) for name in ("name", "preset", "classes", "input_spec", "calibration", "thresholds", "files")),
        *((card["input_spec"], name) for name in card["input_spec"]),
        *((card["thresholds"], name) for name in card["thresholds"]),
        *((card["thresholds"]["guarantee"], name) for name in card["thresholds"]["guarantee"]),
        (card["calibration"], "temperature"),
    ]
    parent, key = fields[rng.integers(len(fields))]
    value = ODD_VALUES[rng.integers(len(ODD_VALUES))]
    parent[key] = value
    (folder / METADATA_FILE).write_text(json.dumps(card))
    return f"{key} = {str(value)[:20]!a}"


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    for key, one in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, key
        if isinstance(one, (dict, list)):
            yield from _places(one)


def _other_file(folder: Path, rng: np.random.Generator) -> str:
    """A FIFO, a folder, a device, a link, nothing, an empty or a huge file in place of a file."""
    file = folder / FILES[rng.integers(len(FILES))]
    file.unlink()
    kind = ("fifo", "folder", "/dev/zero", "loop", "missing", "empty", "huge")[rng.integers(7)]
    if kind == "fifo":
        os.mkfifo(file)
    elif kind == "folder":
        file.mkdir()
    elif kind in ("/dev/zero", "loop"):
        file.symlink_to(file.name if kind == "loop" else kind)
    elif kind != "missing":
        with file.open("wb") as hole:
            hole.truncate(2**40 if kind == "huge" else 0)
    return f"{file.name} is {kind}"


def _other_arrays(folder: Path, rng: np.random.Generator) -> str:
    """Arrays of the OOD score, or hashes, of other values and shapes."""
    with np.load(folder / OOD_FILE) as file:
        arrays = dict(file)
    name = list(arrays)[rng.integers(len(arrays))]
    array = arrays[name]
    changes = {
        "nan": np.full_like(array, np.nan),
        "zero": np.zeros_like(array),
        "huge": np.full_like(array, np.finfo(array.dtype).max),
        "wider": np.concatenate([array, array], axis=-1),
        "empty": array[:0],
        "text": np.array(["a"]),
        "scalar": array.reshape(-1)[0],
    }
    change = list(changes)[rng.integers(len(changes))]
    with (folder / OOD_FILE).open("wb") as file:
        np.savez(file, **{**arrays, name: changes[change]})
    if rng.random() < 0.2:
        shutil.copy(folder / OOD_FILE, folder / TRAINING_HASHES_FILE)
        change = "hashes too"
    _sign(folder)
    return f"{name} {change}"


DAMAGES = (_changed_bytes, _changed_bytes_with_digest, _odd_card, _odd_field, _other_file, _other_arrays)


def _sign(folder: Path) -> None:
    """Writes matching digests, so that the damage itself is met."""
    card = json.loads((folder / METADATA_FILE).read_text())
    card["files"] = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in card["files"]}
    (folder / METADATA_FILE).write_text(json.dumps(card))


def try_bundle(number: int) -> Outcome:
    """Opens damaged bundle ``number`` and predicts an image."""
    with tempfile.TemporaryDirectory() as folder:
        name = damage(number, Path(folder, "bundle"))
        Path("/proc/self/clear_refs").write_text("5")  # resets the peak of the memory
        start = time.process_time()
        try:
            model = open_model(open_bundle(Path(folder, "bundle")))
            output = model.predict_images(np.zeros((2, *model.input_spec.shape), np.uint8))
            model.decide(output)
            finite = (
                np.isfinite(output.probabilities).all() and np.isfinite(np.asarray(output.ood_scores, np.float64)).all()
            )
            outcome = "predicts" if finite else "predicts NaN"
        except ModelError:
            outcome = "refused"
        except Exception as error:  # noqa: BLE001 - this is what is looked for
            outcome = repr(error)
        return Outcome(name, outcome, time.process_time() - start, _peak_memory())


def run(numbers: range) -> list[Outcome]:
    """The outcomes, from another process that is started anew when it hangs or crashes."""
    outcomes: list[Outcome] = []
    pool: ProcessPoolExecutor | None = None
    for number in numbers:
        pool = pool or ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
        try:
            outcomes.append(pool.submit(try_bundle, number).result(HANG_SECONDS))
        except (TimeoutError, BrokenProcessPool) as error:
            outcomes.append(Outcome(f"{number}", "hang" if isinstance(error, TimeoutError) else "crash"))
            _end(pool)
            pool = None
    if pool:
        _end(pool)
    return outcomes


def _end(pool: ProcessPoolExecutor) -> None:
    for worker in list(pool._processes.values()):
        worker.kill()
    pool.shutdown()


def summarize(outcomes: list[Outcome]) -> list[dict[str, Any]]:
    """A row for each kind of damage, and one for all."""
    rows = []
    for name in ("all", *(one.__name__.strip("_") for one in DAMAGES)):
        own = [one for one in outcomes if name == "all" or f" {name}:" in one.bundle]
        rows.append(summary_row(name, own))
    return rows


def main() -> None:
    """Tries N bundles, saves the outcomes, and fails if one of them neither predicts nor is refused."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.bundles", description=__doc__)
    parser.add_argument("--n", type=int, default=N)
    parser.add_argument("--out", type=Path, default=RESULTS, help="default: %(default)s")
    options = parser.parse_args()
    outcomes = run(range(options.n))
    bad = [f"{one.bundle}: {one.outcome}, {one.memory} bytes" for one in outcomes if not one.is_good]
    result = {"benchmark": "soak-bundles", "command": "make soak", "machine": system.system_info()}
    atomic.write_json(options.out, {**result, "rows": summarize(outcomes), "ratios": {}, "failures": bad})
    sys.stdout.writelines(f"{line}\n" for line in bad)
    sys.stdout.write(f"{len(outcomes) - len(bad)} of {len(outcomes)} predict or are refused.\n")
    raise SystemExit(1 if bad else 0)


if __name__ == "__main__":
    main()
