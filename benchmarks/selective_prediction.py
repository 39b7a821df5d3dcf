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
from benchmarks.results import RESULTS, spread, write
from clothier.bundle import open_bundle
from clothier.data.photo_table import TABLE, load_photos, read_photo_table
from clothier.inference.predictor import open_judge
from clothier.metrics import softmax
from clothier.runs import Run
from clothier.selective.calibrate_card import certify
from clothier.selective.decisions import held_to
from clothier.selective.ood import auroc, fpr_at_95_tpr
from clothier.selective.temperature import fit_temperature
from clothier.selective.thresholds import Thresholds
from clothier.taxonomy import in_terms_of
from clothier.training.finetune.cross_validation import logits_in

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.bundle import Card

    Arrays = dict[str, npt.NDArray[Any]]
    Flags = npt.NDArray[np.bool_]

SPLITS = 100
KEPT_OUT = 0.2  # of the photographers
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
    card = open_bundle(run.bundle).card
    rows = [promise(card, found), strangers(run, found, options.strangers)]
    rows += [conformal(found, risk) for risk in RISKS]
    command = f"python -m benchmarks.selective_prediction RUN STRANGERS, of {run.metrics['preset']}, {len(found['labels'])} photos"
    write(RESULTS / "selective_prediction.json", "selective_prediction", command, rows)


def promise(card: Card, found: Arrays) -> dict[str, Any]:
    """Thresholds from four fifths of the photographers, by lot, and what they do on the others' photos."""
    chance, people = np.random.default_rng(0), np.unique(found["groups"])
    held = []
    for _ in range(SPLITS):
        out = np.isin(found["groups"], chance.choice(people, round(KEPT_OUT * len(people)), replace=False))
        held.append(_held(card, found, out))
    risks = [one["selective_risk"] for one in held]
    return {
        "name": "promise of 5 %, photographers kept out",
        **spread(risks, "share of accepted tags that are wrong"),
        "mean": float(np.mean(risks)),
        "above": sum(risk > card.thresholds["promise"]["risk"] for risk in risks),
        "coverage": float(np.mean([one["coverage"] for one in held])),
    }


def _held(card: Card, found: Arrays, out: Flags) -> dict[str, Any]:
    fitted, words = ~out, tuple(found["words"])
    parts = (found[name][fitted] for name in ("logits", "labels", "groups", "novelty"))
    own = certify(card, *parts, classes=words)
    shares = softmax(found["logits"][out] / own.calibration["temperature"])
    right = in_terms_of(shares, card.classes, words).argmax(axis=1) == found["labels"][out]
    thresholds = Thresholds.from_json(own.thresholds) or Thresholds(accept=None)
    return held_to(shares, found["novelty"][out], found["labels"][out], thresholds, right)


def strangers(run: Run, found: Arrays, folder: Path) -> dict[str, Any]:
    """Novelty and decisions on pictures without a garment, by the final network; garments' novelty is out of fold."""
    judge = open_judge(open_bundle(run.bundle))
    images, _ = load_photos(read_photo_table(folder / TABLE), judge.classifier.view)
    judged = judge.judge(images)
    decisions = [verdict.decision for verdict in judge.verdicts(judged) if verdict]
    known, strange = found["novelty"][found["labels"] >= 0], np.asarray(judged.novelty)
    return {
        "name": "pictures without a garment",
        "n": len(images),
        "auroc": auroc(known, strange),
        "fpr_at_95_tpr": fpr_at_95_tpr(known, strange),
        **{decision: decisions.count(decision) for decision in ("accept", "review", "reject")},
    }


def conformal(found: Arrays, risk: float) -> dict[str, Any]:
    """Sets of classes, class by class, each fold's calibrated on the other folds."""
    inside = found["labels"] >= 0
    labels, fold = found["labels"][inside], found["fold"][inside]
    logits = logits_in(found["logits"][inside], tuple(found["classes"]), tuple(found["words"]))
    sets = np.zeros(logits.shape, bool)
    for place in np.unique(fold):
        here = fold == place
        temperature = fit_temperature(logits[~here], labels[~here])
        known = fit_conformal(softmax(logits[~here] / temperature), labels[~here])
        sets[here] = known.sets(softmax(logits[here] / temperature), risk)
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
