"""The ranges of a recipe's numbers, as annotations that are checked when a recipe is made; and that of seeds."""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, SupportsIndex, get_type_hints

from clothier.errors import UsageError


@dataclass(frozen=True, slots=True)
class Bounds:
    """An interval of numbers; an open end is not part of it."""

    low: float
    high: float
    unit: str = ""
    open_low: bool = False
    open_high: bool = False

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, (int, float)) or isinstance(value, bool):  # NumPy's integers are not JSON
            return False
        above = self.low < value if self.open_low else self.low <= value
        return above and (value < self.high if self.open_high else value <= self.high)

    def __str__(self) -> str:
        low = f"above {self.low:,}, up to" if self.open_low else f"{self.low:,} to"
        return f"{low} {'below ' if self.open_high else ''}{self.high:,}{self.unit}"


MAX_SEED = 2**32 - 1  # NumPy's
MANY = 1_000_000  # more than any training that ends has epochs, or images in a step
Epochs = Annotated[int, Bounds(1, MANY)]
BatchSize = Annotated[int, Bounds(2, MANY)]  # BatchNorm needs two images
Rate = Annotated[float, Bounds(0, MANY, open_low=True)]
WeightDecay = Annotated[float, Bounds(0, MANY)]
Fraction = Annotated[float, Bounds(0, 1)]
PositiveFraction = Annotated[float, Bounds(0, 1, open_low=True)]
PartialFraction = Annotated[float, Bounds(0, 1, open_high=True)]


def check_bounds(part: Any, table: str = "") -> None:
    """Checks every annotated number, and each number of an annotated tuple, of a recipe or one of its tables.

    Raises:
        UsageError: a number is outside its bounds.
    """
    for name, bounds in _bounds_of(type(part)).items():  # type: ignore[arg-type]  # mypy issue 11470: classes hash
        value = getattr(part, name)
        if isinstance(value, tuple):
            require(all(one in bounds for one in value), f"{table}{name}", value, f"numbers from {bounds}")
        else:
            require(value in bounds, f"{table}{name}", value, str(bounds))


@cache
def _bounds_of(cls: Any) -> dict[str, Bounds]:
    hints = get_type_hints(cls, include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items() if hasattr(hint, "__metadata__")}


def check_seed(seed: Any) -> int:
    """``seed`` as an int; NumPy's integers are accepted as well.

    Raises:
        UsageError: it is no whole number from 0 to :data:`MAX_SEED`.
    """
    is_whole = isinstance(seed, SupportsIndex) and not isinstance(seed, bool)
    if not is_whole or not 0 <= operator.index(seed) <= MAX_SEED:
        raise UsageError(f"the seed is {seed!r}; it must be a whole number from 0 to {MAX_SEED:,}.")
    return operator.index(seed)


def check_name(preset: str) -> None:
    """Checks a preset's name, which becomes that of a run folder and of a bundle."""
    expected = (
        "a name of letters, digits, dots, hyphens and underscores, at most 64, that starts with a letter or digit"
    )
    require(bool(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", preset)), "preset", preset, expected)


def require(condition: bool, name: str, value: object, expected: str) -> None:
    """Raises a UsageError on the recipe's field ``name`` unless ``condition`` holds."""
    if not condition:
        raise UsageError(f"the recipe's {name} is {value!r}; it must be {expected}.")
