"""Damaged inputs one after another, in another process: each is used or refused, in bounded time and memory.

A soak test of this kind is a :class:`Soak`. Nothing may hang, crash or end in another exception than the expected one,
no library may warn, and no file may appear beside the input.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier import atomic, system
from clothier.errors import ClothierError, DataError, ModelError
from tests.soak.summary import summary_row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Random = np.random.Generator
    Damage = Callable[[Path, Random], str]

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
MAX_MEMORY = 2_000_000_000  # bytes
MAX_SECONDS = 60.0  # of CPU time, for an input that is used
HANG_SECONDS = 120.0  # of the clock, on a busy machine
REFUSED = "refused"
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 10**30, 10**400, 1e-320, 1e308, float("nan"), float("inf"), "", "x" * 10**6, "../../x", "/x"),
    *("a\nb", "\x1b[2J", "\ud800", [], [[]], {}, {"a": {}}, [None], ["a", "a"], [1.5], "0.5"),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an input: what its use returned, "refused", "hang", "crash", or another exception.

    Attributes:
        memory: bytes that its use took at most, besides what the process had.
    """

    name: str
    outcome: str
    seconds: float = 0.0
    memory: int = 0

    def is_good(self, accepted: Sequence[str]) -> bool:
        """It was refused or used in one of the ``accepted`` ways, within the limits."""
        return self.outcome in {REFUSED, *accepted} and self.memory < MAX_MEMORY and self.seconds < MAX_SECONDS


@dataclass(frozen=True, slots=True)
class Soak:
    """A soak test. Its functions are at the top of a module, so that another process finds them.

    Attributes:
        name: of the results, such as ``idx``.
        n: inputs of ``make soak``.
        prepare: makes a whole input, as the file or folder at this path.
        damages: each damages an input and returns what it did.
        use: uses an input and returns what became of it.
        accepted: what ``use`` may return.
        refusals: exceptions that it may raise; the default ones have exit code 4.
        outputs: names that may appear inside the folder of the input.
    """

    name: str
    n: int
    prepare: Callable[[Path], None]
    damages: tuple[Damage, ...]
    use: Callable[[Path], str]
    accepted: tuple[str, ...]
    refusals: tuple[type[ClothierError], ...] = (DataError, ModelError)
    outputs: tuple[str, ...] = ()

    def damage(self, number: int, path: Path) -> str:
        """Makes damaged input ``number``, the same on every machine, and describes it."""
        self.prepare(path)
        damage = self.damages[number % len(self.damages)]
        return f"{number} {_kind(damage)}: {damage(path, np.random.default_rng((0, number)))}"

    def bad(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Those that are neither used nor refused."""
        return [one for one in outcomes if not one.is_good(self.accepted)]


def _kind(damage: Damage) -> str:
    return damage.__name__.strip("_")


def run(soak: Soak, numbers: range) -> list[Outcome]:
    """The outcomes, from another process that is started anew when it hangs or crashes."""
    outcomes: list[Outcome] = []
    pool: ProcessPoolExecutor | None = None
    for number in numbers:
        pool = pool or ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _limit_memory)
        try:
            outcomes.append(pool.submit(attempt, soak, number).result(HANG_SECONDS))
        except (TimeoutError, BrokenProcessPool) as error:
            outcomes.append(Outcome(f"{number}", "hang" if isinstance(error, TimeoutError) else "crash"))
            _end(pool)
            pool = None
    if pool:
        _end(pool)
    return outcomes


def _limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_MEMORY, MAX_MEMORY))


def _end(pool: ProcessPoolExecutor) -> None:
    for worker in list(pool._processes.values()):
        worker.kill()
    pool.shutdown()


def attempt(soak: Soak, number: int) -> Outcome:
    """Uses damaged input ``number``, in a folder in which nothing else may change."""
    with tempfile.TemporaryDirectory() as parent:
        path = Path(parent, "work", "input")
        path.parent.mkdir()
        name = soak.damage(number, path)
        before = _files(Path(parent))
        Path("/proc/self/clear_refs").write_text("5")  # resets the peak of the memory
        had, start = peak_memory(), time.process_time()
        with chdir(path.parent):
            outcome = _outcome(soak, path)
        seconds, memory = time.process_time() - start, peak_memory() - had
        new = [one for one in _files(Path(parent)) - before if not _is_output(one, soak)]
        return Outcome(name, f"left {min(new)}" if new else outcome, seconds, memory)


def _outcome(soak: Soak, path: Path) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return soak.use(path)
        except soak.refusals:
            return REFUSED
        except Exception as error:  # noqa: BLE001 - this is what is looked for
            return repr(error)[:300]


def _files(folder: Path) -> set[str]:
    return {str(one.relative_to(folder)) for one in folder.rglob("*")}


def _is_output(name: str, soak: Soak) -> bool:
    return name in {f"work/input/{one}" for one in soak.outputs}


def peak_memory() -> int:
    """The largest memory of this process, in bytes, since it was reset."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main(soak: Soak, description: str) -> None:
    """Tries all inputs, saves the outcomes, and fails if one of them is neither used nor refused."""
    parser = argparse.ArgumentParser(prog=f"python -m tests.soak.{soak.name}", description=description)
    parser.add_argument("--n", type=int, default=soak.n)
    parser.add_argument("--out", type=Path, default=RESULTS / f"soak-{soak.name}.json", help="default: %(default)s")
    options = parser.parse_args()
    outcomes = run(soak, range(options.n))
    bad = [f"{one.name}: {one.outcome}, {one.seconds:.1f} s, {one.memory} bytes" for one in soak.bad(outcomes)]
    result = {"benchmark": f"soak-{soak.name}", "command": "make soak", "machine": system.system_info()}
    rows = list(_rows(soak, outcomes))
    atomic.write_json(options.out, {**result, "rows": rows, "ratios": {}, "failures": bad})
    sys.stdout.writelines(f"{line}\n" for line in bad)
    words = " or ".join(soak.accepted)
    sys.stdout.write(f"{soak.name}: {len(outcomes) - len(bad)} of {len(outcomes)} {words} or are refused.\n")
    raise SystemExit(1 if bad else 0)


def _rows(soak: Soak, outcomes: Sequence[Outcome]) -> Iterator[dict[str, Any]]:
    """A row for all, and one for each kind of damage."""
    for name in dict.fromkeys(("all", *map(_kind, soak.damages))):
        own = [one for one in outcomes if name == "all" or f" {name}:" in one.name]
        if own:
            yield summary_row(name, own)


def change_bytes(file: Path, random: Random) -> None:
    """Cuts a file, or changes some of its bytes, half of the time in its headers."""
    content = bytearray(file.read_bytes())
    if random.random() < 0.3:
        del content[int(random.integers(len(content))) :]
    else:
        end = min(len(content), 2000) if random.random() < 0.5 else len(content)
        for at in random.integers(0, end, random.integers(1, 30)):
            content[at] = random.integers(256)
    file.write_bytes(bytes(content))


def replace_file(file: Path, random: Random) -> str:
    """Puts a FIFO, a folder, a device, a link, nothing, an empty or a huge file in its place."""
    file.unlink()
    kind = ("fifo", "folder", "/dev/zero", "loop", "missing", "empty", "huge")[random.integers(7)]
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


def odd_value(parent: Any, key: Any, random: Random) -> str:
    """Sets one value of a dict or a list to an odd one."""
    value = ODD_VALUES[random.integers(len(ODD_VALUES))]
    parent[key] = value
    return f"{key} = {str(value)[:20]!a}"


def odd_json(file: Path, random: Random) -> str:
    """One value of a JSON file, at any depth, is another."""
    content = json.loads(file.read_text(encoding="utf-8"))
    places = list(_places(content))
    done = odd_value(*places[random.integers(len(places))], random)
    file.write_text(json.dumps(content), encoding="utf-8")
    return f"{file.name}, {done}"


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    for key, one in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, key
        if isinstance(one, (dict, list)):
            yield from _places(one)
