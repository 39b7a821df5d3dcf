"""Whether a photo model meets its risk guarantee on unseen photographers, and detects images without a garment.

    python -m benchmarks.selective_prediction RUN OOD_IMAGES     writes benchmarks/results/selective_prediction.json

RUN is a finished run of ``clothier train photo`` or of ``python -m tools.make_photo_bundle --run``, OOD_IMAGES a folder
written by ``python -m benchmarks.ood_images``. Each photo is predicted by the network that was not trained on it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.conformal import class_coverage, fit_conformal
from benchmarks.results import make_parser, summarize, write_results
from clothier.bundle import open_bundle
from clothier.data.photo_loading import load_photos
from clothier.data.photo_table import LABELS_CSV, read_photo_table
from clothier.inference import load
from clothier.metrics import auroc, softmax
from clothier.runs import Run
from clothier.selective.calibrate_card import calibrate_card
from clothier.selective.decisions import selective_metrics
from clothier.selective.temperature import fit_temperature
from clothier.taxonomy import is_right
from clothier.training.finetune.cross_validation import aggregate_logits

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.bundle import BundleMetadata

    OutOfFoldArrays = dict[str, npt.NDArray[Any]]
    Flags = npt.NDArray[np.bool_]

SPLITS = 100
HELD_OUT_FRACTION = 0.2  # of the photographers
RISKS = (0.05, 0.1)  # of conformal prediction sets


def main() -> None:
    """Measures the risk guarantee, OOD detection and conformal prediction sets."""
    parser = make_parser("selective_prediction", __doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("ood_images", type=Path)
    options = parser.parse_args()
    run = Run(options.run)
    with np.load(run.path / "out_of_fold.npz") as file:
        out_of_fold = dict(file)
    card = open_bundle(run.bundle).metadata
    rows = [guarantee_row(card, out_of_fold), ood_row(run, out_of_fold, options.ood_images)]
    rows += [conformal_row(out_of_fold, risk) for risk in RISKS]
    arguments = f"RUN OOD_IMAGES, of {run.metrics['preset']}, {len(out_of_fold['labels'])} photos"
    write_results(options.out, "selective_prediction", rows, arguments)


def guarantee_row(card: BundleMetadata, out_of_fold: OutOfFoldArrays) -> dict[str, Any]:
    """Thresholds from four fifths of the photographers, at random, evaluated on the photos of the others."""
    generator, photographers = np.random.default_rng(0), np.unique(out_of_fold["groups"])
    n_held_out = round(HELD_OUT_FRACTION * len(photographers))
    splits = []
    for _ in range(SPLITS):
        held_out = generator.choice(photographers, n_held_out, replace=False)
        splits.append(_evaluate_split(card, out_of_fold, np.isin(out_of_fold["groups"], held_out)))
    risks = [one["selective_risk"] for one in splits]
    return {
        "name": "guarantee of 5 %, unseen photographers",
        **summarize(risks, "fraction of accepted tags that are wrong"),
        "mean": float(np.mean(risks)),
        "violations": sum(risk > card.thresholds["guarantee"]["risk"] for risk in risks),
        "coverage": float(np.mean([one["coverage"] for one in splits])),
    }


def _evaluate_split(card: BundleMetadata, out_of_fold: OutOfFoldArrays, held_out: Flags) -> dict[str, Any]:
    fitted, classes = ~held_out, tuple(out_of_fold["classes"])
    parts = (out_of_fold[name][fitted] for name in ("model_logits", "labels", "groups", "ood_scores"))
    calibrated = calibrate_card(card, *parts, classes=classes)
    labels, ood_scores = out_of_fold["labels"][held_out], out_of_fold["ood_scores"][held_out]
    probabilities = softmax(out_of_fold["model_logits"][held_out] / calibrated.card.calibration["temperature"])
    correct = is_right(probabilities, labels, card.classes, classes)
    return selective_metrics(probabilities, ood_scores, labels, calibrated.thresholds, correct)


def ood_row(run: Run, out_of_fold: OutOfFoldArrays, folder: Path) -> dict[str, Any]:
    """OOD detection and decisions of the final network on images without a garment, against the out-of-fold photos."""
    model = load(run.bundle)
    images, _ = load_photos(read_photo_table(folder / LABELS_CSV), model.input_spec)
    judged = model.predict_images(images)
    decisions = [verdict.decision for verdict in model.decide(judged) if verdict]
    known, strange = out_of_fold["ood_scores"][out_of_fold["labels"] >= 0], np.asarray(judged.ood_scores)
    return {
        "name": "images without a garment",
        "n": len(images),
        "auroc": auroc(known, strange),
        "fpr_at_95_tpr": fpr_at_95_tpr(known, strange),
        **{decision: decisions.count(decision) for decision in ("accept", "review", "reject")},
    }


def fpr_at_95_tpr(id_scores: npt.ArrayLike, ood_scores: npt.ArrayLike) -> float:
    """The fraction of OOD images below the threshold that 95 % of the in-distribution images are below."""
    limit = np.quantile(np.asarray(id_scores, dtype=np.float64), 0.95, method="higher")
    return float((np.asarray(ood_scores, dtype=np.float64) <= limit).mean())


def conformal_row(out_of_fold: OutOfFoldArrays, risk: float) -> dict[str, Any]:
    """Class-conditional prediction sets; each fold is calibrated on the others."""
    inside = out_of_fold["labels"] >= 0
    labels, fold = out_of_fold["labels"][inside], out_of_fold["fold"][inside]
    logits = aggregate_logits(
        out_of_fold["model_logits"][inside], tuple(out_of_fold["model_classes"]), tuple(out_of_fold["classes"])
    )
    sets = np.zeros(logits.shape, bool)
    for place in np.unique(fold):
        here = fold == place
        temperature = fit_temperature(logits[~here], labels[~here])
        known = fit_conformal(softmax(logits[~here] / temperature), labels[~here])
        sets[here] = known.prediction_sets(softmax(logits[here] / temperature), risk)
    covered = class_coverage(sets, labels)
    return {
        "name": f"conformal sets, risk {100 * risk:g} %",
        "n": len(labels),
        "coverage": float(sets[np.arange(len(labels)), labels].mean()),
        "coverage_min": float(covered.min()),
        "coverage_max": float(covered.max()),
        "mean_set_size": float(sets.sum(axis=1).mean()),
        "singleton_fraction": float((sets.sum(axis=1) == 1).mean()),
    }


if __name__ == "__main__":
    main()
