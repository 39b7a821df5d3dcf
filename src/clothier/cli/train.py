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
    from clothier.workflows.train import TrainOptions

RecipeSource = recipes.Recipe | Path  # what tells how to train: a recipe, or the config.json of another run
Model = Annotated[
    str | None,
    typer.Argument(
        metavar="|".join((*recipes.MODELS, train_photo.PHOTO)),
        help="What to train; not with --config, and not needed with --resume.",
    ),
]
RecipeFile = Annotated[
    Path | None, typer.Option("--recipe", metavar="FILE", help="Your own recipe (TOML), in place of --preset.")
]
Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="Train as another run did: its config.json.")
]
TimeLimit = Annotated[
    float | None,
    typer.Option(
        "--time-limit", metavar="TIME", parser=duration, help="Stop after the epoch that reaches 90s, 10m, 1h30m, ..."
    ),
]
TeachersFrom = Annotated[
    Path | None,
    typer.Option("--teachers", metavar="RUN", help="Learn from this run's teachers, with a recipe that has some."),
]
Refit = Annotated[
    Path | None,
    typer.Option("--twin", metavar="RUN", help="Train as this run did, on all pictures; it lends its temperature."),
]
Resume = Annotated[
    Path | None,
    typer.Option("--resume", metavar="RUN", help="Continue this run; a model named besides must agree with it."),
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
    file_column: FileColumn = "file",
    label_column: LabelColumn = "label",
    group_column: GroupColumn = "sender_id",
    json: Json = False,
) -> None:
    """Train a DNN or a CNN, or a photo model on your own photos; its figures and the model go to a run folder."""
    columns = {"file_column": file_column, "label_column": label_column, "group_column": group_column}
    given = drop_unset(
        data=data, any_idx=any_idx, out=out, seed=seed, time_limit=time_limit, teachers=teachers_from, twin=refit
    )
    if train_photo.is_photo_run(model, resume or config or refit):
        given |= drop_unset(recipe=recipe) | train_photo.non_default_columns(columns)
        train_photo.print_run(train_photo.train(preset, config, resume, given), json)
        return
    if named := train_photo.non_default_columns(columns):
        raise UsageError(f"{flag_names(named)} belong to train photo.")
    told = _resolve_recipe(model, preset, recipe, config, refit)
    if resume:
        run = _resume(resume, told, given)
    elif told:
        run = _start(told, given)
    else:
        raise UsageError("nothing to train was named; give dnn, cnn or photo, --config, --twin or --resume.")
    output.print_result(run, json, metrics_tables.run_table)


def _resolve_recipe(
    model: str | None, preset: str | None, recipe_file: Path | None, config: Path | None, refit: Path | None
) -> recipes.Recipe | Path | None:
    """What the command line tells of how to train. Quick: no torch yet.

    Raises:
        UsageError: two of them contradict each other, or one lacks its model.
    """
    if config and refit:
        raise UsageError("got --config and --twin; the twin already tells how to train.")
    if (config or refit) and (model or preset or recipe_file):
        told = "--config" if config else "--twin"
        raise UsageError(f"{told} already names the model and its recipe; leave out the model, --preset and --recipe.")
    if preset and recipe_file:
        raise UsageError("got --preset and --recipe; a recipe file names the preset that it starts from.")
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
    """Continues a run as it was begun; what is told besides must agree with it."""
    if overrides and not source:
        extra = flag_names(overrides)
        raise UsageError(f"--resume takes everything from the run; leave out {extra}, or name the model as well.")
    from clothier.workflows.train import resume as work

    with progress_display() as progress:
        return work(run, expected=_make_options(source, overrides) if source else None, progress=progress)


def _make_options(source: RecipeSource, overrides: dict[str, Any]) -> "TrainOptions":
    from clothier.workflows.train import TrainOptions, options_from_config, refit_options

    base = options_from_config(source) if isinstance(source, Path) else TrainOptions(recipe=source)
    if twin := overrides.get("twin"):
        base = refit_options(base, twin)
    return replace(base, **overrides)
