"""The options of a search, and how they are written to ``config.json`` and read back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - from_config reads the annotations
from typing import TYPE_CHECKING, Any

from clothier import atomic
from clothier.errors import ModelError, UsageError
from clothier.recipes.bounds import MANY
from clothier.recipes.search_spaces import DEFAULT_SEARCH_SPACE, DEFAULT_TRIALS, SearchSpace, search_space
from clothier.training.options import check_run_options, from_config, to_config

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneOptions:
    """The options of a search.

    Attributes:
        model: ``dnn`` or ``cnn``.
        search_space: a search space of that model.
        trials: how many; None for all of a grid, or :data:`DEFAULT_TRIALS`.
        time_limit: seconds of all trials together; the search ends with the trial that reaches them.
        epochs: of every trial; None for those of the space's base.
        data: a folder, as ``--data`` means it; None for Fashion-MNIST.
        any_idx: accept IDX files of any data set.
        out: the folder; None for ``runs/tune-MODEL-SPACE``. Numbered if it exists.
        seed: of sampling, and of each training.
    """

    model: str
    search_space: str = DEFAULT_SEARCH_SPACE
    trials: int | None = None
    time_limit: float | None = None
    epochs: int | None = None
    data: Path | None = None
    any_idx: bool = False
    out: Path | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        search_space(self.model, self.search_space)
        check_run_options(self)
        for name in ("trials", "epochs"):
            if (count := getattr(self, name)) is not None and not (isinstance(count, int) and 1 <= count <= MANY):
                raise UsageError(f"the number of {name} is {count!r}; it must be a whole number from 1 to {MANY:,}.")

    @property
    def space(self) -> SearchSpace:  # noqa: D102
        return search_space(self.model, self.search_space)

    @property
    def n_trials(self) -> int:
        """The number of trials, if there is no time limit."""
        if self.space.grid:
            points = len(self.space.grid_points)
            return min(self.trials or points, points)
        return self.trials or DEFAULT_TRIALS


def tune_config(options: TuneOptions, data_digest: str) -> dict[str, Any]:
    """The ``config.json`` of a search: its options, its search space as JSON gives it back, and its data."""
    space = json.loads(atomic.json_text(options.space.to_json()))
    return {**to_config(options), "space": space, "data_digest": data_digest}


def read_tune_options(config: Mapping[str, Any], path: Path) -> TuneOptions:
    """The options in the ``config`` of a search; ``path`` is the file."""
    options = from_config(TuneOptions, config, path)
    if config.get("space") != tune_config(options, "")["space"]:
        raise ModelError(
            f"{path} has another search space {options.search_space} than this Clothier. Start a new search, or "
            "continue with the version that started it."
        )
    return options
