"""``clothier train``."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from clothier import recipes
from clothier.cli import metrics_tables, output, train_photo
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
    drop_unset,
    duration,
    flag_names,
)
from clothier.cli.progress import progress_display
from clothier.errors import UsageError

if TYPE_CHECKING:
    from clothier.runs import Run
    from clothier.training.options import TrainOptions

RecipeSource = recipes.Recipe | Path  # a recipe, or the config.json of another run
Model = Annotated[
    str | None,
    typer.Argument(
        metavar="|".join((*recipes.MODELS, train_photo.PHOTO)),
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
    columns = drop_unset(file_column=file_column, label_column=label_column, group_column=group_column)
    given = drop_unset(
        data=data,
        any_idx=any_idx,
        out=out,
        seed=seed,
        time_limit=time_limit,
        teachers_from=teachers_from,
        refit=refit,
    )
    if train_photo.is_photo_run(model, resume or config or refit):
        given |= drop_unset(recipe=recipe) | columns
        train_photo.print_run(train_photo.train(preset, config, resume, given), json)
        return
    if columns:
        raise UsageError(f"{flag_names(columns)}: only for train photo.")
    source = _resolve_recipe(model, preset, recipe, config, refit)
    if resume:
        run = _resume(resume, source, given)
    elif source:
        run = _start(source, given)
    else:
        raise UsageError("nothing to train; give dnn, cnn or photo, --config, --refit or --resume.")
    output.print_result(run, json, metrics_tables.run_table)


def _resolve_recipe(
    model: str | None, preset: str | None, recipe_file: Path | None, config: Path | None, refit: Path | None
) -> recipes.Recipe | Path | None:
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
    model = cast("recipes.ModelName", model)
    return recipes.from_file(recipe_file, model) if recipe_file else recipes.preset(model, preset or DEFAULT_PRESET)


def _start(source: RecipeSource, overrides: dict[str, Any]) -> "Run":
    from clothier.workflows.train import train as work

    with progress_display() as progress:
        return work(_make_options(source, overrides), progress=progress)


def _resume(run: Path, source: RecipeSource | None, overrides: dict[str, Any]) -> "Run":
    """Continues a run with its own options; any that are given must equal them."""
    if overrides and not source:
        extra = flag_names(overrides)
        raise UsageError(f"--resume takes all options from the run; leave out {extra}, or give the model as well.")
    from clothier.workflows.train import resume as work

    with progress_display() as progress:
        return work(run, expected=_make_options(source, overrides) if source else None, progress=progress)


def _make_options(source: RecipeSource, overrides: dict[str, Any]) -> "TrainOptions":
    from clothier.training.options import TrainOptions, options_from_config, refit_options

    base = options_from_config(source) if isinstance(source, Path) else TrainOptions(recipe=source)
    if refit := overrides.get("refit"):
        base = refit_options(base, refit)
    return replace(base, **overrides)
