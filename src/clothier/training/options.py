"""What a training is asked for, and its way into a run's ``config.json`` and back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any

from clothier import recipes
from clothier.errors import ModelError, UsageError
from clothier.runs import Run, read_json

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 1  # of config.json
FIELDS: dict[str, type | tuple[type, ...]] = {
    "recipe": dict,
    "data": (str, NoneType),
    "any_idx": bool,
    "seed": int,
    "time_limit": (int, float, NoneType),
}
OPTIONAL_FIELDS: dict[str, type | tuple[type, ...]] = {"teachers_from": (str, NoneType), "refit": (str, NoneType)}
"""Fields that configurations of earlier versions lack; None is what they meant."""
ABSENT = "absent"


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """What is asked for.

    Attributes:
        recipe: every number of the training.
        data: a folder, as ``--data`` means it; None for Fashion-MNIST.
        any_idx: take a foreign IDX data set as it is.
        out: the run folder; None for ``runs/MODEL-PRESET``. Numbered when taken.
        seed: of weights, order, augmentation and dropout.
        time_limit: seconds; the schedule hastens to end by then.
        teachers_from: a run whose teachers are to be learnt from; None for the recipe's own, if it has any.
        refit: a run by the same recipe that kept pictures out; it lends its temperature to one that keeps none out.
    """

    recipe: recipes.Recipe
    data: Path | None = None
    any_idx: bool = False
    out: Path | None = None
    seed: int = 0
    time_limit: float | None = None
    teachers_from: Path | None = None
    refit: Path | None = None

    def to_json(self) -> dict[str, Any]:
        """What ``config.json`` holds of it; where the run lies is no part of what it does."""
        return {
            "format": FORMAT,
            "recipe": self.recipe.to_json(),
            "data": None if self.data is None else str(self.data.absolute()),
            "any_idx": self.any_idx,
            "seed": self.seed,
            "time_limit": self.time_limit,
            "teachers_from": None if self.teachers_from is None else str(self.teachers_from.absolute()),
            "refit": None if self.refit is None else str(self.refit.absolute()),
        }


def options_from_config(path: Path) -> TrainOptions:
    """The options that a run's ``config.json`` holds, for a new run with the same.

    Raises:
        ModelError: the file is missing, damaged or of a newer format.
        UsageError: a field of its recipe is unknown, or it trained a network of the user's own.
    """
    config = read_json(path)
    if config.get("own_network"):
        raise UsageError(
            f"{path} is of a run that trained a network of your own, {config['own_network']}; train it from Python: "
            "clothier.train(..., network=...)."
        )
    return read_options(config, path)


def read_options(config: Mapping[str, Any], path: Path) -> TrainOptions:
    """The options in a run's ``config``, which lies at ``path``; raises as :func:`options_from_config` does."""
    if config.get("format", FORMAT) != FORMAT:
        raise ModelError(f"{path} has format {config['format']}, and this Clothier reads {FORMAT}. Train anew.")
    config = {**dict.fromkeys(OPTIONAL_FIELDS), **config}
    wrong = [
        name for name, kind in {**FIELDS, **OPTIONAL_FIELDS}.items() if not isinstance(config.get(name, ...), kind)
    ]
    if wrong:
        raise ModelError(
            f"{path} is no configuration of a run: its {wrong[0]!r} is {config.get(wrong[0], ABSENT)!r}. "
            "Give a run's config.json."
        )
    return TrainOptions(
        recipe=recipes.from_values(recipes.Recipe, config["recipe"]),
        data=None if config["data"] is None else Path(config["data"]),
        any_idx=config["any_idx"],
        seed=config["seed"],
        time_limit=config["time_limit"],
        teachers_from=None if config["teachers_from"] is None else Path(config["teachers_from"]),
        refit=None if config["refit"] is None else Path(config["refit"]),
    )


def refit_options(options: TrainOptions, reference: Path) -> TrainOptions:
    """The training of ``reference`` with nothing kept out; its teachers, if it has any, keep nothing out either."""
    return replace(options, recipe=replace(options.recipe, validation=0.0), refit=reference, teachers_from=None)


def require_same_options(options: TrainOptions, expected: TrainOptions, run: Path) -> None:
    """Refuses to go on with a run that was begun with other options than ``expected``.

    Raises:
        UsageError: they differ; the first difference is named.
    """
    ours, theirs = _flatten(options.to_json()), _flatten(expected.to_json())
    for name in {**ours, **theirs}:
        if ours.get(name, ABSENT) != theirs.get(name, ABSENT):
            raise UsageError(
                f"{run} was begun with other options: its {name} is {ours.get(name, ABSENT)!r}, now it is "
                f"{theirs.get(name, ABSENT)!r}. Resume it without options, or train anew."
            )


def validate_refit(options: TrainOptions, digest: str) -> None:
    """Refuses a training that keeps nothing out and finds no temperature, or would find another training's.

    Args:
        options: of the training.
        digest: of its data.

    Raises:
        UsageError: nothing is kept out and no twin was named, or the twin is none, or has not ended.
        ModelError: the twin is no run, or its files are damaged.
    """
    recipe, twin = options.recipe, options.refit
    if twin is None:
        if not recipe.validation:
            raise UsageError(
                f"the recipe {recipe.preset} keeps nothing out (validation = 0), so nothing tells its temperature. "
                "Train it with some kept out, and then once more with --refit RUN."
            )
        return
    run = Run(twin)
    theirs = read_options(run.config, twin / "config.json").recipe
    if recipe.validation or not theirs.validation or replace(theirs, validation=0.0) != recipe:
        raise UsageError(
            f"{twin} is no twin of this training: it must have the same recipe and keep pictures out, where this one "
            "keeps out none. Leave the model and its recipe to --refit."
        )
    if run.config.get("data_digest") != digest:
        raise UsageError(f"{twin} is no twin of this training: it learnt from other data.")
    if not run.is_finished:
        raise UsageError(f"{twin} has not ended, so it has no temperature to lend; resume it first.")


def _flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested ``values`` under dotted names."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flatten(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat
