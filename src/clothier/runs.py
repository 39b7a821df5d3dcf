"""A run folder: the options, the training log and the results of one training.

config.json       resolved options; can be given to ``--config``
results.csv       one row for each epoch, appended during training
checkpoint/       the state that ``--resume`` continues from; a finished run has it if it was asked to keep it
environment.json  machine and library versions
bundle/           the trained model
predictions.npz   calibrated logits of the validation and the test images
metrics.json      metrics of the trained model; written last
figures/          *.png
model_card.md
report.html
"""

from __future__ import annotations

import csv
import errno
import fcntl
import hashlib
import io
import json
import os
import re
import shlex
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier import atomic, system
from clothier.errors import DataError, Interrupted, ModelError, StorageError, UsageError
from clothier.types import EpochRecord
from clothier.untrusted import DAMAGED_ARRAYS, read_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from clothier.types import Floats

MAX_TEXT_SIZE = 100_000_000  # bytes of a JSON or CSV file of a run
MAX_PREDICTIONS_SIZE = 2_000_000_000  # bytes; ten million images of 50 classes
_ADVICE = re.compile(rf"{re.escape(atomic.RUN_AGAIN)}$|continue with: clothier .*$")  # the latter of a study's training
RUNS_DIR = Path("runs")  # where runs are created without --out
DECISIVE_OPTIONS = ("recipe", "seed", "columns", "init", "data_digest", "own_network")  # of config.json
HELD = (errno.EACCES, errno.EAGAIN)  # what flock says of a lock that another process has
RESULT_COLUMNS = [one.name for one in fields(EpochRecord)]
OPTIONAL_COLUMNS = ("validation_loss", "validation_accuracy")  # empty if the recipe has no validation images


@dataclass(frozen=True, slots=True)
class Run:
    """The files of one run folder."""

    path: Path

    @property
    def config(self) -> dict[str, Any]:
        """The options of the training; a ModelError if there is no run here, or the file is damaged."""
        return read_json(self.path / "config.json")

    @property
    def metrics(self) -> dict[str, Any]:
        """The metrics of the trained model; a ModelError if there is no finished run here, or the file is damaged."""
        if not self.is_finished and (self.path / "config.json").is_file():
            raise ModelError(
                f"the run {self.path} is not finished: it has no metrics.json. Finish it with: "
                f"clothier train --resume {shlex.quote(str(self.path))}"
            )
        return read_json(self.path / "metrics.json")

    @property
    def data_digest(self) -> str:
        """The digest of the data that a finished run was trained on; a ModelError if ``metrics.json`` has none."""
        try:
            return str(self.metrics["data"]["digest"])
        except (LookupError, TypeError) as error:
            raise ModelError(f"{self.path / 'metrics.json'} does not say on which data. Train again.") from error

    @property
    def is_finished(self) -> bool:
        """Whether training and evaluation are finished."""
        return (self.path / "metrics.json").is_file()

    @property
    def bundle(self) -> Path:
        """The trained model's folder."""
        return self.path / "bundle"

    @property
    def checkpoint(self) -> Path:
        """The file that training is resumed from."""
        return self.path / "checkpoint" / "last.pt"

    @property
    def identity(self) -> str:
        """A digest of what decides the weights: recipe, seed and data, wherever these are."""
        decisive = {name: value for name, value in self.config.items() if name in DECISIVE_OPTIONS}
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()

    def require_folder(self) -> None:
        """Checks that the folder of a run in progress is still there; writing would make a new one.

        Raises:
            StorageError: it is not.
        """
        if not (self.path / "config.json").is_file():
            raise StorageError(
                f"{self.path} was deleted or moved while the run was in progress. Move it back, then {atomic.RUN_AGAIN}"
            )

    def remove_checkpoints(self) -> None:
        """Removes the checkpoints of a finished run and of its teachers; nothing continues from them."""
        for folder in self.path.rglob("checkpoint"):
            shutil.rmtree(folder, ignore_errors=True)

    def create(self, config: dict[str, Any]) -> None:
        """Writes ``environment.json``, then ``config.json``: a run with ``config.json`` can be resumed."""
        atomic.write_json(self.path / "environment.json", system.system_info())
        atomic.write_json(self.path / "config.json", config)

    @property
    def environment(self) -> dict[str, Any]:
        """Machine and library versions of the training."""
        return read_json(self.path / "environment.json")

    @property
    def recipe_as_trained(self) -> dict[str, Any]:
        """The recipe's fields; where the user's own network was trained, its name replaces the recipe's network."""
        recipe, own = self.config["recipe"], self.config.get("own_network")
        return {**recipe, "network": {"kind": own}} if own else dict(recipe)

    def write_predictions(self, logits: Mapping[str, Floats]) -> None:
        """Writes ``predictions.npz``: calibrated logits, (N, K) float32, of ``validation`` and ``test``."""
        content = io.BytesIO()
        np.savez(content, **logits)  # type: ignore[arg-type]  # numpy's stubs
        atomic.write_bytes(self.path / "predictions.npz", content.getvalue())

    def test_logits(self) -> Floats:
        """(N_test, K) calibrated logits of ``predictions.npz``; a ModelError if they are missing or damaged."""
        logits = self.read_predictions().get("test")
        if logits is None or logits.dtype.kind != "f":
            raise ModelError(f"{self.path / 'predictions.npz'} has no logits of the test images. Train again.")
        return logits

    def read_predictions(self) -> dict[str, Floats]:
        """The logits of ``predictions.npz``, by part; a ModelError if the file is missing or damaged."""
        path = self.path / "predictions.npz"
        try:
            with np.load(io.BytesIO(read_bytes(path, MAX_PREDICTIONS_SIZE)), allow_pickle=False) as content:
                return dict(content)
        except DAMAGED_ARRAYS as error:
            raise ModelError(f"{path} cannot be read: {error}. Train again.") from error

    def write_results(self, records: list[EpochRecord]) -> None:
        """Writes ``results.csv`` at the start, and after a resume, which may have lost the latest epochs."""
        atomic.write_text(self.path / "results.csv", ",".join(RESULT_COLUMNS) + "\n" + _csv_rows(records))

    def append_result(self, record: EpochRecord) -> None:
        """Adds an epoch to ``results.csv``; if that fails, the earlier rows are intact."""
        atomic.append_text(self.path / "results.csv", _csv_rows([record]))

    def read_results(self) -> list[EpochRecord]:
        """The epochs of ``results.csv``; a ModelError if the file is missing or damaged."""
        path = self.path / "results.csv"
        rows = csv.DictReader(io.StringIO(_read_text(path), newline=""), strict=True)
        try:
            return [_parse_record(row) for row in rows]
        except (KeyError, TypeError, ValueError, csv.Error) as error:
            raise _damaged(path, "a row is not an epoch record") from error

    def check_data(self, digest: str) -> None:
        """Checks that a resumed run or study gets the data that it started with; ``digest`` is of the data at hand."""
        expected = self.config.get("data_digest")
        if digest != expected:
            raise DataError(
                f"the data have changed since {self.path} was started: the digest is {digest}, config.json has "
                f"{expected}. Restore the old data, or start a new run."
            )

    def move_data(self, data: Path | None) -> None:
        """Notes in ``config.json`` where the data are now."""
        if data and self.config["data"] != str(data.absolute()):
            atomic.write_json(self.path / "config.json", {**self.config, "data": str(data.absolute())})

    def to_json(self) -> dict[str, Any]:
        """What ``clothier train --json`` prints: the folder and the metrics."""
        return {"run": str(self.path), **self.metrics}


def create_run(path: Path) -> Run:
    """A new empty run folder at ``path``, or at ``path-2``, ``path-3``, ... if that exists."""
    return Run(atomic.unique_dir(path))


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Keeps other processes out of the folder of a run or a search; the lock ends with the process, however that ends.

    Raises:
        UsageError: another process has the lock.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in HELD:  # other errors: some network file systems have no locks
                raise UsageError(f"another process works in {path}. Wait for it to end, or stop it.") from error
        atomic.remove_all_leftovers(path)
        try:
            yield
        finally:
            atomic.remove_all_leftovers(path)  # of its own processes that were ended
    finally:
        os.close(descriptor)


@contextmanager
def interruptible(path: Path, command: str = "train") -> Iterator[None]:
    """Names the command that resumes the folder at ``path``, when Ctrl-C or the disk ends the block."""
    try:
        yield
    except KeyboardInterrupt as stop:
        raise Interrupted(path, command) from stop
    except StorageError as error:
        advice = f"continue with: clothier {command} --resume {shlex.quote(str(path))}"
        raise StorageError(_ADVICE.sub(lambda _: advice, str(error))) from error


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file of a run or a study; a ModelError if it is missing or damaged."""
    try:
        content = json.loads(_read_text(path))
    except (ValueError, RecursionError) as error:
        raise _damaged(path, error) from error
    if not isinstance(content, dict):
        raise _damaged(path, "it is not a JSON object")
    return content


def _read_text(path: Path) -> str:
    try:
        return read_bytes(path, MAX_TEXT_SIZE).decode()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}. Give the folder of a run.") from error
    except UnicodeDecodeError as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, reason: object) -> ModelError:
    return ModelError(f"{path} is damaged: {reason}. Train again.")


def _csv_rows(records: Iterable[EpochRecord]) -> str:
    text = io.StringIO()
    csv.DictWriter(text, RESULT_COLUMNS, lineterminator="\n").writerows(record.to_json() for record in records)
    return text.getvalue()


def _parse_record(row: dict[str, str]) -> EpochRecord:
    unknown = {name: None for name in OPTIONAL_COLUMNS if row[name] == ""}
    numbers = {name: float(row[name]) for name in RESULT_COLUMNS if name not in unknown}
    return EpochRecord(**{**numbers, **unknown, "epoch": int(row["epoch"])})  # type: ignore[arg-type]
