"""The options of ``clothier train photo``, and their form in a run's ``config.json``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003 - from_config reads the annotations

from clothier.data.photo_csv import Columns
from clothier.recipes.photo import PhotoRecipe  # noqa: TC001 - from_config reads the annotations
from clothier.recipes.presets import BEST_PHOTO
from clothier.runs import read_json
from clothier.training.options import from_config


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


def photo_options_from_config(path: Path) -> PhotoOptions:
    """The options in a photo run's ``config.json``.

    Raises:
        ModelError: the file is missing or damaged, or of another format.
        UnknownNameError: the recipe has an unknown field.
    """
    return from_config(PhotoOptions, read_json(path), path)
