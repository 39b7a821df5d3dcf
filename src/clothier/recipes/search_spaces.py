"""Search spaces of ``clothier tune``: which fields of a recipe vary, and in which ranges."""

from __future__ import annotations

import itertools
from dataclasses import asdict, dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from clothier.errors import UnknownNameError
from clothier.recipes.loader import merge_tables, with_changes
from clothier.recipes.presets import CLASSIC_DNN, FAST_CNN, FAST_DNN
from clothier.recipes.schema import MODELS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clothier.recipes.schema import Recipe

Value = str | float | int


@dataclass(frozen=True, slots=True)
class Choice:
    """Named changes of a recipe, of which one is made; each has the tables and fields of a recipe file."""

    options: Mapping[str, Mapping[str, Any]]

    def changes_for(self, value: Value) -> Mapping[str, Any]:
        """The changes of the option ``value``."""
        return self.options[str(value)]


@dataclass(frozen=True, slots=True)
class Range:
    """An interval of a field, both ends included.

    Attributes:
        field: its name in the recipe, such as ``optimizer.learning_rate``.
        low, high: the ends; integers if the field is one.
        log: whether to sample on a logarithmic scale.
    """

    field: str
    low: float
    high: float
    log: bool = False

    def changes_for(self, value: Value) -> Mapping[str, Any]:
        """The change of the field to ``value``."""
        table, _, field = self.field.rpartition(".")
        return {table: {field: value}} if table else {field: value}

    def value_of(self, recipe: Recipe) -> Value:
        """The value of the field in ``recipe``."""
        value: Value = attrgetter(self.field)(recipe)
        return value


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """What a search varies.

    Attributes:
        name: on the command line.
        base: the recipe that is changed.
        dimensions: name to choice or range. A space with choices only is a grid: every combination is trained to its
            last epoch. Otherwise the base is trained first, then sampled points, and bad trials are pruned.
        source: why these dimensions.
    """

    name: str
    base: Recipe
    dimensions: Mapping[str, Choice | Range]
    source: str

    @property
    def grid(self) -> bool:
        """Whether it has choices only."""
        return all(isinstance(one, Choice) for one in self.dimensions.values())

    def recipe(self, values: Mapping[str, Value], **overrides: Any) -> Recipe:
        """The recipe of one point, dimension to value, with ``overrides`` for all points, such as ``epochs``.

        Raises:
            UsageError: the combination is not a valid recipe.
        """
        changes: dict[str, Any] = overrides
        for name, dimension in self.dimensions.items():
            changes = merge_tables(changes, dimension.changes_for(values[name]))
        return with_changes(self.base, changes)

    @property
    def grid_points(self) -> list[dict[str, Value]]:
        """All points of a grid, in the order of the trials."""
        choices = {name: list(one.options) for name, one in self.dimensions.items() if isinstance(one, Choice)}
        return [dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())]

    @property
    def base_values(self) -> dict[str, Value]:
        """The point of the base: its values of the ranges."""
        ranges = {name: one for name, one in self.dimensions.items() if isinstance(one, Range)}
        return {name: one.value_of(self.base) for name, one in ranges.items()}

    def to_json(self) -> dict[str, Any]:
        """The whole space; a resumed search compares it with the one that it started with."""
        return asdict(self)


STUDY_DNN_SPACE = SearchSpace(
    name="study",
    base=CLASSIC_DNN,
    dimensions={
        "layers": Choice({"64": {"network": {"hidden": [64]}}, "64-32": {"network": {"hidden": [64, 32]}}}),
        "optimizer": Choice(
            {
                "adam": {"optimizer": {"kind": "adam", "learning_rate": 1e-3}},
                "rmsprop": {
                    "optimizer": {"kind": "rmsprop", "learning_rate": 1e-2}
                },  # ten times Adam's, as in the study
            }
        ),
        "batch": Choice({"32": {"batch_size": 32}, "64": {"batch_size": 64}}),
    },
    source="the grid of the reference study, which found 64 / adam / 32 best on validation, one run each",
)

FAST_DNN_SPACE = SearchSpace(
    name="fast",
    base=FAST_DNN,
    dimensions={
        "learning_rate": Range("optimizer.learning_rate", 5e-4, 8e-3, log=True),
        "weight_decay": Range("optimizer.weight_decay", 1e-3, 0.2, log=True),
        "components": Range("network.components", 96, 480),
        "whitening": Range("network.whitening", 0.0, 0.5),
        "dropout": Range("network.dropout", 0.0, 0.4),
        "shift": Range("augment.shift", 0, 2),
        "label_smoothing": Range("label_smoothing", 0.0, 0.2),
    },
    source="around the fast DNN, whose hyperparameters were chosen by hand (docs/log.md)",
)

FAST_CNN_SPACE = SearchSpace(
    name="fast",
    base=FAST_CNN,
    dimensions={
        "learning_rate": Range("optimizer.learning_rate", 0.02, 0.3, log=True),
        "head_learning_rate": Range("optimizer.head_learning_rate", 2e-3, 0.2, log=True),
        "bias_learning_rate": Range("optimizer.bias_learning_rate", 1.0, 100.0, log=True),
        "weight_decay": Range("optimizer.weight_decay", 1e-4, 1e-2, log=True),
        "shift": Range("augment.shift", 0, 2),
        "cutout": Range("augment.cutout", 0, 12),
        "label_smoothing": Range("label_smoothing", 0.0, 0.2),
    },
    source="around the fast CNN, whose hyperparameters were chosen by hand (docs/log.md)",
)

SEARCH_SPACES = (STUDY_DNN_SPACE, FAST_DNN_SPACE, FAST_CNN_SPACE)
SEARCH_SPACE_NAMES = tuple(dict.fromkeys(one.name for one in SEARCH_SPACES))
DEFAULT_SEARCH_SPACE = "fast"
DEFAULT_TRIALS = 30  # of a space that is not a grid


def search_space(model: str, name: str) -> SearchSpace:
    """The search space of that name for ``dnn`` or ``cnn``; an UnknownNameError if there is none."""
    if model not in MODELS:
        raise UnknownNameError(model, "model to tune", MODELS)
    known = {one.name: one for one in SEARCH_SPACES if one.base.model == model}
    if name not in known:
        raise UnknownNameError(name, f"search space of a {model}", known)
    return known[name]
