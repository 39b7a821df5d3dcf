"""A training saved to one file, whole or not at all, and taken up again exactly where it was."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile, ZipFile

import torch

from clothier import atomic
from clothier.errors import ModelError
from clothier.types import EpochRecord

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.training.trainer import TrainState

FORMAT = 1


def save(path: Path, state: TrainState, records: list[EpochRecord]) -> None:
    """Writes the training and its epochs so far.

    Raises:
        StorageError: the disk refused; the checkpoint that was there before still is.
    """
    buffer = io.BytesIO()
    torch.save(
        {
            "format": FORMAT,
            "training": state.state_dict(),
            "records": [record.to_json() for record in records],
        },
        buffer,
    )
    atomic.write_bytes(path, buffer.getvalue())


def restore(path: Path, state: TrainState) -> list[EpochRecord]:
    """Brings ``state`` to where the file's was, and returns the epochs that it had seen.

    Nothing in the file is executed: tensors, numbers and names are all that is read.

    Raises:
        ModelError: there is no checkpoint, it is damaged or newer, or it belongs to another network.
    """
    content = load_content(path)
    try:
        state.load_state_dict(content["training"])
        return [EpochRecord(**record) for record in content["records"]]
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelError(f"the checkpoint {path} belongs to another network; train anew without --resume.") from error


def load_content(path: Path) -> dict[str, Any]:
    """What a checkpoint file holds, checked against its sums; raises as :func:`restore` does."""
    try:
        _verify_crc(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ModelError(f"there is no checkpoint at {path}; the run cannot be resumed. Train anew.") from error
    except Exception as error:  # PyTorch's readers raise whatever the damage leads them into
        raise ModelError(f"the checkpoint {path} is damaged and cannot be read; train anew.") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        got = content.get("format") if isinstance(content, dict) else None
        raise ModelError(f"the checkpoint {path} has format {got}; this Clothier reads {FORMAT}. Train anew.")
    return content


def _verify_crc(path: Path) -> None:
    """Reads every part against its CRC-32, which PyTorch writes and does not look at."""
    with ZipFile(path) as parts:
        damaged = parts.testzip()
    if damaged:
        raise BadZipFile(f"{damaged} is not what was written")
