"""What the training of a photo model is asked for, and its way into a run's ``config.json`` and back."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clothier.data.photo_csv import Columns
from clothier.errors import ModelError
from clothier.recipes.loader import from_values
from clothier.recipes.photo import PhotoRecipe
from clothier.recipes.presets import BEST_PHOTO
from clothier.runs import read_json

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 1  # of config.json


@dataclass(frozen=True, kw_only=True)
class PhotoOptions:
    """What is asked for.

    Attributes:
        data: a CSV, or a folder with a subfolder for each class.
        recipe: every number of the training.
        columns: of the CSV.
        out: the run folder; None for ``runs/photo-PRESET``. Numbered when taken.
        seed: of folds, order, and how photos are varied.
        time_limit: seconds, of everything; the schedule hastens to end by then.
    """

    data: Path
    recipe: PhotoRecipe = BEST_PHOTO
    columns: Columns = field(default_factory=Columns)
    out: Path | None = None
    seed: int = 0
    time_limit: float | None = None

    def to_json(self) -> dict[str, Any]:
        """What ``config.json`` holds of it; where the run lies is no part of what it does."""
        columns = self.columns
        return {
            "format": FORMAT,
            "recipe": self.recipe.to_json(),
            "data": str(self.data.absolute()),
            "columns": {"file": columns.file, "label": columns.label, "group": columns.group},
            "seed": self.seed,
            "time_limit": self.time_limit,
        }


def is_photo_config(config: Mapping[str, Any]) -> bool:
    """Whether a run's ``config`` is of a photo model."""
    recipe = config.get("recipe")
    return isinstance(recipe, dict) and recipe.get("model") == "photo"


def photo_options_from_config(path: Path) -> PhotoOptions:
    """The options that a photo run's ``config.json`` holds.

    Raises:
        ModelError: the file is missing, damaged or of a newer format.
    """
    config = read_json(path)
    if config.get("format") != FORMAT:
        raise ModelError(f"{path} has format {config.get('format')}, and this Clothier reads {FORMAT}. Train anew.")
    try:
        return PhotoOptions(
            data=Path(config["data"]),
            recipe=from_values(PhotoRecipe, config["recipe"]),
            columns=Columns(**config["columns"]),
            seed=int(config["seed"]),
            time_limit=config["time_limit"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path} is no configuration of a photo run: {error}. Give a run's config.json.") from error
