"""A training's state saved to one file, whole or not at all, and restored after any epoch."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Protocol
from zipfile import ZipFile

import torch

from clothier import atomic
from clothier.errors import ModelError
from clothier.types import EpochRecord

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.runs import Run

FORMAT = 1


class Checkpointable(Protocol):
    """The state of a training, of one network or of several, as tensors, numbers, lists and dicts."""

    def state_dict(self) -> dict[str, Any]: ...  # noqa: D102
    def load_state_dict(self, state: dict[str, Any]) -> None: ...  # noqa: D102


def resume(run: Run, state: Checkpointable, *, write: bool = True) -> list[EpochRecord]:
    """The epochs that a run has had, with ``state`` restored to the last of them; none for a new run.

    A new run's checkpoint is written before its ``results.csv``. So where that exists, the checkpoint must. ``write``
    says whether this process writes the run's files.
    """
    started = (run.path / "results.csv").is_file()
    records = restore(run, state) if started else []
    if write:
        if not started:
            save(run, state, records)
        run.write_results(records)
    return records


def save(run: Run, state: Checkpointable, records: list[EpochRecord]) -> None:
    """Writes the state and the epochs so far.

    Raises:
        StorageError: the disk refused, or the run folder is gone.
    """
    run.require_folder()
    content = {
        "format": FORMAT,
        "run": run.identity,
        "training": state.state_dict(),
        "records": [record.to_json() for record in records],
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    atomic.write_bytes(run.checkpoint, buffer.getvalue())


def restore(run: Run, state: Checkpointable) -> list[EpochRecord]:
    """Restores ``state`` from the run's checkpoint and returns the epochs so far.

    Nothing in the file is executed: only tensors, numbers and strings are read.

    Raises:
        ModelError: there is no checkpoint, it is damaged or of another format, or it is of another run.
    """
    path = run.checkpoint
    content = _load_content(path)
    if content.get("run") != run.identity:
        raise ModelError(
            f"the checkpoint {path} is of another training: its recipe, its seed or its data are not those of "
            "config.json. Restore the run's own files, or train again."
        )
    try:
        state.load_state_dict(content["training"])
        return [EpochRecord(**record) for record in content["records"]]
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelError(f"the checkpoint {path} is of another network. Train again without --resume.") from error


def _load_content(path: Path) -> dict[str, Any]:
    try:
        with ZipFile(path) as parts:
            damaged = parts.testzip()  # PyTorch writes a CRC-32 of each part and does not verify it
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ModelError(f"there is no checkpoint {path}, so the run cannot be resumed. Train again.") from error
    except Exception as error:  # PyTorch raises whatever the damage leads to
        raise ModelError(f"the checkpoint {path} is damaged. Train again.") from error
    if damaged:
        raise ModelError(f"the checkpoint {path} is damaged: {damaged} has another CRC-32. Train again.")
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT:
        raise ModelError(f"the checkpoint {path} has format {found}; this Clothier reads {FORMAT}. Train again.")
    return dict(content)
