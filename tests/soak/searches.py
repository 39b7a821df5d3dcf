"""Damaged searches: each is resumed to its end, or refused, in bounded time and memory.

Changed and cut files of the folder of ``clothier tune``, odd values in its trials and options, trials twice or without
order, other kinds of files. ``make soak`` tries 60.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from clothier.errors import DataError, ModelError, UsageError
from clothier.workflows.tune import BEST_RECIPE, CONFIG, RESULT_FILE, TRIALS, TuneOptions, resume_tune, tune
from tests.soak.attempts import Soak, change_bytes, main, odd_json, odd_value, replace_file
from tests.synthetic import write_synthetic_dataset

if TYPE_CHECKING:
    from tests.soak.attempts import Random

FILES = (TRIALS, TRIALS, CONFIG, RESULT_FILE)  # the trials twice as often
REFUSALS = (DataError, ModelError, UsageError)
OUTPUTS = (TRIALS, CONFIG, RESULT_FILE, BEST_RECIPE)
N_TRIALS = 4  # of which two are finished
FIELDS = ("number", "params", "state", "validation_accuracy", "accuracies", "epochs", "seconds", "error")


@cache
def _original() -> Path:
    """A search of two trials, and its data; in a temporary folder that ends with the process."""
    folder = Path(tempfile.mkdtemp(prefix="clothier-soak-"))
    write_synthetic_dataset(folder / "data", train=400, test=20)
    tune(TuneOptions(model="dnn", data=folder / "data", any_idx=True, trials=2, epochs=1, out=folder / "search"))
    return folder


def _copy(folder: Path) -> None:
    shutil.copytree(_original() / "search", folder)


def _pick(folder: Path, random: Random) -> Path:
    return folder / FILES[random.integers(len(FILES))]


def _changed_bytes(folder: Path, random: Random) -> str:
    file = _pick(folder, random)
    change_bytes(file, random)
    return file.name


def _odd_value(folder: Path, random: Random) -> str:
    return odd_json(_pick(folder, random), random)


def _odd_trial(folder: Path, random: Random) -> str:
    trials = json.loads((folder / TRIALS).read_text())
    done = odd_value(trials[random.integers(len(trials))], FIELDS[random.integers(len(FIELDS))], random)
    (folder / TRIALS).write_text(json.dumps(trials))
    return done


def _other_trials(folder: Path, random: Random) -> str:
    """A trial twice, as two processes would have left it, the trials in another order, or something else."""
    trials = json.loads((folder / TRIALS).read_text())
    nested = "[" * 100_000
    kinds = {"twice": [*trials, trials[0]], "reversed": trials[::-1], "none": [], "object": {}, "first": trials[1:]}
    kind = [*kinds, "nested", "empty"][random.integers(len(kinds) + 2)]
    (folder / TRIALS).write_text(json.dumps(kinds[kind]) if kind in kinds else nested if kind == "nested" else "")
    return kind


def _other_file(folder: Path, random: Random) -> str:
    return replace_file(_pick(folder, random), random)


def _resume(folder: Path) -> str:
    result = resume_tune(folder, trials=N_TRIALS, data=_original() / "data").to_json()
    return "resume" if [one["number"] for one in result["trials"]] else "resume without trials"


DAMAGES = (_changed_bytes, _odd_value, _odd_trial, _other_trials, _other_file)
SOAK = Soak("searches", 60, _copy, DAMAGES, _resume, ("resume",), REFUSALS, OUTPUTS)

if __name__ == "__main__":
    main(SOAK, __doc__ or "")
