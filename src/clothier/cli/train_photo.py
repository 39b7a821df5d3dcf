"""``clothier train photo``: what differs from the other models."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import typer

from clothier.cli import metrics_tables, output
from clothier.cli.options import spelt
from clothier.cli.progress import watching
from clothier.errors import UsageError
from clothier.recipes.photo import DEFAULT, photo_preset
from clothier.types import FailedInput

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.runs import Run

PHOTO = "photo"
ELSEWHERE = ("any_idx", "recipe", "teachers", "twin")
"""Options of the other models alone."""


def concerns(model: str | None, told: Path | None) -> bool:
    """Whether a training is of a photo model: it is named, or the run or ``config.json`` that was given is of one."""
    if model is not None or told is None:
        return model == PHOTO
    config = told / "config.json" if told.is_dir() else told
    try:
        recipe = json.loads(config.read_text(encoding="utf-8"))["recipe"]
        return bool(recipe["model"] == PHOTO)
    except (OSError, ValueError, KeyError, TypeError):
        return False  # whoever reads it next says what is wrong with it


def named(columns: dict[str, str]) -> dict[str, str]:
    """The columns that are not the usual ones."""
    usual = {"file_column": "file", "label_column": "label", "group_column": "sender_id"}
    return {option: name for option, name in columns.items() if name != usual[option]}


def answer(run: Run, as_json: bool) -> None:
    """Shows a run; what was left out is named on stderr, and ends with 3."""
    output.answer(run, as_json, metrics_tables.run)
    failed = [FailedInput(one["file"], **one["error"]) for one in run.metrics["data"]["failures"]]
    output.failures(failed)
    if failed:
        raise typer.Exit(3)


def train(preset: str | None, config: Path | None, resume: Path | None, given: dict[str, Any]) -> Run:
    """Trains, or goes on with a run.

    Raises:
        UsageError: an option that photos have no use for, or no data.
    """
    if wrong := {name: value for name, value in given.items() if name in ELSEWHERE}:
        raise UsageError(f"train photo takes no {spelt(wrong)}; it has the presets best and fast.")
    return _resumed(resume, preset, given) if resume else _trained(preset, config, given)


def _resumed(run: Path, preset: str | None, given: dict[str, Any]) -> Run:
    if given or preset:
        extra = spelt({**given, **({"preset": preset} if preset else {})})
        raise UsageError(f"--resume takes everything from the run; leave out {extra}.")
    from clothier.workflows.train_photo import resume_photo

    with watching() as progress:
        return resume_photo(run, progress=progress)


def _trained(preset: str | None, config: Path | None, given: dict[str, Any]) -> Run:
    if config and preset:
        raise UsageError("--config already names the model and its recipe; leave out --preset.")
    recipe = photo_preset(preset or DEFAULT)
    if config is None and "data" not in given:
        raise UsageError(
            "train photo needs --data: a CSV with the columns file, label and, where it is known who took each photo, "
            "sender_id; or a folder with a subfolder of photos for each class."
        )
    from clothier.data.photo_csv import Columns
    from clothier.training.finetune.options import PhotoOptions, photo_options_from_config
    from clothier.workflows.train_photo import train_photo

    columns = {name.removesuffix("_column"): given.pop(name) for name in [*given] if name.endswith("_column")}
    base = photo_options_from_config(config) if config else PhotoOptions(data=given["data"], recipe=recipe)
    if columns:
        given["columns"] = Columns(**columns)
    asked = replace(base, **given)
    with watching() as progress:
        return train_photo(asked, progress=progress)
