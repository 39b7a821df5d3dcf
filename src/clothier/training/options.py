"""The options of a training, and how any options are written to ``config.json`` and read back."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from clothier import bundle, recipes
from clothier.data.columns import Columns
from clothier.data.release import FASHION_MNIST
from clothier.errors import ModelError, UnknownNameError, UsageError
from clothier.recipes.bounds import check_seed
from clothier.recipes.loader import from_values
from clothier.recipes.photo import PhotoRecipe  # noqa: TC001 - as above
from clothier.recipes.presets import BEST_PHOTO
from clothier.runs import Run, read_json
from clothier.selective.thresholds import AUTO_RISK, DEFAULT_RISK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clothier.data.dataset import Dataset

OptionsT = TypeVar("OptionsT")

FORMAT = 1  # of config.json
ABSENT = "absent"
AUTO_INIT, IMAGENET = "auto", "imagenet"  # weights to start from; others are names or folders of photo models


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """The options of a DNN's or a CNN's training.

    Attributes:
        recipe: all numbers of the training.
        data: a folder, as ``--data`` means it; None for Fashion-MNIST.
        any_idx: accept IDX files of any data set.
        out: the run folder; None for ``runs/MODEL-PRESET``. Numbered if it exists.
        seed: of weights, order, augmentation and dropout.
        time_limit: seconds; the schedule is shortened to end by then.
        teachers_from: a run whose teachers are used; None to train the recipe's own teachers, if it has any.
        refit: the reference run: a finished run of the same recipe that had validation images. This run has none and
            reuses the reference run's temperature.
        keep_checkpoint: keep the last checkpoint in the finished run.
    """

    recipe: recipes.Recipe
    data: Path | None = None
    any_idx: bool = False
    out: Path | None = None
    seed: int = 0
    time_limit: float | None = None
    teachers_from: Path | None = None
    refit: Path | None = None
    keep_checkpoint: bool = False

    def __post_init__(self) -> None:
        check_run_options(self)


@dataclass(frozen=True, kw_only=True)
class PhotoOptions:
    """The options of a photo model's training.

    Attributes:
        data: a CSV, or a folder with a subfolder for each class.
        recipe: all numbers of the training.
        columns: of the CSV.
        out: the run folder; None for ``runs/photo-PRESET``. Numbered if it exists.
        seed: of folds, order, dropout and augmentation.
        time_limit: seconds for everything; the schedule is shortened to end by then.
        init: the weights that training starts from: ``imagenet``, the name or the folder of a photo model, or ``auto``
            for the better of ImageNet's and the bundled photo model's on these photos.
        risk: the highest allowed fraction of wrong tags among the accepted ones, 0 to 1; or ``auto``, the strictest
            that is proven with half of the photos accepted.
        keep_checkpoint: keep the last checkpoint, 376 to 528 MB, in the finished run.
    """

    data: Path
    recipe: PhotoRecipe = BEST_PHOTO
    columns: Columns = field(default_factory=Columns)
    out: Path | None = None
    seed: int = 0
    time_limit: float | None = None
    init: str = AUTO_INIT
    risk: float | str = DEFAULT_RISK
    keep_checkpoint: bool = False

    def __post_init__(self) -> None:
        check_run_options(self)
        if self.init not in (AUTO_INIT, IMAGENET, *bundle.bundled()) and Path(self.init).is_dir():
            object.__setattr__(self, "init", str(Path(self.init).absolute()))
        is_fraction = isinstance(self.risk, (int, float)) and 0 < self.risk < 1
        if not is_fraction and self.risk != AUTO_RISK:
            raise UsageError(f"the risk is {self.risk!r}; it must be {AUTO_RISK}, or a number above 0 and below 1.")


def check_run_options(options: Any) -> None:
    """Checks ``seed`` and ``time_limit``; a whole number of another type, such as NumPy's, becomes an int.

    Raises:
        UsageError: one of them is not in its range.
    """
    object.__setattr__(options, "seed", check_seed(options.seed))
    limit = getattr(options, "time_limit", None)
    is_number = isinstance(limit, (int, float)) and not isinstance(limit, bool)
    if limit is not None and not (is_number and 0 < limit < math.inf):
        raise UsageError(f"the time limit is {limit!r}; it must be a number of seconds above 0, or None.")


def to_config(options: Any) -> dict[str, Any]:
    """Frozen ``options`` as ``config.json`` holds them: every field except ``out``, with absolute paths."""
    values = {name: value for name, value in asdict(options).items() if name != "out"}
    return {"format": FORMAT} | {
        name: str(value.absolute()) if isinstance(value, Path) else value for name, value in values.items()
    }


def from_config(cls: type[OptionsT], config: Mapping[str, Any], path: Path) -> OptionsT:
    """The options in the ``config`` of the file ``path``; keys that are no options are ignored.

    Raises:
        ModelError: the format is another one, or an option is missing or of another type.
    """
    if config.get("format") != FORMAT:
        raise ModelError(f"{path} has format {config.get('format')}; this Clothier reads {FORMAT}. Start a new run.")
    names = [one.name for one in fields(cls) if one.name != "out"]  # type: ignore[arg-type]  # a dataclass
    if missing := [name for name in names if name not in config]:
        raise ModelError(f"{path} lacks {', '.join(missing)}. Give the config.json of such a run.")
    try:
        return from_values(cls, {name: config[name] for name in names}, owner=str(path))
    except UnknownNameError:
        raise
    except UsageError as error:
        raise ModelError(str(error)) from error


def is_photo_config(config: Mapping[str, Any]) -> bool:
    """Whether a run's ``config.json`` is of a photo model."""
    recipe = config.get("recipe")
    return isinstance(recipe, dict) and recipe.get("model") == "photo"


def name_in_memory(options: TrainOptions, dataset: Dataset) -> str | None:
    """The name of a data set that was only in memory, so that ``config.json`` does not say where it is; else None."""
    is_read_again = options.data is not None or dict(dataset.digests) == dict(FASHION_MNIST.digests)
    return None if is_read_again else dataset.name


def options_from_config(path: Path, data: Path | None = None) -> TrainOptions:
    """The options in a run's ``config.json``, for a new run; ``data`` in place of its data, if given.

    Raises:
        UsageError: the run trained a user's own network, or on data in memory, which the file does not hold.
    """
    config = read_json(path)
    if own := config.get("own_network"):
        raise UsageError(f"{path} is of your own network {own}. Train it in Python: clothier.train(..., network=...).")
    if data is None and (name := config.get("data_in_memory")):
        raise UsageError(
            f"{path} is of data in memory: {name}. Give a folder with --data, or train in Python: "
            "clothier.train(..., data=...)."
        )
    options = from_config(TrainOptions, config, path)
    return options if data is None else replace(options, data=data)


def refit_options(options: TrainOptions, reference: Path) -> TrainOptions:
    """The training of ``reference`` without validation images; its teachers, if it has any, have none either.

    Raises:
        UsageError: the recipe needs validation images.
    """
    return replace(options, recipe=_without_validation(options.recipe, reference), refit=reference, teachers_from=None)


def _without_validation(recipe: recipes.Recipe, reference: Path) -> recipes.Recipe:
    if recipe.select == "best":
        raise UsageError(
            f"{reference} cannot be refitted by the recipe {recipe.preset}: it keeps the best epoch by validation "
            'images (select = "best"), and a refit has none. Refit a run whose recipe has select = "last".'
        )
    return replace(recipe, validation=0.0)


def require_same_options(options: Any, expected: Any, run: Path) -> None:
    """Checks that a run was started with the options that are expected of it; a UsageError names the difference."""
    if difference := first_difference(to_config(options), to_config(expected)):
        name, ours, theirs = difference
        raise UsageError(
            f"{run} was started with other options: its {name} is {ours!r}, and {theirs!r} is asked for. "
            "Resume it without options, or start a new run."
        )


def first_difference(
    ours: Mapping[str, Any], theirs: Mapping[str, Any], table: str = ""
) -> tuple[str, Any, Any] | None:
    """The dotted name and the two values of the first difference between nested tables; None if they are equal."""
    for name in {**ours, **theirs}:
        one, other = ours.get(name, ABSENT), theirs.get(name, ABSENT)
        if isinstance(one, dict) and isinstance(other, dict):
            if found := first_difference(one, other, f"{table}{name}."):
                return found
        elif one != other:
            return f"{table}{name}", one, other
    return None


def validate_refit(options: TrainOptions, digest: str, own_network: str | None = None) -> None:
    """Checks that a training on the data of ``digest`` has validation images, or may reuse a run's temperature.

    ``own_network`` is the name of the user's own network; None for that of the recipe.
    """
    recipe, reference = options.recipe, options.refit
    if reference is None:
        if not recipe.validation:
            raise UsageError(
                f"the recipe {recipe.preset} has validation = 0, so there are no images to fit the temperature on. "
                "Train with validation images, then again with --refit RUN."
            )
        return
    run = Run(reference)
    trained = from_config(TrainOptions, run.config, reference / "config.json").recipe
    if not trained.validation or _without_validation(trained, reference) != recipe:
        raise UsageError(
            f"{reference} cannot be refitted by this recipe: its recipe must be the same and have validation images. "
            "Give --refit without a model and a recipe."
        )
    if (theirs := run.config.get("own_network")) != own_network:
        raise UsageError(
            f"{reference} cannot be refitted with {_network_name(own_network)}: its network must be the same, and it "
            f"trained {_network_name(theirs)}. Refit it in Python: clothier.train(..., refit=..., network=...), with "
            "network only if the run had your own."
        )
    if run.config.get("data_digest") != digest:
        raise UsageError(f"{reference} was trained on other data. Give the same data.")
    if not run.is_finished:
        raise UsageError(f"{reference} is not finished, so it has no temperature yet. Resume it first.")


def _network_name(own_network: str | None) -> str:
    return f"your own network {own_network}" if own_network else "the network of its recipe"
