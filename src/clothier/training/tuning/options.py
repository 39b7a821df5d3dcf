"""What a search is asked for, and its way into the search's ``config.json`` and back."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clothier import atomic
from clothier.errors import ModelError
from clothier.recipes.search_spaces import DEFAULT_SEARCH_SPACE, DEFAULT_TRIALS, SearchSpace, search_space

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 1  # of config.json and tune.json


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneOptions:
    """What is asked for.

    Attributes:
        model: ``dnn`` or ``cnn``.
        search_space: a search space of that model.
        trials: how many; None for all of a grid, or :data:`DEFAULT_TRIALS`.
        time_limit: seconds of all trials together; the search ends with the trial that reaches them.
        epochs: of every trial; None for those of the space's base.
        data: a folder, as ``--data`` means it; None for Fashion-MNIST.
        any_idx: take a foreign IDX data set as it is.
        out: the folder; None for ``runs/tune-MODEL-SPACE``. Numbered when it is taken by something else.
        seed: of what is drawn, and of each training.

    Raises:
        UnknownNameError: no such model, or no such space for it.
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

    @property
    def resolved_space(self) -> SearchSpace:
        """The space itself."""
        return search_space(self.model, self.search_space)

    @property
    def n_trials(self) -> int:
        """How many trials there will be, if time allows."""
        searched = self.resolved_space
        if searched.grid:
            return min(self.trials or len(searched.grid_points), len(searched.grid_points))
        return self.trials or DEFAULT_TRIALS

    def to_json(self) -> dict[str, Any]:
        """As ``config.json`` and ``tune.json`` hold it; where the search lies is no part of what it does."""
        options = {**asdict(self), "data": None if self.data is None else str(self.data.absolute())}
        del options["out"]
        return options


SAVED_OPTIONS = {one.name for one in fields(TuneOptions)} - {"out"}
"""The options that ``config.json`` holds."""


def tune_config(options: TuneOptions, data_digest: str) -> dict[str, Any]:
    """The ``config.json`` of a search, as JSON gives it back: equal ones are the same search."""
    searched = options.resolved_space.to_json()
    config = {"format": FORMAT, "options": options.to_json(), "searched": searched, "data_digest": data_digest}
    return dict(json.loads(atomic.json_text(config)))


def read_tune_options(config: Mapping[str, Any], path: Path) -> TuneOptions:
    """The options in the ``config`` of the search at ``path``.

    Raises:
        ModelError: it is of no search, or of one whose space is another today.
    """
    given = config.get("options")
    if not isinstance(given, dict) or set(given) != SAVED_OPTIONS:
        raise ModelError(f"{path} is no search: its config.json lacks the options of one. Give the folder of a search.")
    options = TuneOptions(**{**given, "data": None if given["data"] is None else Path(given["data"])})
    if tune_config(options, config.get("data_digest", "")) != config:
        raise ModelError(
            f"{path} was begun by a Clothier whose space {options.search_space} or whose config.json is another. "
            "Search anew, or go on with that version."
        )
    return options
