"""The use case of ``clothier calibrate``: a model learns from reviewed photos how far to trust itself. No training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier import atomic, bundle
from clothier.data.photo_csv import Columns
from clothier.data.photo_table import OUTSIDE, load_photos, read_photo_table
from clothier.errors import UsageError
from clothier.inference.predictor import open_judge
from clothier.metrics import reliability, softmax
from clothier.runs import RUNS
from clothier.selective.calibrate_card import CONFIDENCE, RISK, certify
from clothier.selective.decisions import held_to
from clothier.selective.temperature import cross_calibrated
from clothier.selective.thresholds import Thresholds
from clothier.taxonomy import in_terms_of
from clothier.types import silent

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from clothier.bundle import Bundle, Card
    from clothier.data.photo_table import PhotoTable
    from clothier.inference.predictor import Judge
    from clothier.types import FailedInput, Images, Progress

    Doubles = npt.NDArray[np.float64]

LEAST = 300  # labelled photos; with fewer, hardly a model can prove 5 %
USUAL = Columns()
PHOTO = "photo"
LEARNT = "{} learnt from {:,} of the photos, so they prove nothing and were left out"
APART = (
    "no column says who took the photos, so each counts as a witness of its own: if some belong together (one "
    "photographer, one product line), the promise is too bold; name the column with --group-column"
)


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A model calibrated on somebody's own photos.

    Attributes:
        bundle: the new bundle.
        data: name of the table of photos.
        n: labelled photos that stand behind it.
        before: the old temperature, and calibration error with it, 0 to 1.
        after: the new temperature, and calibration error on groups that a temperature was not fitted on.
        thresholds: the new ones, with their promise.
        held: coverage, risk and AUROC on the same photos.
        notes: what the figures assume, in sentences.
        failures: photos that could not be read, and are in no figure.
    """

    bundle: Bundle
    data: str
    n: int
    before: dict[str, float]
    after: dict[str, float]
    thresholds: Thresholds
    held: dict[str, Any]
    notes: tuple[str, ...]
    failures: tuple[FailedInput, ...]

    @property
    def kept(self) -> bool:
        """Whether some threshold keeps the promise."""
        return self.thresholds.accept is not None

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return {
            "model": self.bundle.card.name,
            "bundle": str(self.bundle.path),
            "data": self.data,
            "n": self.n,
            "kept": self.kept,
            "before": self.before,
            "after": self.after,
            "thresholds": self.thresholds.to_json(),
            **self.held,
            "notes": list(self.notes),
            "failures": [one.to_json() for one in self.failures],
        }


def calibrate(
    model: str,
    *,
    data: Path,
    out: Path | None = None,
    columns: Columns = USUAL,
    risk: float = RISK,
    confidence: float = CONFIDENCE,
    progress: Progress = silent,
) -> Calibrated:
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
        confidence: of the promise, 0 to 1.
        progress: told of the photos.

    Raises:
        UsageError: fewer than 300 labelled photos, or ``out`` is a shipped bundle.
        ClothierError: model or data are missing or damaged, or do not belong together; the disk refused.
    """
    given = bundle.find(model)
    if out is not None:
        _check_place(out)
    table = read_photo_table(data, columns=columns, classes=given.card.classes)
    _check_number(table)
    judge = open_judge(given)
    images, table = load_photos(table, given.card.view, progress=progress)
    learnt = judge.learnt_from(images)  # it is surer of those than of any others
    images, table = images[~learnt], table.take(~learnt)
    _check_number(table, int(learnt.sum()))
    logits, strange = _look(judge, images, float(given.card.calibration.get("temperature", 1.0)))
    card = certify(
        given.card,
        logits,
        table.labels,
        table.groups,
        strange,
        classes=table.classes,
        risk=risk,
        confidence=confidence,
        fitted_on=table.name,
        grouped_by=columns.group if table.has_groups else PHOTO,
        own=True,
    )
    place = out or atomic.new_folder(RUNS / f"{given.card.name}-calibrated")
    card = replace(card, name=place.name)
    saved = bundle.save(place, card, given.graph.read_bytes(), given.weights.read_bytes(), given.extras)
    notes = _notes(table, given.card.name, int(learnt.sum()))
    return _told(given.card, saved, table, logits, strange, notes)


def _told(
    old: Card, saved: Bundle, table: PhotoTable, logits: Doubles, strange: Doubles | None, notes: tuple[str, ...]
) -> Calibrated:
    """The figures of the new bundle on the photos that it was calibrated on."""
    card, inside = saved.card, table.labels != OUTSIDE
    terms = np.asarray(in_terms_of(np.eye(len(card.classes)), card.classes, table.classes))
    shares = softmax(logits / card.calibration["temperature"])
    thresholds = Thresholds.from_json(card.thresholds) or Thresholds(accept=None)
    truth, earlier = table.labels[inside], float(old.calibration.get("temperature", 1.0))
    held_out = cross_calibrated(logits[inside], truth, table.groups[inside], terms)
    right = (shares @ terms).argmax(axis=1) == table.labels
    return Calibrated(
        bundle=saved,
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
        held=held_to(shares, strange, table.labels, thresholds, right),
        notes=notes,
        failures=table.failures,
    )


def _look(judge: Judge, images: Images, temperature: float) -> tuple[Doubles, Doubles | None]:
    """(N, K) logits as they were before the temperature, and (N,) novelty scores, if the model has such."""
    judged = judge.judge(images)
    return judged.logits.astype(np.float64) * temperature, judged.novelty


def _notes(table: PhotoTable, model: str, learnt: int) -> tuple[str, ...]:
    """What the figures assume, in sentences."""
    apart = () if table.has_groups else (APART,)
    return (*table.notes, *apart, *((LEARNT.format(model, learnt),) if learnt else ()))


def _check_place(out: Path) -> None:
    if bundle.SHIPPED.resolve() in (out.resolve(), *out.resolve().parents):
        raise UsageError(f"{out} is where the shipped models lie, which stay as they are; name a folder of your own.")


def _check_number(table: PhotoTable, learnt: int = 0) -> None:
    labelled = int((table.labels != OUTSIDE).sum())
    if labelled < LEAST:
        others = f", without the {learnt:,} that the model learnt from," if learnt else ""
        raise UsageError(
            f"{table.name} has {labelled} readable photos with a label{others or ','} and a promise needs {LEAST} or "
            f"more. Review {LEAST - labelled} more, the latest of your catalogue, say."
        )
