"""Search spaces: what ``clothier tune`` may change of a recipe, and between which ends."""

from __future__ import annotations

import itertools
from dataclasses import asdict, dataclass
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
    """One of a few named changes; a change is the fields of a recipe, table by table, as in a recipe file."""

    options: Mapping[str, Mapping[str, Any]]

    def changes_for(self, value: Value) -> Mapping[str, Any]:
        """The fields that the option of that name changes."""
        return self.options[str(value)]


@dataclass(frozen=True, slots=True)
class Range:
    """A number between two ends, both included.

    Attributes:
        table: of the recipe, such as ``optimizer``; empty for the recipe itself.
        field: in that table.
        low, high: whole numbers where the field is one.
        log: whether its order of magnitude is what counts.
    """

    table: str
    field: str
    low: float
    high: float
    log: bool = False

    def changes_for(self, value: Value) -> Mapping[str, Any]:
        """The field with that value."""
        return {self.table: {self.field: value}} if self.table else {self.field: value}

    def value_of(self, recipe: Recipe) -> Value:
        """What the field is in ``recipe``."""
        found: Value = getattr(getattr(recipe, self.table) if self.table else recipe, self.field)
        return found


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """What is searched.

    Attributes:
        name: what the command line calls it.
        base: the recipe whose fields are changed.
        dimensions: name to what may be changed.
        grid: whether every combination is tried, to its last epoch; it then has choices only. Otherwise so many are
            drawn as are asked for, first the base itself, and the hopeless are cut short.
        source: why these.
    """

    name: str
    base: Recipe
    dimensions: Mapping[str, Choice | Range]
    grid: bool
    source: str

    def recipe(self, values: Mapping[str, Value], **overrides: Any) -> Recipe:
        """The recipe of one point.

        Args:
            values: dimension to value.
            overrides: fields of the recipe that are changed for all points alike, such as ``epochs``.

        Raises:
            UsageError: the combination makes no recipe.
        """
        changes: dict[str, Any] = overrides
        for name, dimension in self.dimensions.items():
            changes = merge_tables(changes, dimension.changes_for(values[name]))
        return with_changes(self.base, changes)

    @property
    def grid_points(self) -> list[dict[str, Value]]:
        """Every point of a grid, in the order in which they are tried."""
        choices = {name: list(one.options) for name, one in self.dimensions.items() if isinstance(one, Choice)}
        return [dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())]

    @property
    def base_values(self) -> dict[str, Value]:
        """The base's own place among the ranges: what is found by drawing must beat it."""
        ranges = {name: one for name, one in self.dimensions.items() if isinstance(one, Range)}
        return {name: one.value_of(self.base) for name, one in ranges.items()}

    def to_json(self) -> dict[str, Any]:
        """All of it, so that a search can tell whether it goes on in the space that it was begun in."""
        return asdict(self)


STUDY_DNN_SPACE = SearchSpace(
    name="study",
    base=CLASSIC_DNN,
    dimensions={
        "layers": Choice({"64": {"network": {"hidden": [64]}}, "64-32": {"network": {"hidden": [64, 32]}}}),
        "optimizer": Choice(
            {
                "adam": {"optimizer": {"kind": "adam", "learning_rate": 1e-3}},
                "rmsprop": {"optimizer": {"kind": "rmsprop", "learning_rate": 1e-2}},  # ten times Adam's, as it did
            }
        ),
        "batch": Choice({"32": {"batch_size": 32}, "64": {"batch_size": 64}}),
    },
    grid=True,
    source="the original study's own grid; it found 64 / adam / 32 best, on validation, one run each",
)

FAST_DNN_SPACE = SearchSpace(
    name="fast",
    base=FAST_DNN,
    dimensions={
        "learning_rate": Range("optimizer", "learning_rate", 5e-4, 8e-3, log=True),
        "weight_decay": Range("optimizer", "weight_decay", 1e-3, 0.2, log=True),
        "components": Range("network", "components", 96, 480),
        "whitening": Range("network", "whitening", 0.0, 0.5),
        "dropout": Range("network", "dropout", 0.0, 0.4),
        "shift": Range("augment", "shift", 0, 2),
        "label_smoothing": Range("", "label_smoothing", 0.0, 0.2),
    },
    grid=False,
    source="around the fast DNN, whose numbers docs/log.md found by hand",
)

FAST_CNN_SPACE = SearchSpace(
    name="fast",
    base=FAST_CNN,
    dimensions={
        "learning_rate": Range("optimizer", "learning_rate", 0.02, 0.3, log=True),
        "head_learning_rate": Range("optimizer", "head_learning_rate", 2e-3, 0.2, log=True),
        "bias_learning_rate": Range("optimizer", "bias_learning_rate", 1.0, 100.0, log=True),
        "weight_decay": Range("optimizer", "weight_decay", 1e-4, 1e-2, log=True),
        "shift": Range("augment", "shift", 0, 2),
        "cutout": Range("augment", "cutout", 0, 12),
        "label_smoothing": Range("", "label_smoothing", 0.0, 0.2),
    },
    grid=False,
    source="around the fast CNN, whose numbers docs/log.md found by hand",
)

SEARCH_SPACES = (STUDY_DNN_SPACE, FAST_DNN_SPACE, FAST_CNN_SPACE)
SEARCH_SPACE_NAMES = tuple(dict.fromkeys(one.name for one in SEARCH_SPACES))
DEFAULT_SEARCH_SPACE = "fast"
DEFAULT_TRIALS = 30  # where the space is no grid


def search_space(model: str, name: str) -> SearchSpace:
    """The space of that name for ``dnn`` or ``cnn``.

    Raises:
        UnknownNameError: no such model, or no such space for it; the sentence offers the nearest.
    """
    if model not in MODELS:
        raise UnknownNameError(model, "model to tune", MODELS)
    known = {one.name: one for one in SEARCH_SPACES if one.base.model == model}
    if name not in known:
        raise UnknownNameError(name, f"search space of a {model}", known)
    return known[name]
