"""``clothier train``.

clothier train cnn
clothier train dnn --preset classic --seed 1 --out runs/dnn-seed-1
clothier train cnn --recipe mine.toml --time-limit 10m
clothier train --resume runs/cnn-fast
clothier train --refit runs/cnn-fast
clothier train photo --data photos/labels.csv --time-limit 30m
clothier train photo --data own.csv --product-column product --risk auto
clothier train photo --data own.csv --backbone lite2
clothier train photo --data own.csv --recipe photo.toml
torchrun --nproc-per-node 2 -m clothier train cnn
"""

import json as jsonlib
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from clothier import recipes
from clothier.cli import options, output
from clothier.cli.progress import progress_display
from clothier.errors import UsageError
from clothier.untrusted import read_bytes

MAX_CONFIG_SIZE = 10_000_000  # bytes of a config.json
PHOTO = "photo"
PHOTO_ONLY = ("file_column", "label_column", "group_column", "product_column", "backbone", "init", "risk")
NOT_FOR_PHOTO = ("any_idx", "teachers_from", "refit")
RecipeSource = recipes.AnyRecipe | Path  # a recipe, or the config.json of another run
Model = Annotated[
    str | None,
    typer.Argument(
        metavar="|".join(recipes.TRAINABLE),
        help="What to train; not with --config, and not needed with --resume.",
    ),
]
Preset = Annotated[
    str | None,
    typer.Option(
        metavar="|".join(recipes.PRESETS),
        help=f"Recipe. Of dnn and cnn: {options.PRESET_MEANINGS} Of photo: fast: a linear classifier on frozen "
        f"features. best: fine-tuned. Default: {recipes.DEFAULT_PRESETS[PHOTO]}.",
    ),
]
RecipeFile = Annotated[Path | None, typer.Option(metavar="FILE", help="Your own recipe (TOML) instead of --preset.")]
Config = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Train with the options of another run: its config.json.")
]
TimeLimit = Annotated[
    float | None,
    typer.Option(
        metavar="TIME", parser=options.duration, help="Shorten the training to end by then: 90s, 10m, 1h30m, ..."
    ),
]
TeachersFrom = Annotated[
    Path | None, typer.Option(metavar="RUN", help="Distill from RUN's teachers; the recipe must have teachers.")
]
Refit = Annotated[
    Path | None,
    typer.Option(metavar="RUN", help="Retrain RUN's recipe on all training data and reuse its temperature."),
]
KeepCheckpoint = Annotated[
    bool,
    typer.Option("--keep-checkpoint", help="Keep the last checkpoint; a finished run removes it otherwise."),
]
Backbone = Annotated[
    str | None,
    typer.Option(
        metavar="|".join(recipes.BACKBONES),
        help="EfficientNet of a photo model. lite2 sees 260x260 pixels, not 224x224, and computes 2.2 times as much. "
        "Default: the recipe's, lite0.",
    ),
]
Init = Annotated[
    str | None,
    typer.Option(
        metavar="auto|imagenet|RUN|NAME",
        help="Weights that a photo model starts from: ImageNet's, those of a photo model, or auto: whichever of "
        "imagenet and photo is better on your photos. Default: auto.",
    ),
]
Resume = Annotated[
    Path | None,
    typer.Option(
        metavar="RUN", help="Continue RUN. --data may name the new place of its data; other options must equal its own."
    ),
]
TrainingData = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        help="dnn, cnn: folder of the data; default: Fashion-MNIST. photo: CSV of labeled photos, or a folder.",
    ),
]


def train(
    model: Model = None,
    preset: Preset = None,
    recipe: RecipeFile = None,
    config: Config = None,
    data: TrainingData = None,
    any_idx: options.AnyIdx = False,
    out: options.Out = None,
    seed: options.Seed = None,
    time_limit: TimeLimit = None,
    teachers_from: TeachersFrom = None,
    refit: Refit = None,
    resume: Resume = None,
    keep_checkpoint: KeepCheckpoint = False,
    file_column: options.FileColumn = None,
    label_column: options.LabelColumn = None,
    group_column: options.GroupColumn = None,
    product_column: options.ProductColumn = None,
    backbone: Backbone = None,
    init: Init = None,
    risk: options.Risk = None,
    json: options.Json = False,
) -> None:
    """Train a DNN or a CNN, or a photo model on your own photos; metrics and model go to a run folder."""
    given = options.drop_unset(data=data, any_idx=any_idx, out=out, seed=seed, time_limit=time_limit)
    given |= options.drop_unset(
        keep_checkpoint=keep_checkpoint, teachers_from=teachers_from, refit=refit, init=init, risk=risk
    )
    columns = options.drop_unset(file_column=file_column, label_column=label_column, group_column=group_column)
    columns |= options.drop_unset(product_column=product_column)
    is_photo = _is_photo_run(model, resume or config or refit)
    _require_supported(given | columns | options.drop_unset(backbone=backbone), is_photo)
    source = _resolve_recipe(model, preset, recipe, config, refit, backbone)
    if not (source or resume):
        raise UsageError("nothing to train; give dnn, cnn or photo, --config, --refit or --resume.")
    extra = {name: value for name, value in given.items() if name != "data"} | columns
    extra |= options.drop_unset(preset=preset, recipe=recipe, backbone=backbone)
    if resume and extra and (is_photo or not source):
        flags, hint = options.flag_names(extra), "" if is_photo else ", or give the model as well"
        raise UsageError(f"--resume takes all options but --data from the run; leave out {flags}{hint}.")
    if columns:
        given["columns"] = options.columns_from(file_column, label_column, group_column, product_column)
    from clothier.cli.metrics_tables import run_table
    from clothier.workflows import train as workflow

    run_options: Any = _make_options(source, given, is_photo) if source and not (resume and is_photo) else None
    with progress_display() as progress:
        if resume:
            run = workflow.resume(resume, expected=run_options, **options.drop_unset(data=data), progress=progress)
        else:
            run = workflow.train(run_options, progress=progress)
    output.print_result(run, json, run_table)
    if output.is_main_process():  # the other ranks of torchrun end before there are metrics
        output.exit_on_failures(run.metrics["data"]["failures"])


def _is_photo_run(model: str | None, source: Path | None) -> bool:
    """Whether the model is ``photo``, or the run or ``config.json`` that was given is of a photo model."""
    if model or not source:
        return model == PHOTO
    config = source / "config.json" if source.is_dir() else source
    try:
        return bool(jsonlib.loads(read_bytes(config, MAX_CONFIG_SIZE))["recipe"]["model"] == PHOTO)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False  # whatever reads it next reports the error


def _require_supported(given: dict[str, Any], is_photo: bool) -> None:
    unsupported = NOT_FOR_PHOTO if is_photo else PHOTO_ONLY
    if wrong := {name: value for name, value in given.items() if name in unsupported}:
        only = "dnn and cnn" if is_photo else "photo"
        raise UsageError(f"{options.flag_names(wrong)}: only for train {only}; leave out.")


def _resolve_recipe(
    model: str | None,
    preset: str | None,
    recipe_file: Path | None,
    config: Path | None,
    refit: Path | None,
    backbone: str | None,
) -> RecipeSource | None:
    """The recipe, or the config.json that holds it. Does not load torch."""
    if config and refit:
        raise UsageError("got --config and --refit; --refit already sets the recipe.")
    if (config or refit) and (model or preset or recipe_file or backbone):
        option = "--config" if config else "--refit"
        raise UsageError(
            f"{option} already sets model and recipe; leave out the model, --preset, --recipe and --backbone."
        )
    if preset and recipe_file:
        raise UsageError("got --preset and --recipe; a recipe file names its own preset.")
    if (preset or recipe_file) and not model:
        raise UsageError("--preset and --recipe need a model before them: dnn, cnn or photo.")
    if model is None:
        return refit / "config.json" if refit else config
    if recipe_file:
        chosen = recipes.from_file(recipe_file, model)
    else:
        chosen = recipes.preset(model, preset or recipes.DEFAULT_PRESETS.get(model, options.DEFAULT_PRESET))
    return recipes.with_changes(chosen, {"backbone": backbone}) if backbone else chosen


def _make_options(source: Any, given: dict[str, Any], is_photo: bool) -> Any:
    """The options of the run whose config.json is ``source``, or of a new run with that recipe, and those given."""
    from clothier.runs import read_json
    from clothier.training.options import PhotoOptions, TrainOptions, from_config, options_from_config, refit_options

    if is_photo and isinstance(source, Path):
        return replace(from_config(PhotoOptions, read_json(source), source), **given)
    if is_photo and "data" not in given:
        raise UsageError(
            "train photo needs --data: a CSV with the columns file, label and, if known, sender_id (the photographer); "
            "or a folder with a subfolder of photos for each class."
        )
    if is_photo:
        return PhotoOptions(recipe=source, **given)
    is_file = isinstance(source, Path)
    base = options_from_config(source, given.get("data")) if is_file else TrainOptions(recipe=source)
    if refit := given.get("refit"):
        base = refit_options(base, refit)
    return replace(base, **given)
