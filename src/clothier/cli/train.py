"""``clothier train``."""

import json as jsonlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clothier import recipes
from clothier.cli import metrics_tables, output
from clothier.cli.options import (
    DEFAULT_PRESET,
    AnyIdx,
    Data,
    FileColumn,
    GroupColumn,
    Json,
    LabelColumn,
    Out,
    Preset,
    Seed,
    columns_from,
    drop_unset,
    duration,
    flag_names,
)
from clothier.cli.progress import progress_display
from clothier.errors import UsageError

if TYPE_CHECKING:
    from clothier.runs import Run
    from clothier.training.options import PhotoOptions, TrainOptions

PHOTO = "photo"
PHOTO_ONLY = ("file_column", "label_column", "group_column")
NOT_FOR_PHOTO = ("any_idx", "recipe", "teachers_from", "refit")
RecipeSource = recipes.AnyRecipe | Path  # a recipe, or the config.json of another run
Model = Annotated[
    str | None,
    typer.Argument(
        metavar="|".join((*recipes.MODELS, PHOTO)),
        help="What to train; not with --config, and not needed with --resume.",
    ),
]
RecipeFile = Annotated[
    Path | None, typer.Option("--recipe", metavar="FILE", help="Your own recipe (TOML) instead of --preset.")
]
Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Train with the options of another run: its config.json."),
]
TimeLimit = Annotated[
    float | None,
    typer.Option(
        "--time-limit", metavar="TIME", parser=duration, help="Stop after the epoch that reaches 90s, 10m, 1h30m, ..."
    ),
]
TeachersFrom = Annotated[
    Path | None,
    typer.Option("--teachers-from", metavar="RUN", help="Distill from RUN's teachers; the recipe must have teachers."),
]
Refit = Annotated[
    Path | None,
    typer.Option("--refit", metavar="RUN", help="Retrain RUN's recipe on all training data and reuse its temperature."),
]
Resume = Annotated[
    Path | None,
    typer.Option("--resume", metavar="RUN", help="Continue RUN; other options, if given, must equal its own."),
]


def train(
    model: Model = None,
    preset: Preset = None,
    recipe: RecipeFile = None,
    config: Config = None,
    data: Data = None,
    any_idx: AnyIdx = False,
    out: Out = None,
    seed: Seed = None,
    time_limit: TimeLimit = None,
    teachers_from: TeachersFrom = None,
    refit: Refit = None,
    resume: Resume = None,
    file_column: FileColumn = None,
    label_column: LabelColumn = None,
    group_column: GroupColumn = None,
    json: Json = False,
) -> None:
    """Train a DNN or a CNN, or a photo model on your own photos; metrics and model go to a run folder."""
    given = drop_unset(data=data, any_idx=any_idx, out=out, seed=seed, time_limit=time_limit)
    given |= drop_unset(teachers_from=teachers_from, refit=refit)
    given |= drop_unset(file_column=file_column, label_column=label_column, group_column=group_column)
    is_photo = _is_photo_run(model, resume or config or refit)
    _require_supported({**given, **drop_unset(recipe=recipe)}, is_photo)
    source = _resolve_recipe(model, preset, recipe, config, refit)
    if not (source or resume):
        raise UsageError("nothing to train; give dnn, cnn or photo, --config, --refit or --resume.")
    if resume and is_photo and (extra := given | drop_unset(preset=preset)):
        raise UsageError(f"--resume takes all options from the run; leave out {flag_names(extra)}.")
    run = _resume(resume, None if is_photo else source, given) if resume else _start(source, given, is_photo)
    output.print_result(run, json, metrics_tables.run_table)
    if is_photo:
        output.exit_on_failures(run.metrics["data"]["failures"])


def _is_photo_run(model: str | None, source: Path | None) -> bool:
    """Whether the model is ``photo``, or the run or ``config.json`` that was given is of a photo model."""
    if model is not None or source is None:
        return model == PHOTO
    config = source / "config.json" if source.is_dir() else source
    try:
        return bool(jsonlib.loads(config.read_text(encoding="utf-8"))["recipe"]["model"] == PHOTO)
    except (OSError, ValueError, KeyError, TypeError):
        return False  # whatever reads it next reports the error


def _require_supported(given: dict[str, Any], is_photo: bool) -> None:
    unsupported = NOT_FOR_PHOTO if is_photo else PHOTO_ONLY
    if wrong := {name: value for name, value in given.items() if name in unsupported}:
        only = "dnn and cnn" if is_photo else "photo"
        raise UsageError(f"{flag_names(wrong)}: only for train {only}; leave out.")


def _resolve_recipe(
    model: str | None, preset: str | None, recipe_file: Path | None, config: Path | None, refit: Path | None
) -> RecipeSource | None:
    """The recipe, or the config.json that holds it. Does not load torch.

    Raises:
        UsageError: two of the options contradict each other, or the model is missing.
    """
    if config and refit:
        raise UsageError("got --config and --refit; --refit already sets the recipe.")
    if (config or refit) and (model or preset or recipe_file):
        option = "--config" if config else "--refit"
        raise UsageError(f"{option} already sets model and recipe; leave out the model, --preset and --recipe.")
    if preset and recipe_file:
        raise UsageError("got --preset and --recipe; a recipe file names its own preset.")
    if (preset or recipe_file) and not model:
        raise UsageError(f"--preset and --recipe need a model before them: {' or '.join(recipes.MODELS)}.")
    if model is None:
        return refit / "config.json" if refit else config
    if recipe_file:
        return recipes.from_file(recipe_file, model)
    return recipes.preset(model, preset or recipes.DEFAULT_PRESETS.get(model, DEFAULT_PRESET))


def _start(source: Any, overrides: dict[str, Any], is_photo: bool) -> "Run":
    options = (_make_photo_options if is_photo else _make_options)(source, overrides)
    from clothier.workflows.train import train as run_training

    with progress_display() as progress:
        return run_training(options, progress=progress)


def _resume(run: Path, source: Any, overrides: dict[str, Any]) -> "Run":
    """Continues a run with its own options; any that are given must equal them."""
    if overrides and not source:
        extra = flag_names(overrides)
        raise UsageError(f"--resume takes all options from the run; leave out {extra}, or give the model as well.")
    from clothier.workflows.train import resume as resume_training

    expected = _make_options(source, overrides) if source else None
    with progress_display() as progress:
        return resume_training(run, expected=expected, progress=progress)


def _make_options(source: Any, overrides: dict[str, Any]) -> "TrainOptions":
    from clothier.training.options import TrainOptions, options_from_config, refit_options

    base = options_from_config(source) if isinstance(source, Path) else TrainOptions(recipe=source)
    if refit := overrides.get("refit"):
        base = refit_options(base, refit)
    return replace(base, **overrides)


def _make_photo_options(source: Any, overrides: dict[str, Any]) -> "PhotoOptions":
    if not isinstance(source, Path) and "data" not in overrides:
        raise UsageError(
            "train photo needs --data: a CSV with the columns file, label and, if known, sender_id (the photographer); "
            "or a folder with a subfolder of photos for each class."
        )
    from clothier.runs import read_json
    from clothier.training.options import PhotoOptions, from_config

    columns = {name.removesuffix("_column"): overrides[name] for name in PHOTO_ONLY if name in overrides}
    given = {name: value for name, value in overrides.items() if name not in PHOTO_ONLY}
    if columns:
        given["columns"] = columns_from(**columns)
    if isinstance(source, Path):
        return replace(from_config(PhotoOptions, read_json(source), source), **given)
    return PhotoOptions(recipe=source, **given)
