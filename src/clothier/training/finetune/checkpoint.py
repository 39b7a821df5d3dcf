"""A fine-tuning of several networks saved to one file, whole or not at all, and taken up again after an epoch."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import torch

from clothier import atomic
from clothier.errors import ModelError
from clothier.training.checkpoint import FORMAT, load_content
from clothier.types import EpochRecord

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from clothier.training.finetune.networks import FineTuneState


def save(path: Path, states: Sequence[FineTuneState], progress: float, records: list[EpochRecord]) -> None:
    """Writes the networks, how far the schedule is (0 to 1), and the epochs so far."""
    buffer = io.BytesIO()
    content = {
        "format": FORMAT,
        "learners": [learner.state_dict() for learner in states],
        "reached": progress,
        "records": [record.to_json() for record in records],
    }
    torch.save(content, buffer)
    atomic.write_bytes(path, buffer.getvalue())


def restore(path: Path, states: Sequence[FineTuneState]) -> tuple[float, list[EpochRecord]]:
    """Brings the networks to where the file's were; without a file nothing was reached yet.

    Raises:
        ModelError: the checkpoint is damaged, or of other networks.
    """
    if not path.is_file():
        return 0.0, []
    content = load_content(path)
    try:
        for learner, state in zip(states, content["learners"], strict=True):
            learner.load_state_dict(state)
        return float(content["reached"]), [EpochRecord(**record) for record in content["records"]]
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelError(f"the checkpoint {path} belongs to other networks; train anew without --resume.") from error
