"""Kills trainings, searches, calibrations and studies at random moments and resumes them.

    python -m tests.soak.kills --kills 100

Each command runs once without interruption. Then it is ended at a random moment by SIGKILL, SIGTERM or SIGINT, once or
twice, and resumed to its end. Its results must be those of the undisturbed command, and nothing may be left over.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from clothier import atomic, system
from clothier.bundle import resolve
from tests.synthetic import write_synthetic_dataset

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
RESULT = ROOT / "benchmarks" / "results" / "soak-kills.json"
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
MAX_KILLS_PER_RUN = 2
TIMEOUT = 1800  # seconds in which an undisturbed command must end
TIME_FIELDS = ("train_seconds", "core_seconds", "seconds", "environment")  # these may differ
WEIGHTS = "weights.safetensors"
RECIPES = {
    "dnn": "epochs = 12\nbatch_size = 60\n",
    "cnn": 'preset = "sprint"\nepochs = 4\nbatch_size = 60\nnetwork.widths = [8, 16]\nnetwork.depths = [2, 1]\n',
}
REVIEWED_PHOTOS, PHOTO_SIDE = 330, 64  # photos for calibrate, and pixels of their sides


@dataclass(frozen=True, slots=True)
class Case:
    """A command, its output folder, and how it is resumed; an empty ``resume`` repeats the command."""

    name: str
    command: tuple[str, ...]
    resume: tuple[str, ...]


CASES = (
    Case("train-dnn", ("train", "dnn", "--recipe", "dnn.toml", "--data", "data", "--any-idx"), ("train",)),
    Case("train-cnn", ("train", "cnn", "--recipe", "cnn.toml", "--data", "data", "--any-idx"), ("train",)),
    Case("tune", ("tune", "dnn", "--trials", "7", "--epochs", "2", "--data", "data", "--any-idx"), ("tune",)),
    Case("calibrate", ("calibrate", "photo", "--data", "reviewed.csv"), ()),
    Case("study", ("study", "--preset", "sprint", "--data", "data", "--any-idx"), ("study",)),
)


def main() -> None:
    """Runs the kills and writes the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", nargs="*", default=[case.name for case in CASES])
    given = parser.parse_args()
    rng = random.Random(given.seed)  # noqa: S311 - moments, not secrets
    content: dict[str, Any] = {
        "benchmark": "soak-kills",
        "command": "make soak",
        "arguments": sys.argv[1:],
        "machine": system.system_info(),
        "rows": _rows_of_others(given.cases),
        "ratios": {},
    }
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        _write_inputs(work)
        for row in _kill_all(work, [case for case in CASES if case.name in given.cases], given.kills, rng):
            content["rows"].append(row)
            content["kills"] = sum(one["kills"] for one in content["rows"])
            content["problems"] = [problem for one in content["rows"] for problem in one["problems"]]
            atomic.write_json(RESULT, content)
    sys.exit(bool(content["problems"]))


def _rows_of_others(cases: list[str]) -> list[dict[str, Any]]:
    """What the result holds of cases that are not run now."""
    rows = json.loads(RESULT.read_text(encoding="utf-8"))["rows"] if RESULT.exists() else []
    return [row for row in rows if row["name"] not in cases]


def _kill_all(work: Path, cases: list[Case], kills: int, rng: random.Random) -> Iterator[dict[str, Any]]:
    """One row per case; the kills are divided among the cases."""
    for index, case in enumerate(cases):
        row: dict[str, Any] = {"name": case.name, "kills": 0, "runs": 0, "problems": []}
        started = time.monotonic()
        expected = _finish(case, work / "calm", rng, kills=0)[0]
        duration = time.monotonic() - started
        while row["kills"] < kills // len(cases) + (index < kills % len(cases)):
            out = work / "killed"
            try:
                found, done = _finish(case, out, rng, rng.randint(1, MAX_KILLS_PER_RUN), duration)
                problems = _problems(work, expected, found)
            except RuntimeError as error:
                done, problems = 1, [str(error)]
            row["kills"], row["runs"] = row["kills"] + done, row["runs"] + 1
            row["problems"] += [f"{case.name}: {one}" for one in problems]
            sys.stderr.write(f"{case.name}: {row['kills']} kills, {len(row['problems'])} problems\n")
        _clear(work)
        yield row


def _finish(case: Case, out: Path, rng: random.Random, kills: int, duration: float = 0.0) -> tuple[dict[str, Any], int]:
    """Runs a case to its end with some kills on the way; its results, and how many kills met a running process."""
    _clear(out.parent)
    done = 0
    for remaining in range(kills, -1, -1):
        can_resume = case.resume and (out / "config.json").exists()
        if not can_resume and case.resume:
            shutil.rmtree(out, ignore_errors=True)  # killed before there was anything to resume
        words = [*case.resume, "--resume", out.name] if can_resume else [*case.command, "--out", out.name]
        timeout = rng.uniform(0.1, 0.9) * duration if remaining else TIMEOUT
        done += _run(words, out.parent, timeout, rng.choice(SIGNALS))
    return _results(out), done


def _run(words: list[str], folder: Path, timeout: float, number: signal.Signals) -> bool:
    """Runs one command; whether it had to be ended by the signal."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-m", "clothier", *words]
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            stderr = process.communicate(timeout=timeout)[1]
        except subprocess.TimeoutExpired:
            process.send_signal(number)
            stderr = process.communicate(timeout=TIMEOUT)[1]
            # SIGTERM acts as Ctrl-C. Python ends by SIGINT, not with 130, if either comes inside exec() of a text.
            if process.returncode not in (0, 130, -number, -signal.SIGINT) or "internal error" in stderr:
                raise RuntimeError(f"{words} ended with {process.returncode} after {number.name}: {stderr}") from None
            return process.returncode != 0
    if process.returncode:
        raise RuntimeError(f"{words} ended with {process.returncode}: {stderr}")
    return False


def _results(out: Path) -> dict[str, Any]:
    """What a command computed, by file: weights as digests, JSON and tables without times."""
    found: dict[str, Any] = {}
    for path in sorted(out.rglob("*")):
        name = str(path.relative_to(out))
        if path.suffix in (".safetensors", ".onnx", ".toml"):
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        elif path.name in ("metrics.json", "tune.json", "trials.json", "study.json", "card.json"):
            text = path.read_text(encoding="utf-8").replace(str(out), "OUT").replace(out.name, "OUT")
            found[name] = _without_times(json.loads(text))
        elif path.name == "results.csv":
            found[name] = [row.rpartition(",")[0] for row in path.read_text(encoding="utf-8").splitlines()]
    return found


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_times(one) for name, one in value.items() if name not in TIME_FIELDS}
    return [_without_times(one) for one in value] if isinstance(value, list) else value


def _problems(work: Path, expected: dict[str, Any], found: dict[str, Any]) -> list[str]:
    different = [f"{name} differs" for name in {**expected, **found} if expected.get(name) != found.get(name)]
    left = [str(path.relative_to(work)) for path in work.rglob("*") if path.suffix in (".part", ".old")]
    left += [str(path.relative_to(work)) for path in work.rglob("checkpoint")]
    return different + [f"{name} is left over" for name in left]


def _clear(work: Path) -> None:
    for name in ("calm", "killed"):
        shutil.rmtree(work / name, ignore_errors=True)


def _write_inputs(work: Path) -> None:
    """Small data, recipes and reviewed photos."""
    write_synthetic_dataset(work / "data", train=600, test=200)
    for model, recipe in RECIPES.items():
        (work / f"{model}.toml").write_text(recipe, encoding="utf-8")
    rng, classes = np.random.default_rng(0), resolve("photo").metadata.classes
    rows = ["file,label,sender_id"]
    for number in range(REVIEWED_PHOTOS):
        pixels = rng.integers(0, 256, (PHOTO_SIDE, PHOTO_SIDE, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(work / f"{number}.png")
        rows.append(f"{number}.png,{classes[number % len(classes)]},{number // 5}")
    (work / "reviewed.csv").write_text("\n".join(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
