"""``clothier predict``: class, probability and decision for each photo."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clothier.catalogue.rows import PRODUCT_COLUMNS, STORE_COLUMNS, output_columns
from clothier.catalogue.tables import check_output, write_table
from clothier.data.photo_sources import DEFAULT_FILE_COLUMN, NamedSource, SourceColumns
from clothier.data.photo_sources.item import readable
from clothier.errors import DataError, ImageError, UsageError
from clothier.inference import load
from clothier.paths import is_folder, optional_path, require_names
from clothier.types import DEFAULT_MODEL, FailedInput, no_progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from clothier.data.photo_sources import Item
    from clothier.inference import Model
    from clothier.inference.model import DecodedPhoto
    from clothier.types import Prediction, Progress


@dataclass(frozen=True, slots=True)
class PredictResult:
    """What ``clothier predict`` found.

    Attributes:
        predictions: one for each photo, in the given order.
        warnings: on files that were not taken for photos, one sentence each.
        output: the table that was written; None without.
    """

    predictions: list[Prediction | FailedInput]
    warnings: tuple[str, ...] = ()
    output: Path | None = None

    def to_json(self) -> list[dict[str, Any]]:
        """As ``--json`` prints it."""
        return [one.to_json() for one in self.predictions]


def predict(
    photos: Iterable[str | Path],
    *,
    output: str | Path | None = None,
    model: str | Path = DEFAULT_MODEL,
    top: int = 3,
    taxonomy: str | Path | None = None,
    columns: str | None = None,
    file_column: str | None = None,
    save_inputs: str | Path | None = None,
    trust_model: bool = False,
    progress: Progress = no_progress,
) -> PredictResult:
    """Predicts photos, and the photos of folders and of a table; all are tested together for an unlike catalogue.

    A photo that cannot be read is reported, and the others continue.

    Args:
        photos: images of one garment each; folders and ZIP files of them; a CSV or Parquet file that lists them.
        output: a table to write: ``.csv``, ``.jsonl`` or ``.parquet``. It has a row for each photo, failed ones with
            their error, with the columns of the table of photos after ours; None for none.
        model: as :func:`clothier.load` takes it.
        top: number of classes to name, the most probable first; the table has three at most.
        taxonomy: a file with a company's code for each class (:func:`clothier.taxonomy.read_taxonomy`).
        columns: of the output, chosen and renamed (:func:`clothier.catalogue.rows.output_columns`); None for all.
        file_column: of the table of photos, with the photos; None for ``file``.
        save_inputs: directory for the preprocessed images, as PNG files; created if missing. No photos are taken from
            it where it is in one of the folders.
        trust_model: accept tags even if the photos are unlike the training photos.
        progress: called after every batch.

    Raises:
        UsageError: an option is impossible, ``photos`` is a single name, the output is one of the photos, or
            ``save_inputs`` is one of the folders.
        DataError: a folder has no photos, or a table of photos or the taxonomy is missing or damaged.
        ModelError: the model is missing or damaged.
        StorageError: output or ``save_inputs`` cannot be written.
    """
    names, target, inputs = require_names(photos, "photos"), optional_path(output), optional_path(save_inputs)
    _check_output(names, target, columns)
    _check_inputs(names, inputs)
    special = SourceColumns(file_column or DEFAULT_FILE_COLUMN)
    source = NamedSource(names, special, [one for one in (target, inputs) if one])
    shown = output_columns(source.columns, columns, without=PRODUCT_COLUMNS | STORE_COLUMNS) if target else []
    loaded = load(model)
    users: list[Mapping[str, Any]] = []
    predictions = loaded.predict_inputs(
        _recorded(source, users),
        len(source),
        partial(_decode, loaded),
        top=top,
        taxonomy=taxonomy,
        save_inputs=inputs,
        trust_model=trust_model,
        progress=progress,
    )
    if names and not predictions:
        raise DataError(" ".join([f"there are no photos in {source.name}.", *source.warnings]))
    if target:
        write_table(target, shown, map(_row, predictions, users))
    return PredictResult(predictions, tuple(source.warnings), target)


def _check_output(names: list[str | Path], output: Path | None, columns: str | None) -> None:
    if output is None:
        if columns is not None:
            raise UsageError("--columns chooses columns of a table. Name the table with --out, such as --out tags.csv")
        return
    check_output(output)
    if output.exists() and any(Path(name).is_file() and output.samefile(name) for name in names):
        raise UsageError(f"the output and a photo or table are the same: {output}. Name another output.")


def _check_inputs(names: list[str | Path], folder: Path | None) -> None:
    if folder and any(name and is_folder(Path(name)) and Path(name).resolve() == folder.resolve() for name in names):
        raise UsageError(
            f"the inputs would be saved among the photos, and be predicted like them: {folder}. Name another folder."
        )


def _recorded(source: NamedSource, users: list[Mapping[str, Any]]) -> Iterator[Item]:
    """The items, whose columns are kept in ``users``."""
    for item in source:
        users.append(item.columns)
        yield item


def _decode(model: Model, item: Item) -> DecodedPhoto | FailedInput:
    try:
        return model.decode(item.file, item.read())
    except ImageError as error:
        return FailedInput(item.file, error.code, str(error))


def _row(one: Prediction | FailedInput, columns: Mapping[str, Any]) -> dict[str, Any]:
    """As :data:`clothier.catalogue.rows.OUR_COLUMNS` read it."""
    row = {
        **dict.fromkeys(("class", "probability", "top", "code", "colors", "decision", "reason", "notes", "model")),
        **dict.fromkeys(("trusted", "error_code", "error_message")),
        "file": readable(one.file),
        "columns": columns,
    }
    if isinstance(one, FailedInput):
        return {**row, "error_code": one.code, "error_message": readable(one.message)}
    return {
        **row,
        "class": one.top[0].name,
        "probability": one.top[0].probability,
        "top": [(guess.name, guess.probability) for guess in one.top],
        "code": one.code,
        "colors": [color.to_json() for color in one.colors or ()],
        "decision": one.decision,
        "reason": one.reason,
        "notes": " ".join(one.notes) or None,
        "model": one.model,
        "trusted": one.trusted,
    }
