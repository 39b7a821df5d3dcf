"""``clothier calibrate``: temperature, thresholds and risk guarantee from reviewed photos. No training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier import atomic, bundle
from clothier.data.fingerprints import dhash, to_bytes
from clothier.data.photo_table import DEFAULT_COLUMNS, NO_GROUPS, UNKNOWN_LABEL, Columns, read_photo_table
from clothier.errors import UsageError
from clothier.evaluation.independent_photos import load_independent_photos
from clothier.inference.loading import open_model
from clothier.paths import local_path, optional_path
from clothier.runs import RUNS_DIR
from clothier.selective.calibrate_card import (
    CONFIDENCE_LEVEL,
    calibrate_card,
    calibration_errors,
    temperature_of,
)
from clothier.selective.thresholds import (
    AUTO_RISK,
    DEFAULT_RISK,
    MIN_CONFIDENCE_LEVEL,
    attainable,
    format_percent,
)
from clothier.taxonomy import read_label_codes
from clothier.types import no_progress

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from clothier.bundle import Bundle, BundleMetadata
    from clothier.data.photo_table import PhotoTable
    from clothier.inference.model import CalibratedOutput, Model
    from clothier.selective.calibrate_card import CalibratedCard
    from clothier.selective.thresholds import Thresholds
    from clothier.types import FailedInput, Progress


@dataclass(frozen=True, slots=True)
class CalibrationResult:
    """A model calibrated on the user's own photos."""

    bundle: Bundle  # the new one
    data: str  # name of the table of photos
    n: int  # labeled photos
    before: dict[str, float]  # the old temperature and its calibration error, 0 to 1
    after: dict[str, float]  # the new temperature, and the error on groups that a temperature was not fitted on
    thresholds: Thresholds  # the new ones, with their guarantee
    selective: dict[str, Any]  # coverage, risk and AUROC on the same photos
    warnings: tuple[str, ...]  # assumptions of the results, in sentences
    failures: tuple[FailedInput, ...]  # photos that could not be read; they are in no result

    @property
    def guarantee_met(self) -> bool:
        """Whether some threshold meets the guarantee."""
        return self.thresholds.min_probability is not None

    @property
    def unmet(self) -> str:
        """What is not proven, and what can be; "" if the guarantee is met."""
        guarantee = self.thresholds.guarantee
        if self.guarantee_met or guarantee is None:
            return ""
        limit = format_percent(guarantee.risk)
        return f"No threshold meets the guarantee of {limit} on {self.data}. {attainable(guarantee.to_json())}"

    def to_json(self) -> dict[str, Any]:
        """The output of ``--json``."""
        return {
            "model": self.bundle.metadata.name,
            "bundle": str(self.bundle.path),
            "data": self.data,
            "n": self.n,
            "guarantee_met": self.guarantee_met,
            "before": self.before,
            "after": self.after,
            "thresholds": self.thresholds.to_json(),
            **self.selective,
            "warnings": list(self.warnings),
            "failures": [one.to_json() for one in self.failures],
        }


def calibrate(
    model: str | Path,
    *,
    data: str | Path,
    out: str | Path | None = None,
    columns: Columns = DEFAULT_COLUMNS,
    risk: float | str = DEFAULT_RISK,
    confidence_level: float = CONFIDENCE_LEVEL,
    taxonomy: str | Path | None = None,
    progress: Progress = no_progress,
) -> CalibrationResult:
    """Fits temperature, thresholds and risk guarantee of a model to reviewed photos, and saves it as a new bundle.

    Args:
        model: a run folder, a bundle folder or the name of a bundled model.
        data: 300 or more labeled photos: a CSV, or a folder with a subfolder for each class. An empty label means none
            of the model's classes.
        out: the new bundle; an existing one is replaced. None for ``runs/<model>-calibrated``; a number is added if it
            exists.
        columns: of the CSV.
        risk: the highest allowed fraction of wrong tags among the accepted ones, 0 to 1; or ``auto``, the strictest
            that the photos prove with half of them accepted.
        confidence_level: of the guarantee, above 0.5 and below 1.
        taxonomy: a file with a company's code for each class; labels may be codes.
        progress: receives the photos.

    Raises:
        UsageError: fewer than 300 labeled photos, an impossible risk or level, or ``out`` is a bundled model, or is
            refused by :func:`clothier.bundle.check_target`. ``out`` is checked before photos are read.
        ClothierError: model or data are missing or damaged, or do not belong together; the disk refused.
    """
    place, out = local_path(data), optional_path(out)
    _require_fractions(risk, confidence_level)
    given = bundle.resolve(str(model))
    if out:
        _check_target(out)
    classes = given.metadata.classes
    codes = read_label_codes(optional_path(taxonomy), classes)
    table = read_photo_table(place, columns=columns, classes=classes, split="validation", codes=codes)
    predictor = open_model(given)
    images, table, excluded = load_independent_photos(predictor, table, progress)
    output = predictor.predict_images(images)
    grouped_by = columns.group_name if table.has_groups else "photo"
    calibrated, before, after = _fit(given.metadata, output, table, grouped_by, risk, confidence_level)
    hashes = {bundle.CALIBRATION_HASHES_FILE: to_bytes(dhash(images))}
    files = hashes | _shift_file(predictor, output, table)
    return CalibrationResult(
        bundle=_save(out, given, calibrated.card, files),
        data=table.name,
        n=calibrated.card.calibration["n"],
        before=before,
        after=after,
        thresholds=calibrated.thresholds,
        selective=calibrated.selective,
        warnings=(*table.warnings, *(() if table.has_groups else (NO_GROUPS,)), *excluded),
        failures=table.failures,
    )


def _require_fractions(risk: float | str, confidence_level: float | str) -> None:
    if risk != AUTO_RISK and not (isinstance(risk, (int, float)) and 0 < risk < 1):
        raise UsageError(f"the risk is {risk!r}; it must be above 0 and below 1, such as 0.05.")
    if not (isinstance(confidence_level, (int, float)) and MIN_CONFIDENCE_LEVEL < confidence_level < 1):
        raise UsageError(
            f"the confidence level is {confidence_level!r}; it must be above {MIN_CONFIDENCE_LEVEL} and below 1, such "
            "as 0.95."
        )


def _check_target(out: Path) -> None:
    if bundle.BUNDLED_DIR.resolve() in (out.resolve(), *out.resolve().parents):
        raise UsageError(f"{out} is in the folder of bundled models, which are not changed; choose another folder.")
    bundle.check_target(out)


def _fit(
    card: BundleMetadata,
    output: CalibratedOutput,
    table: PhotoTable,
    grouped_by: str,
    risk: float | str,
    confidence_level: float,
) -> tuple[CalibratedCard, dict[str, float], dict[str, float]]:
    """The calibrated card; temperature and calibration error of the old one, and of the new one."""
    photos = (output.logits.astype(np.float64) * temperature_of(card), table.labels, table.groups)
    calibrated = calibrate_card(
        card,
        *photos,
        output.ood_scores,
        classes=table.classes,
        risk=risk,
        confidence_level=confidence_level,
        fitted_on=table.name,
        grouped_by=grouped_by,
        user_calibrated=True,
    )
    return calibrated, *calibration_errors(card, calibrated.card, *photos, table.classes)


def _shift_file(model: Model, output: CalibratedOutput, table: PhotoTable) -> dict[str, bytes]:
    """The reference of the test for unlike catalogues, with these photos; empty if the model has none.

    Photos of none of the classes are left out, as in training: others like them stay unlike.
    """
    if model.shift_detector is None or output.shift_features is None:
        return {}
    labeled = table.labels != UNKNOWN_LABEL
    recalibrated = model.shift_detector.recalibrated(output.shift_features[labeled], table.groups[labeled])
    return {bundle.SHIFT_FILE: recalibrated.to_bytes()}


def _save(out: Path | None, given: Bundle, card: BundleMetadata, files: Mapping[str, bytes]) -> Bundle:
    """Saves a bundle with the network of ``given``; ``files`` replace optional ones of it."""
    path = out or atomic.unique_dir(RUNS_DIR / f"{given.metadata.name}-calibrated")
    card = replace(card, name=path.name)
    graph = bundle.described(given.graph.read_bytes(), card)  # it names the temperature
    return bundle.save(path, card, graph, given.weights.read_bytes(), {**given.optional_files, **files})
