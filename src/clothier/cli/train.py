"""``clothier train``."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    duration,
    only_given,
    spelt,
)
from clothier.cli.progress import watching
from clothier.errors import UsageError

if TYPE_CHECKING:
    from clothier.runs import Run
    from clothier.workflows.train import TrainOptions

Told = recipes.Recipe | Path  # what tells how to train: a recipe, or the config.json of another run
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
Teachers = Annotated[
    Path | None,
    typer.Option("--teachers", metavar="RUN", help="Learn from this run's teachers, with a recipe that has some."),
]
Twin = Annotated[
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
    teachers: Teachers = None,
    twin: Twin = None,
    resume: Resume = None,
    file_column: FileColumn = "file",
    label_column: LabelColumn = "label",
    group_column: GroupColumn = "sender_id",
    json: Json = False,
) -> None:
    """Train a DNN or a CNN, or a photo model on your own photos; its figures and the model go to a run folder."""
    columns = {"file_column": file_column, "label_column": label_column, "group_column": group_column}
    given = only_given(
        data=data, any_idx=any_idx, out=out, seed=seed, time_limit=time_limit, teachers=teachers, twin=twin
    )
    if train_photo.concerns(model, resume or config or twin):
        given |= only_given(recipe=recipe) | train_photo.named(columns)
        train_photo.answer(train_photo.train(preset, config, resume, given), json)
        return
    if named := train_photo.named(columns):
        raise UsageError(f"{spelt(named)} belong to train photo.")
    told = _told(model, preset, recipe, config, twin)
    if resume:
        run = _resumed(resume, told, given)
    elif told:
        run = _trained(told, given)
    else:
        raise UsageError("nothing to train was named; give dnn, cnn or photo, --config, --twin or --resume.")
    output.answer(run, json, metrics_tables.run)


def _told(
    model: str | None, preset: str | None, file: Path | None, config: Path | None, twin: Path | None
) -> recipes.Recipe | Path | None:
    """What the command line tells of how to train. Quick: no torch yet.

    Raises:
        UsageError: two of them contradict each other, or one lacks its model.
    """
    if config and twin:
        raise UsageError("got --config and --twin; the twin already tells how to train.")
    if (config or twin) and (model or preset or file):
        told = "--config" if config else "--twin"
        raise UsageError(f"{told} already names the model and its recipe; leave out the model, --preset and --recipe.")
    if preset and file:
        raise UsageError("got --preset and --recipe; a recipe file names the preset that it starts from.")
    if (preset or file) and not model:
        raise UsageError(f"--preset and --recipe need a model before them: {' or '.join(recipes.MODELS)}.")
    if model is None:
        return twin / "config.json" if twin else config
    return recipes.from_file(file, model) if file else recipes.preset(model, preset or DEFAULT_PRESET)


def _trained(told: Told, given: dict[str, Any]) -> "Run":
    from clothier.workflows.train import train as work

    with watching() as progress:
        return work(_options(told, given), progress=progress)


def _resumed(run: Path, told: Told | None, given: dict[str, Any]) -> "Run":
    """Continues a run as it was begun; what is told besides must agree with it."""
    if given and not told:
        extra = spelt(given)
        raise UsageError(f"--resume takes everything from the run; leave out {extra}, or name the model as well.")
    from clothier.workflows.train import resume as work

    with watching() as progress:
        return work(run, expected=_options(told, given) if told else None, progress=progress)


def _options(told: Told, given: dict[str, Any]) -> "TrainOptions":
    from clothier.workflows.train import TrainOptions, once_more_on_all, options_from_config

    base = options_from_config(told) if isinstance(told, Path) else TrainOptions(recipe=told)
    if twin := given.get("twin"):
        base = once_more_on_all(base, twin)
    return replace(base, **given)
