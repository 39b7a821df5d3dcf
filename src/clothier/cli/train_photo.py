"""The parts of ``clothier train`` that differ for photo models."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from clothier.cli import metrics_tables, output
from clothier.cli.options import flag_names
from clothier.cli.progress import progress_display
from clothier.errors import UsageError
from clothier.recipes.presets import DEFAULT_PRESETS
from clothier.recipes.presets import preset as find_preset

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.runs import Run

PHOTO = "photo"
UNSUPPORTED = ("any_idx", "recipe", "teachers_from", "refit")


def is_photo_run(model: str | None, source: Path | None) -> bool:
    """Whether the model is ``photo``, or the run or ``config.json`` that was given is of a photo model."""
    if model is not None or source is None:
        return model == PHOTO
    config = source / "config.json" if source.is_dir() else source
    try:
        recipe = json.loads(config.read_text(encoding="utf-8"))["recipe"]
        return bool(recipe["model"] == PHOTO)
    except (OSError, ValueError, KeyError, TypeError):
        return False  # whatever reads it next reports the error


def print_run(run: Run, as_json: bool) -> None:
    """Prints a run, then the photos that could not be read."""
    output.print_result(run, as_json, metrics_tables.run_table)
    output.exit_on_failures(run.metrics["data"]["failures"])


def train(preset: str | None, config: Path | None, resume: Path | None, overrides: dict[str, Any]) -> Run:
    """Trains, or continues a run.

    Raises:
        UsageError: an option that photo models do not support, or no data.
    """
    if wrong := {name: value for name, value in overrides.items() if name in UNSUPPORTED}:
        raise UsageError(
            f"train photo does not support {flag_names(wrong)}; choose a recipe with --preset: best, fast."
        )
    return _resume(resume, preset, overrides) if resume else _start(preset, config, overrides)


def _resume(run: Path, preset: str | None, overrides: dict[str, Any]) -> Run:
    if overrides or preset:
        extra = flag_names({**overrides, **({"preset": preset} if preset else {})})
        raise UsageError(f"--resume takes all options from the run; leave out {extra}.")
    from clothier.workflows.train import resume as resume_run

    with progress_display() as progress:
        return resume_run(run, progress=progress)


def _start(preset: str | None, config: Path | None, overrides: dict[str, Any]) -> Run:
    if config and preset:
        raise UsageError("--config already sets model and recipe; leave out --preset.")
    recipe = find_preset("photo", preset or DEFAULT_PRESETS["photo"])
    if config is None and "data" not in overrides:
        raise UsageError(
            "train photo needs --data: a CSV with the columns file, label and, if known, sender_id (the photographer); "
            "or a folder with a subfolder of photos for each class."
        )
    from clothier.data.photo_csv import Columns
    from clothier.training.finetune.options import PhotoOptions, photo_options_from_config
    from clothier.workflows.train import train as train_model

    columns = {name.removesuffix("_column"): overrides.pop(name) for name in [*overrides] if name.endswith("_column")}
    base = photo_options_from_config(config) if config else PhotoOptions(data=overrides["data"], recipe=recipe)
    if columns:
        overrides["columns"] = Columns(**columns)
    options = replace(base, **overrides)
    with progress_display() as progress:
        return train_model(options, progress=progress)
