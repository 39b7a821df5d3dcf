"""A run folder: one training, from the numbers that decided it to the figures that came of it.

config.json       what was asked for, resolved; feeds back into ``--config``
results.csv       one row an epoch, appended live
checkpoint/       where ``--resume`` goes on
environment.json  machine and versions
bundle/           the trained model
metrics.json      what was measured of it
figures/          *.png
model_card.md
report.html
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from clothier import atomic, machine
from clothier.errors import ModelError
from clothier.records import EpochRecord

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = [one.name for one in fields(EpochRecord)]


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
            ModelError: the run has not ended, or its file is damaged.
        """
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

    def begin(self, config: dict[str, Any]) -> None:
        """Writes what was asked for, and the machine that it is asked of."""
        atomic.write_json(self.path / "config.json", config)
        atomic.write_json(self.path / "environment.json", machine.describe())

    @property
    def environment(self) -> dict[str, Any]:
        """The machine and the versions of the training."""
        return read_json(self.path / "environment.json")

    def write_results(self, records: list[EpochRecord]) -> None:
        """Writes ``results.csv`` anew: at the start, and after a resume, which may have lost the latest epochs."""
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(record.to_json() for record in records)
        atomic.write_text(self.path / "results.csv", text.getvalue())

    def append_result(self, record: EpochRecord) -> None:
        """Adds an epoch to ``results.csv``."""
        with (self.path / "results.csv").open("a", encoding="utf-8", newline="") as file:
            csv.DictWriter(file, COLUMNS, lineterminator="\n").writerow(record.to_json())

    def read_results(self) -> list[EpochRecord]:
        """The epochs of ``results.csv``."""
        with (self.path / "results.csv").open(encoding="utf-8", newline="") as file:
            return [_record(row) for row in csv.DictReader(file)]

    def to_json(self) -> dict[str, Any]:
        """What ``clothier train --json`` prints: the folder and its metrics."""
        return {"run": str(self.path), **self.metrics}


def new_run(path: Path) -> Run:
    """An empty run folder at ``path``, or at ``path-2``, ``path-3``, ... when it is taken.

    Raises:
        StorageError: the folder cannot be made.
    """
    return Run(atomic.new_folder(path))


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a run folder.

    Raises:
        ModelError: it is missing, or no JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(
            f"{path.parent} is no finished run: {path.name} cannot be read ({error.strerror}). Give a run folder."
        ) from error
    except ValueError as error:
        raise ModelError(f"{path} is damaged: {error}. Train anew.") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} is damaged: it holds no JSON object. Train anew.")
    return content


def _record(row: dict[str, str]) -> EpochRecord:
    numbers = {name: float(value) if value else None for name, value in row.items()}
    return EpochRecord(**{**numbers, "epoch": int(row["epoch"])})  # type: ignore[arg-type]  # columns are its fields
