"""The networks of a run's folds, as a test of the bundle ``photo``: none was trained on the photos that it tests.

Legend: N photos, F folds, K classes of the run, which may be broader than those of the bundle.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from clothier import bundle
from clothier.metrics import softmax
from clothier.selective.decisions import decide, is_accepted
from clothier.selective.ood import fit_ood_scorer
from clothier.selective.risk_control import intraclass_correlation, risk_upper_bound
from clothier.selective.shift import fit_shift_detector, held_out_distances
from clothier.selective.thresholds import Thresholds
from clothier.taxonomy import map_labels
from clothier.training.export.bundle_export import open_uncalibrated, to_onnx
from clothier.training.finetune.data import split_folds
from clothier.training.finetune.efficientnet_lite import EfficientNetLite

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from clothier.bundle import BundleMetadata
    from clothier.selective.shift import ShiftDetector
    from clothier.training.finetune.data import PhotoTrainingData
    from clothier.types import Float64Array, Floats, Images, Int64Array, Labels, ModelOutput, Progress

    Compress = Callable[[bytes, Images], bytes]  # a graph and the photos to calibrate it on

MAX_ACCURACY_LOSS = 0.003  # of the compressed graphs, out of fold
MIN_AGREEMENT = 0.98


@dataclass(frozen=True, slots=True, eq=False)
class Folds:
    """A run's cross-validation, for the N photos of the bundle in their order."""

    classes: tuple[str, ...]  # (K,)
    numbers: Int64Array  # (N,), the fold that tests each photo; -1 for photos of no class
    outputs: tuple[ModelOutput, ...]  # (F,) of the compressed graph of each fold's network, for all N photos
    logits: Floats  # (N, K) out of fold, of the networks in float32
    ood_scores: Float64Array  # (N,) out of fold, of the networks in float32


def load_network(weights: Mapping[str, torch.Tensor]) -> EfficientNetLite:
    """The network with these weights, in evaluation mode."""
    network = EfficientNetLite("lite0", len(weights["head.bias"]))
    network.load_state_dict(weights)  # float16 becomes float32
    return network.eval()


def load_folds(
    run: Path, data: PhotoTrainingData, card: BundleMetadata, compress: Compress, progress: Progress
) -> Folds:
    """Compresses the networks of a finished run's folds, each on photos that it was trained on, and runs them."""
    with np.load(run / "out_of_fold.npz") as file:
        saved = dict(file)
    row_of = {Path(name).name: row for row, name in enumerate(saved["files"].tolist())}
    rows = np.array([row_of[Path(name).name] for name in data.table.files])
    classes, numbers = tuple(saved["model_classes"].tolist()), saved["fold"][rows]
    states = torch.load(run / "checkpoint" / "last.pt", map_location="cpu", weights_only=True)["training"]["states"]
    metadata, outputs = replace(card, classes=classes), []
    for number, (train, _) in enumerate(split_folds(numbers, data.table.labels)):
        graph = compress(to_onnx(load_network(states[number]["best_ema"]), card.input_spec), data.inputs[train])
        with tempfile.TemporaryDirectory() as folder:
            outputs.append(open_uncalibrated(bundle.save(Path(folder) / "fold", metadata, graph, b"")).run(data.inputs))
        progress("folds", number + 1, numbers.max() + 1)
    return Folds(classes, numbers, tuple(outputs), saved["model_logits"][rows], saved["ood_scores"][rows])


def fit_shift(folds: Folds, output: ModelOutput, data: PhotoTrainingData) -> ShiftDetector:
    """Fits a shift detector for the graph with this ``output``, with held-out distances by the folds."""
    labeled, embeddings = data.labeled_indices, [one.embeddings for one in folds.outputs]
    if output.early_features is None:
        raise SystemExit("the graph has no early features")
    distances = held_out_distances(embeddings, folds.numbers, data.table.labels, data.groups)[labeled]
    early, final = output.early_features[labeled], output.embeddings[labeled]
    detector = fit_shift_detector(early, final, distances, data.groups[labeled])
    if detector is None:
        raise SystemExit(f"the run has too few {data.grouped_by}s for a shift detector")
    return detector


def measure_compression(folds: Folds, data: PhotoTrainingData, card: BundleMetadata) -> dict[str, Any]:
    """What compressed graphs decide about labeled photos that their networks were not trained on.

    Temperature and thresholds are those of ``card``, which were fitted on the predictions of another training. So the
    bound of the risk needs no correction for a choice.

    Returns:
        As the card has it: the number of photos, ``agreement`` and ``decision_agreement``, fractions with the same
        prediction and decision; for ``float32`` and ``int8`` accuracy, coverage, risk of the accepted tags and its
        ``bound``.

    Raises:
        SystemExit: too much is lost, or the guarantee of the card does not hold.
    """
    rows = data.labeled_indices
    labels = map_labels(data.table.labels, data.table.classes, folds.classes)
    thresholds, temperature = Thresholds.from_json(card.thresholds), card.calibration["temperature"]
    if thresholds is None or thresholds.guarantee is None:
        raise SystemExit(f"the card of {card.name} has no guarantee")
    decisions, found = [], []
    for logits, ood_scores in ((folds.logits, folds.ood_scores), _out_of_fold(folds, labels)):
        probabilities = softmax(logits[rows] / temperature)
        results = decide(probabilities, ood_scores[rows], thresholds, folds.classes)
        decisions.append((probabilities.argmax(axis=1), np.array([one.decision for one in results])))
        found.append(_decided(probabilities, ood_scores[rows], labels[rows], data.groups[rows], thresholds))
    agreement, decision_agreement = (float((one == other).mean()) for one, other in zip(*decisions, strict=True))
    before, after = found
    lost = before["accuracy"] - after["accuracy"]
    if lost > MAX_ACCURACY_LOSS or agreement < MIN_AGREEMENT:
        raise SystemExit(f"out of fold, {100 * lost:.2f} points are lost, {agreement:.2%} of the predictions agree")
    if after["bound"] > thresholds.guarantee.risk:
        raise SystemExit(f"out of fold, the guarantee does not hold for the compressed graphs: {after}")
    shared = {"n": len(rows), "agreement": agreement, "decision_agreement": decision_agreement}
    return {**shared, "float32": before, "int8": after}


def _out_of_fold(folds: Folds, labels: Labels) -> tuple[Floats, Float64Array]:
    """Logits (N, K) and OOD scores (N,) of the compressed graphs; 0 for photos of no class."""
    logits, ood_scores = np.zeros_like(folds.logits), np.zeros(len(labels))
    for output, (train, test) in zip(folds.outputs, split_folds(folds.numbers, labels), strict=True):
        logits[test] = output.logits[test]
        ood_scores[test] = fit_ood_scorer(output.embeddings[train], labels[train]).score(output.embeddings[test])
    return logits, ood_scores


def _decided(
    probabilities: Float64Array, ood_scores: Float64Array, labels: Labels, groups: Int64Array, thresholds: Thresholds
) -> dict[str, Any]:
    """Accuracy, coverage, risk and its upper bound."""
    wrong, members = probabilities.argmax(axis=1) != labels, np.unique(groups, return_inverse=True)[1]
    accepted = is_accepted(probabilities, ood_scores, thresholds)
    level = thresholds.guarantee.confidence_level if thresholds.guarantee else 0.95
    correlation = intraclass_correlation(wrong, members)
    return {
        "accuracy": 1 - float(wrong.mean()),
        "coverage": float(accepted.mean()),
        "selective_risk": float(wrong[accepted].mean()),
        "bound": risk_upper_bound(wrong[accepted], members[accepted], level, correlation),
    }
