"""A run folder: one training, from the numbers that decided it to the figures that came of it.

config.json       what was asked for, resolved; feeds back into ``--config``
results.csv       one row an epoch, appended live
checkpoint/       where ``--resume`` goes on
environment.json  machine and versions
bundle/           the trained model
predictions.npz   calibrated logits of the validation and the test images
metrics.json      what was measured of it; written last
figures/          *.png
model_card.md
report.html
"""

from __future__ import annotations

import csv
import io
import json
import shlex
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from clothier import atomic, system
from clothier.errors import ModelError
from clothier.types import EpochRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from clothier.types import Floats

RUNS_DIR = Path("runs")  # where new folders come to lie, unless the user names a place
RESULT_COLUMNS = [one.name for one in fields(EpochRecord)]
OPTIONAL_COLUMNS = ("validation_loss", "validation_accuracy")  # empty where a recipe keeps no validation images


@dataclass(frozen=True, slots=True)
class Run:
    """The files of one run, by their names."""

    path: Path

    @property
    def config(self) -> dict[str, Any]:
        """What was asked for.

        Raises:
            ModelError: there is no run here, or its file is damaged.
        """
        return read_json(self.path / "config.json")

    @property
    def metrics(self) -> dict[str, Any]:
        """What was measured.

        Raises:
            ModelError: there is no run here, it has not ended, or its file is damaged.
        """
        if not self.is_finished and (self.path / "config.json").is_file():
            raise ModelError(
                f"the run {self.path} has not ended: it has no metrics.json. Finish it with: "
                f"clothier train --resume {shlex.quote(str(self.path))}"
            )
        return read_json(self.path / "metrics.json")

    @property
    def is_finished(self) -> bool:
        """Whether training and measuring have ended."""
        return (self.path / "metrics.json").is_file()

    @property
    def bundle(self) -> Path:
        """The trained model's folder."""
        return self.path / "bundle"

    @property
    def checkpoint(self) -> Path:
        """The file that training goes on from."""
        return self.path / "checkpoint" / "last.pt"

    def create(self, config: dict[str, Any]) -> None:
        """Writes the machine, and then what is asked of it: where ``config.json`` stands, the run can be resumed."""
        atomic.write_json(self.path / "environment.json", system.system_info())
        atomic.write_json(self.path / "config.json", config)

    @property
    def environment(self) -> dict[str, Any]:
        """The machine and the versions of the training."""
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

    def read_predictions(self) -> dict[str, Floats]:
        """The logits of ``predictions.npz``, by part.

        Raises:
            ModelError: the file is missing or damaged.
        """
        path = self.path / "predictions.npz"
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as content:
                return dict(content)
        except (OSError, ValueError, BadZipFile) as error:
            raise ModelError(f"{path} cannot be read: {error}. Train again.") from error

    def write_results(self, records: list[EpochRecord]) -> None:
        """Writes ``results.csv`` anew: at the start, and after a resume, which may have lost the latest epochs."""
        atomic.write_text(self.path / "results.csv", ",".join(RESULT_COLUMNS) + "\n" + _csv_rows(records))

    def append_result(self, record: EpochRecord) -> None:
        """Adds an epoch to ``results.csv``.

        Raises:
            StorageError: the disk refused; the epochs before are untouched.
        """
        atomic.append_text(self.path / "results.csv", _csv_rows([record]))

    def read_results(self) -> list[EpochRecord]:
        """The epochs of ``results.csv``.

        Raises:
            ModelError: the file is missing or damaged.
        """
        path = self.path / "results.csv"
        rows = csv.DictReader(io.StringIO(_read_text(path), newline=""), strict=True)
        try:
            return [_parse_record(row) for row in rows]
        except (KeyError, TypeError, ValueError, csv.Error) as error:
            raise ModelError(f"{path} is damaged: a row of it is no epoch. Train anew.") from error

    def to_json(self) -> dict[str, Any]:
        """What ``clothier train --json`` prints: the folder and its metrics."""
        return {"run": str(self.path), **self.metrics}


def create_run(path: Path) -> Run:
    """An empty run folder at ``path``, or at ``path-2``, ``path-3``, ... when it is taken.

    Raises:
        StorageError: the folder cannot be made.
    """
    return Run(atomic.unique_dir(path))


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from the folder of a run or a study.

    Raises:
        ModelError: it is missing, or no JSON object.
    """
    try:
        content = json.loads(_read_text(path))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is damaged: {error}. Train anew.") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} is damaged: it holds no JSON object. Train anew.")
    return content


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}. Give the folder of a run.") from error
    except UnicodeDecodeError as error:
        raise ModelError(f"{path} is damaged: {error}. Train anew.") from error


def _csv_rows(records: Iterable[EpochRecord]) -> str:
    text = io.StringIO()
    csv.DictWriter(text, RESULT_COLUMNS, lineterminator="\n").writerows(record.to_json() for record in records)
    return text.getvalue()


def _parse_record(row: dict[str, str]) -> EpochRecord:
    unknown = {name: None for name in OPTIONAL_COLUMNS if row[name] == ""}
    numbers = {name: float(row[name]) for name in RESULT_COLUMNS if name not in unknown}
    return EpochRecord(**{**numbers, **unknown, "epoch": int(row["epoch"])})  # type: ignore[arg-type]
