"""Whether a photo model keeps its promise on photographers kept out, and tells garments from what is none.

    python -m benchmarks.selective_prediction RUN STRANGERS     writes benchmarks/results/selective_prediction.json

RUN is a finished run of ``clothier train photo``, or of ``tools/make_photo_bundle.py --run``, STRANGERS a folder that
``benchmarks/strangers.py`` filled. Each photo's answer is of the network that did not learn from it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.conformal import class_coverage, fit_conformal
from benchmarks.results import RESULTS_DIR, summarize, write_results
from clothier.bundle import open_bundle
from clothier.data.photo_table import LABELS_CSV, load_photos, read_photo_table
from clothier.inference import load
from clothier.metrics import auroc, softmax
from clothier.runs import Run
from clothier.selective.calibrate_card import calibrate_card
from clothier.selective.decisions import selective_metrics
from clothier.selective.temperature import fit_temperature
from clothier.taxonomy import aggregate_to
from clothier.training.finetune.cross_validation import aggregate_logits

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.bundle import BundleMetadata

    OutOfFoldArrays = dict[str, npt.NDArray[Any]]
    Flags = npt.NDArray[np.bool_]

SPLITS = 100
HELD_OUT_FRACTION = 0.2  # of the photographers
RISKS = (0.05, 0.1)  # of conformal sets


def main() -> None:
    """Measures all three: the promise, the strangers, and sets of classes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("strangers", type=Path)
    options = parser.parse_args()
    run = Run(options.run)
    with np.load(run.path / "out_of_fold.npz") as file:
        found = dict(file)
    card = open_bundle(run.bundle).metadata
    rows = [guarantee_row(card, found), ood_row(run, found, options.strangers)]
    rows += [conformal_row(found, risk) for risk in RISKS]
    command = f"python -m benchmarks.selective_prediction RUN STRANGERS, of {run.metrics['preset']}, {len(found['labels'])} photos"
    write_results(RESULTS_DIR / "selective_prediction.json", "selective_prediction", command, rows)


def guarantee_row(card: BundleMetadata, out_of_fold: OutOfFoldArrays) -> dict[str, Any]:
    """Thresholds from four fifths of the photographers, by lot, and what they do on the others' photos."""
    chance, people = np.random.default_rng(0), np.unique(out_of_fold["groups"])
    held = []
    for _ in range(SPLITS):
        out = np.isin(
            out_of_fold["groups"], chance.choice(people, round(HELD_OUT_FRACTION * len(people)), replace=False)
        )
        held.append(_evaluate_split(card, out_of_fold, out))
    risks = [one["selective_risk"] for one in held]
    return {
        "name": "promise of 5 %, photographers kept out",
        **summarize(risks, "share of accepted tags that are wrong"),
        "mean": float(np.mean(risks)),
        "above": sum(risk > card.thresholds["guarantee"]["risk"] for risk in risks),
        "coverage": float(np.mean([one["coverage"] for one in held])),
    }


def _evaluate_split(card: BundleMetadata, out_of_fold: OutOfFoldArrays, held_out: Flags) -> dict[str, Any]:
    fitted, classes = ~held_out, tuple(out_of_fold["classes"])
    parts = (out_of_fold[name][fitted] for name in ("model_logits", "labels", "groups", "ood_scores"))
    calibrated = calibrate_card(card, *parts, classes=classes)
    labels, ood_scores = out_of_fold["labels"][held_out], out_of_fold["ood_scores"][held_out]
    probabilities = softmax(out_of_fold["model_logits"][held_out] / calibrated.card.calibration["temperature"])
    correct = aggregate_to(probabilities, card.classes, classes).argmax(axis=1) == labels
    return selective_metrics(probabilities, ood_scores, labels, calibrated.thresholds, correct)


def ood_row(run: Run, out_of_fold: OutOfFoldArrays, folder: Path) -> dict[str, Any]:
    """Novelty and decisions on pictures without a garment, by the final network; garments' novelty is out of fold."""
    model = load(run.bundle)
    images, _ = load_photos(read_photo_table(folder / LABELS_CSV), model.input_spec)
    judged = model.predict_images(images)
    decisions = [verdict.decision for verdict in model.decide(judged) if verdict]
    known, strange = out_of_fold["ood_scores"][out_of_fold["labels"] >= 0], np.asarray(judged.ood_scores)
    return {
        "name": "pictures without a garment",
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
    """Sets of classes, class by class, each fold's calibrated on the other folds."""
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
        "covered": float(sets[np.arange(len(labels)), labels].mean()),
        "covered_min": float(covered.min()),
        "covered_max": float(covered.max()),
        "classes": float(sets.sum(axis=1).mean()),
        "single": float((sets.sum(axis=1) == 1).mean()),
    }


if __name__ == "__main__":
    main()
