"""``clothier predict``: class, probability and decision for each image file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clothier.inference import load
from clothier.types import DEFAULT_MODEL, no_progress

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from clothier.types import FailedInput, Prediction, Progress


def predict(
    files: Iterable[str | Path],
    *,
    model: str | Path = DEFAULT_MODEL,
    top: int = 3,
    taxonomy: str | Path | None = None,
    save_inputs: str | Path | None = None,
    trust_model: bool = False,
    progress: Progress = no_progress,
) -> list[Prediction | FailedInput]:
    """:meth:`clothier.inference.Model.predict` of the model that :func:`clothier.load` loads."""
    return load(model).predict(
        files, top=top, taxonomy=taxonomy, save_inputs=save_inputs, trust_model=trust_model, progress=progress
    )
