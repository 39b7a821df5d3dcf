"""The use case of ``clothier calibrate``: a model learns from reviewed photos how far to trust itself. No training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.model_selection import GroupKFold

from clothier import atomic, bundle
from clothier.data.photo_csv import Columns
from clothier.data.photo_table import UNKNOWN_LABEL, load_photos, read_photo_table
from clothier.errors import UsageError
from clothier.inference.model import open_model
from clothier.metrics import reliability, softmax
from clothier.runs import RUNS_DIR
from clothier.selective.calibrate_card import CONFIDENCE_LEVEL, RISK, calibrate_card
from clothier.selective.decisions import selective_metrics
from clothier.selective.temperature import cross_fit
from clothier.selective.thresholds import Thresholds
from clothier.taxonomy import aggregate_to
from clothier.types import no_progress

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from clothier.bundle import Bundle, BundleMetadata
    from clothier.data.photo_table import PhotoTable
    from clothier.inference import Model
    from clothier.types import FailedInput, Images, Labels, Progress

    Doubles = npt.NDArray[np.float64]

MIN_PHOTOS = 300  # labelled photos; with fewer, hardly a model can prove 5 %
DEFAULT_COLUMNS = Columns()
N_FOLDS = 5  # in which a temperature is fitted to measure its calibration error
UNGROUPED = "photo"
TRAINING_PHOTOS = "{} learnt from {:,} of the photos, so they prove nothing and were left out"
NO_GROUPS = (
    "no column says who took the photos, so each counts as a witness of its own: if some belong together (one "
    "photographer, one product line), the promise is too bold; name the column with --group-column"
)


@dataclass(frozen=True, slots=True)
class CalibrationResult:
    """A model calibrated on somebody's own photos.

    Attributes:
        bundle: the new bundle.
        data: name of the table of photos.
        n: labelled photos that stand behind it.
        before: the old temperature, and calibration error with it, 0 to 1.
        after: the new temperature, and calibration error on groups that a temperature was not fitted on.
        thresholds: the new ones, with their promise.
        selective: coverage, risk and AUROC on the same photos.
        warnings: what the figures assume, in sentences.
        failures: photos that could not be read, and are in no figure.
    """

    bundle: Bundle
    data: str
    n: int
    before: dict[str, float]
    after: dict[str, float]
    thresholds: Thresholds
    selective: dict[str, Any]
    warnings: tuple[str, ...]
    failures: tuple[FailedInput, ...]

    @property
    def guarantee_met(self) -> bool:
        """Whether some threshold keeps the promise."""
        return self.thresholds.min_probability is not None

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
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
    model: str,
    *,
    data: Path,
    out: Path | None = None,
    columns: Columns = DEFAULT_COLUMNS,
    risk: float = RISK,
    confidence_level: float = CONFIDENCE_LEVEL,
    progress: Progress = no_progress,
) -> CalibrationResult:
    """Fits temperature, thresholds and promise to reviewed photos, and writes them with the model as a new bundle.

    Photos that the model learnt from are left out, as far as it knows them. Rows without a label only measure how well
    strangers are told; the promise is over photos inside the classes.

    Args:
        model: a run folder, a bundle's folder or the name of a shipped bundle.
        data: a CSV, or a folder with a subfolder for each class.
        out: the new bundle; a bundle that stands there is replaced. None for ``runs/<model>-calibrated``, numbered when
            that is taken.
        columns: of the CSV.
        risk: the promised share of wrong tags among the accepted ones, 0 to 1.
        confidence_level: of the promise, 0 to 1.
        progress: told of the photos.

    Raises:
        UsageError: fewer than 300 labelled photos, or ``out`` is a shipped bundle.
        ClothierError: model or data are missing or damaged, or do not belong together; the disk refused.
    """
    given = bundle.resolve(model)
    if out is not None:
        _check_output_path(out)
    table = read_photo_table(data, columns=columns, classes=given.metadata.classes)
    _check_photo_count(table)
    predictor = open_model(given)
    images, table = load_photos(table, given.metadata.input_spec, progress=progress)
    learnt = predictor.was_trained_on(images)  # it is surer of those than of any others
    images, table = images[~learnt], table.subset(~learnt)
    _check_photo_count(table, int(learnt.sum()))
    logits, strange = _uncalibrated_outputs(
        predictor, images, float(given.metadata.calibration.get("temperature", 1.0))
    )
    card = calibrate_card(
        given.metadata,
        logits,
        table.labels,
        table.groups,
        strange,
        classes=table.classes,
        risk=risk,
        confidence_level=confidence_level,
        fitted_on=table.name,
        grouped_by=columns.group if table.has_groups else UNGROUPED,
        user_calibrated=True,
    )
    place = out or atomic.unique_dir(RUNS_DIR / f"{given.metadata.name}-calibrated")
    card = replace(card, name=place.name)
    saved = bundle.save(place, card, given.graph.read_bytes(), given.weights.read_bytes(), given.optional_files)
    notes = _warnings(table, given.metadata.name, int(learnt.sum()))
    return _calibration_result(given.metadata, saved, table, logits, strange, notes)


def _calibration_result(
    old_card: BundleMetadata,
    new_bundle: Bundle,
    table: PhotoTable,
    logits: Doubles,
    ood_scores: Doubles | None,
    warnings: tuple[str, ...],
) -> CalibrationResult:
    """The figures of the new bundle on the photos that it was calibrated on."""
    card, inside = new_bundle.metadata, table.labels != UNKNOWN_LABEL
    terms = np.asarray(aggregate_to(np.eye(len(card.classes)), card.classes, table.classes))
    shares = softmax(logits / card.calibration["temperature"])
    thresholds = Thresholds.from_json(card.thresholds) or Thresholds(min_probability=None)
    truth, earlier = table.labels[inside], float(old_card.calibration.get("temperature", 1.0))
    held_out = cross_fit(logits[inside], truth, _group_folds(table.groups[inside]), terms)
    right = (shares @ terms).argmax(axis=1) == table.labels
    return CalibrationResult(
        bundle=new_bundle,
        data=table.name,
        n=int(inside.sum()),
        before={
            "temperature": earlier,
            "ece": reliability(softmax(logits[inside] / earlier) @ terms, truth).ece,
        },
        after={
            "temperature": card.calibration["temperature"],
            "ece": reliability(softmax(held_out) @ terms, truth).ece,
        },
        thresholds=thresholds,
        selective=selective_metrics(shares, ood_scores, table.labels, thresholds, right),
        warnings=warnings,
        failures=table.failures,
    )


def _group_folds(groups: Labels) -> list[tuple[npt.NDArray[np.integer], npt.NDArray[np.integer]]]:
    """Indices to fit a temperature on and held-out indices; whole groups are held out if there are two or more."""
    n_groups, indices = len(np.unique(groups)), np.arange(len(groups))
    if n_groups < 2:
        return [(indices, indices)]
    return list(GroupKFold(min(N_FOLDS, n_groups)).split(groups, groups=groups))


def _uncalibrated_outputs(predictor: Model, images: Images, temperature: float) -> tuple[Doubles, Doubles | None]:
    """(N, K) logits as they were before the temperature, and (N,) novelty scores, if the model has such."""
    judged = predictor.predict_images(images)
    return judged.logits.astype(np.float64) * temperature, judged.ood_scores


def _warnings(table: PhotoTable, model: str, n_excluded: int) -> tuple[str, ...]:
    """What the figures assume, in sentences."""
    apart = () if table.has_groups else (NO_GROUPS,)
    return (*table.warnings, *apart, *((TRAINING_PHOTOS.format(model, n_excluded),) if n_excluded else ()))


def _check_output_path(out: Path) -> None:
    if bundle.BUNDLED_DIR.resolve() in (out.resolve(), *out.resolve().parents):
        raise UsageError(f"{out} is where the shipped models lie, which stay as they are; name a folder of your own.")


def _check_photo_count(table: PhotoTable, n_excluded: int = 0) -> None:
    labelled = int((table.labels != UNKNOWN_LABEL).sum())
    if labelled < MIN_PHOTOS:
        others = f", without the {n_excluded:,} that the model learnt from," if n_excluded else ""
        raise UsageError(
            f"{table.name} has {labelled} readable photos with a label{others or ','} and a promise needs {MIN_PHOTOS} or "
            f"more. Review {MIN_PHOTOS - labelled} more, the latest of your catalogue, say."
        )
