"""``clothier train``: from data and a recipe to a run folder. It can be interrupted and resumed at any point."""

from __future__ import annotations

from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any

from clothier import recipes
from clothier.data.dataset import Dataset
from clothier.errors import UsageError
from clothier.paths import local_path, optional_path
from clothier.runs import Run
from clothier.training.options import (
    PhotoOptions,
    TrainOptions,
    from_config,
    is_photo_config,
    refit_options,
    require_same_options,
)
from clothier.types import no_progress
from clothier.workflows.training_run import run_training

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.data.columns import Columns
    from clothier.training.finetune.data import PhotoTrainingData
    from clothier.training.networks import AnyNetwork
    from clothier.types import Progress


def train_model(
    model: str,
    *,
    preset: str | None = None,
    recipe: recipes.AnyRecipe | None = None,
    data: str | Path | Dataset | None = None,
    any_idx: bool = False,
    out: str | Path | None = None,
    seed: int = 0,
    time_limit: float | None = None,
    teachers_from: str | Path | None = None,
    refit: str | Path | None = None,
    keep_checkpoint: bool = False,
    network: AnyNetwork | None = None,
    columns: Columns | None = None,
    backbone: str | None = None,
    init: str | None = None,
    risk: float | str | None = None,
    progress: Progress = no_progress,
) -> Run:
    """Trains a DNN, a CNN or a photo model: ``clothier.train("photo", data="labels.csv")``.

    Args:
        model: ``dnn``, ``cnn`` or ``photo``, which takes no ``any_idx``, ``teachers_from``, ``refit`` or ``network``.
        preset: of the recipe; None for ``fast``, and for ``best`` of ``photo``.
        recipe: your own recipe for this model, in place of the preset.
        data: a folder of IDX files or of labeled images, or a data set in memory; None for Fashion-MNIST. For
            ``photo``, a CSV, or a folder with a subfolder of photos for each class.
        any_idx: accept IDX files of any data set.
        out: the run folder; None for ``runs/MODEL-PRESET``. Numbered if it exists.
        seed: of weights, order, augmentation and dropout.
        time_limit: seconds; the schedule is shortened to end by then.
        teachers_from: a run whose teachers are used in place of new ones.
        refit: a finished run of the same recipe, to train again on all training images with its temperature.
        keep_checkpoint: keep the last checkpoint in the finished run.
        network: your own: (N, 1, H, W) float32 in [0, 1] to (N, K) logits; its ``head``, if any, takes the embedding.
        columns: of the CSV. This and the next three are for ``photo`` only.
        backbone: ``lite0`` or ``lite2``, in place of the recipe's.
        init: as :class:`clothier.training.options.PhotoOptions` has it; None for ``auto``.
        risk: the same; None for 0.05.
        progress: called after every epoch.

    Raises:
        Interrupted: Ctrl-C; the run can be resumed.
        ClothierError: the data, the recipe or the disk; see each.
    """
    chosen = _choose_recipe(model, preset, recipe)
    shared: dict[str, Any] = {"out": optional_path(out), "seed": seed, "time_limit": time_limit}
    shared["keep_checkpoint"] = keep_checkpoint
    for_photos: dict[str, Any] = {"columns": columns, "init": init, "risk": risk}
    if not isinstance(chosen, recipes.Recipe):
        _require_unset("photo", any_idx=any_idx, teachers_from=teachers_from, refit=refit, network=network)
        return train(_photo_options(chosen, data, backbone, shared | for_photos), progress=progress)
    _require_unset(model, **for_photos, backbone=backbone)
    dataset, folder = (data, None) if isinstance(data, Dataset) else (None, optional_path(data))
    options = TrainOptions(data=folder, any_idx=any_idx, recipe=chosen, **shared)
    options = options if refit is None else refit_options(options, local_path(refit))
    options = replace(options, teachers_from=optional_path(teachers_from))
    return train(options, dataset=dataset, network=network, progress=progress)


def _choose_recipe(model: str, preset: str | None, recipe: recipes.AnyRecipe | None) -> recipes.AnyRecipe:
    if recipe is None:
        return recipes.preset(model, preset or recipes.DEFAULT_PRESETS.get(model, "fast"))
    if preset is not None:
        raise UsageError("got preset and recipe; a recipe names its own preset. Leave one of them out.")
    if recipe.model != model:
        raise UsageError(
            f"the recipe is for {recipe.model!r}, but the model to train is {model!r}. Give {recipe.model!r} as the "
            "model, or another recipe."
        )
    return recipe


def _require_unset(model: str, **options: object) -> None:
    if wrong := [name for name, value in options.items() if value not in (None, False)]:
        raise UsageError(f"{', '.join(wrong)}: not for {model}; leave out.")


def _photo_options(
    recipe: recipes.PhotoRecipe, data: object, backbone: str | None, options: dict[str, Any]
) -> PhotoOptions:
    """Those of ``options`` that are not None."""
    if not isinstance(data, (str, PathLike)):
        raise UsageError("photo needs data: a CSV of photos, or a folder with a subfolder of photos for each class.")
    if backbone is not None:
        recipe = recipes.with_changes(recipe, {"backbone": backbone})
    given = {name: value for name, value in options.items() if value is not None}
    return PhotoOptions(data=local_path(data), recipe=recipe, **given)


def train(
    options: TrainOptions | PhotoOptions,
    *,
    dataset: Dataset | PhotoTrainingData | None = None,
    network: AnyNetwork | None = None,
    progress: Progress = no_progress,
) -> Run:
    """Trains a DNN, a CNN or a photo model, evaluates it and writes its report.

    ``dataset`` are the data of ``options.data``, if they are in memory already; ``network`` is as for
    :func:`train_model`.
    """
    return run_training(None, options, dataset, network, progress)


def resume(
    path: Path,
    *,
    expected: TrainOptions | None = None,
    data: Path | None = None,
    dataset: Dataset | PhotoTrainingData | None = None,
    network: AnyNetwork | None = None,
    progress: Progress = no_progress,
) -> Run:
    """Continues a run after its last finished epoch, with the same result as without the interruption.

    A finished run is not changed. The run must have the ``expected`` options. ``data`` is where the run's data are now,
    if they were moved; ``dataset`` and ``network`` are as for :func:`train`.

    Raises:
        Interrupted: Ctrl-C; the run can be resumed again.
        UsageError: the run was started with other options; or with the user's own network or on data in memory, and
            these are not given.
        DataError: the run was started on other data.
        ModelError: there is no run, or its checkpoint is missing or damaged.
    """
    run = Run(path)
    config = run.config
    kind: type[TrainOptions | PhotoOptions] = PhotoOptions if is_photo_config(config) else TrainOptions
    options = from_config(kind, config, path / "config.json")
    options = replace(options, data=data) if data else options
    if expected is not None:
        require_same_options(options, expected, path)
    if network is None and not run.is_finished and (own := config.get("own_network")):
        raise UsageError(
            f"{path} trains your own network {own}. Resume it in Python: "
            "clothier.workflows.train.resume(path, network=...)."
        )
    if dataset is None and not run.is_finished and (name := config.get("data_in_memory")):
        raise UsageError(
            f"{path} was started on data in memory: {name}. Resume it in Python: "
            "clothier.workflows.train.resume(path, dataset=...)."
        )
    return run_training(run, options, dataset, network, progress)
