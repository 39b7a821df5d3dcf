"""The options of ``clothier train photo``, and their form in a run's ``config.json``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clothier.data.photo_csv import Columns
from clothier.errors import ModelError
from clothier.recipes.loader import from_values
from clothier.recipes.photo import PhotoRecipe
from clothier.recipes.presets import BEST_PHOTO
from clothier.runs import read_json

FORMAT = 1  # of config.json


@dataclass(frozen=True, kw_only=True)
class PhotoOptions:
    """Options of a training.

    Attributes:
        data: a CSV, or a folder with a subfolder for each class.
        recipe: of the training.
        columns: of the CSV.
        out: the run folder; None for ``runs/photo-PRESET``. A number is added if it exists.
        seed: of folds, order, dropout and augmentation.
        time_limit: seconds for everything; the schedule is shortened to end by then.
    """

    data: Path
    recipe: PhotoRecipe = BEST_PHOTO
    columns: Columns = field(default_factory=Columns)
    out: Path | None = None
    seed: int = 0
    time_limit: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The content of ``config.json``; it does not contain the location of the run."""
        columns = self.columns
        return {
            "format": FORMAT,
            "recipe": self.recipe.to_json(),
            "data": str(self.data.absolute()),
            "columns": {"file": columns.file, "label": columns.label, "group": columns.group},
            "seed": self.seed,
            "time_limit": self.time_limit,
        }


def photo_options_from_config(path: Path) -> PhotoOptions:
    """The options in a photo run's ``config.json``.

    Raises:
        ModelError: the file is missing, damaged or of a newer format.
    """
    config = read_json(path)
    if config.get("format") != FORMAT:
        raise ModelError(f"{path} has format {config.get('format')}; this Clothier reads {FORMAT}. Train again.")
    try:
        return PhotoOptions(
            data=Path(config["data"]),
            recipe=from_values(PhotoRecipe, config["recipe"]),
            columns=Columns(**config["columns"]),
            seed=int(config["seed"]),
            time_limit=config["time_limit"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path} is not the config.json of a photo run: {error}. Give another file.") from error
