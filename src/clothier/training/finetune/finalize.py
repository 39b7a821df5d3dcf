"""What follows the training of a photo model: calibration, metrics, audit and the bundle."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from clothier import atomic, bundle
from clothier.data.combined_splits import CombinedLabels
from clothier.data.fingerprints import to_bytes
from clothier.exploration.audit.findings import duplicate_rows, findings_to_csv, label_rows, unreadable_rows
from clothier.exploration.audit.label_issues import label_issues
from clothier.metrics import reliability, softmax
from clothier.selective.calibrate_card import calibrate_card
from clothier.selective.decisions import risk_coverage
from clothier.selective.ood import MIN_SAMPLES, fit_ood_scorer
from clothier.selective.shift import fit_shift_detector, held_out_distances
from clothier.training.export.bundle_export import export_bundle
from clothier.training.finalize import FINALIZE_STEPS, base_metadata, base_metrics
from clothier.training.finetune.cross_validation import baseline_comparison, out_of_fold_predictions, protocol
from clothier.training.finetune.efficientnet_lite import EARLY_STAGES
from clothier.votes import evaluate_products

if TYPE_CHECKING:
    from clothier.exploration.audit.label_issues import LabelIssues
    from clothier.metrics import Reliability
    from clothier.runs import Run
    from clothier.selective.calibrate_card import CalibratedCard
    from clothier.selective.decisions import RiskCoverage
    from clothier.selective.shift import ShiftDetector
    from clothier.selective.thresholds import RiskGuarantee
    from clothier.training.finetune.cross_validation import FineTuneResult, OutOfFoldPredictions
    from clothier.training.finetune.data import Indices, PhotoTrainingData
    from clothier.types import Evaluation, Progress

CARD_METRICS = ("protocol", "initial_weights", "validation", "baseline_comparison")  # of metrics.json
LIMITATIONS = (
    "The model knows garments as its training photos show them. It has never seen other ways to lay, hang or wear "
    "them, other backgrounds or other kinds of items."
)


class FinalizedPhotoModel(NamedTuple):
    """The results of a photo run: what ``metrics.json`` will hold, and what the figures show besides."""

    metrics: dict[str, Any]
    evaluation: Evaluation
    reliability: Reliability
    risk_coverage: RiskCoverage
    guarantee: RiskGuarantee | None


def finalize_photo(
    run: Run, result: FineTuneResult, photos: PhotoTrainingData, risk: float | str, progress: Progress
) -> FinalizedPhotoModel:
    """Calibrates and exports the final network; writes ``audit.csv`` and ``out_of_fold.npz``, but not ``metrics.json``.

    All metrics are those of the out-of-fold predictions. ``risk`` is a number or ``auto``, as in the options.

    Raises:
        ModelError: the exported graph differs from the network.
        StorageError: the disk refused.
    """
    progress("measure photo", 0, FINALIZE_STEPS, "calibration")
    oof = out_of_fold_predictions(photos, result)
    calibrated = _calibrate(result, photos, oof, risk)
    evaluation, labeled = oof.evaluation(), oof.labeled_indices
    progress("measure photo", 1, FINALIZE_STEPS, "audit")
    probabilities = softmax(oof.calibrated_logits[labeled])
    issues = label_issues(oof.labels[labeled], probabilities)
    atomic.write_text(run.path / "audit.csv", _audit(photos, oof, issues))
    atomic.write_bytes(run.path / "out_of_fold.npz", _npz(photos, oof))
    metrics = {
        **base_metrics(result, calibrated.card.parameters, _describe_data(photos) | photos.audit_summary()),
        "classes": list(oof.model_classes),
        "validation": {
            **evaluation.to_json(),
            "n_groups": len(np.unique(oof.groups[labeled])),
            **calibrated.selective,
        },
        "test": None,
        **_product_metrics(photos, oof),
        "protocol": protocol(result, photos),
        "initial_weights": result.start.weights.to_json(),
        "baseline_comparison": baseline_comparison(result, oof),
        "label_issues": len(issues.issue_indices),
    }
    progress("measure photo", 2, FINALIZE_STEPS, "export")
    card = replace(calibrated.card, metrics={name: metrics[name] for name in CARD_METRICS})
    export_bundle(run.bundle, card, result.network, photos.inputs[labeled], _optional_files(result, photos))
    progress("measure photo", 3, FINALIZE_STEPS, "report")
    return FinalizedPhotoModel(
        metrics,
        evaluation,
        reliability(probabilities, oof.labels[labeled]),
        risk_coverage(calibrated.confidence[labeled], calibrated.correct[labeled]),
        calibrated.thresholds.guarantee,
    )


def _product_metrics(photos: PhotoTrainingData, oof: OutOfFoldPredictions) -> dict[str, Any]:
    """``products``: accuracy of the votes of a product's photos, out of fold; nothing without a product column."""
    rows, products = oof.labeled_indices, photos.table.products
    if products is None:
        return {}
    return {"products": evaluate_products(softmax(oof.calibrated_logits[rows]), oof.labels[rows], products[rows])}


def _calibrate(
    result: FineTuneResult, photos: PhotoTrainingData, oof: OutOfFoldPredictions, risk: float | str
) -> CalibratedCard:
    result.network.requires_grad_(requires_grad=True)  # the frozen stages are counted as parameters, too
    data = {**_describe_data(photos), "photos": len(oof.labeled_indices)}
    return calibrate_card(
        base_metadata(result, result.recipe.to_json(), oof.model_classes, photos.input_spec, data),
        oof.model_logits,
        oof.labels,
        photos.groups,
        oof.ood_scores,
        classes=oof.classes,
        risk=risk,
        grouped_by=photos.grouped_by,
    )


def _describe_data(photos: PhotoTrainingData) -> dict[str, Any]:
    return {"name": photos.table.name, "digest": photos.digest, "limitations": LIMITATIONS}


def _optional_files(result: FineTuneResult, photos: PhotoTrainingData) -> dict[str, bytes]:
    """The hashes of the training photos; the OOD scorer, with enough photos; the shift detector, with enough groups."""
    labeled = photos.labeled_indices
    files = {bundle.TRAINING_HASHES_FILE: to_bytes(photos.hashes[labeled, 0])}
    if len(labeled) >= MIN_SAMPLES:
        scorer = fit_ood_scorer(result.final_output.embeddings[labeled], photos.table.labels[labeled])
        files[bundle.OOD_FILE] = scorer.to_bytes()
    if detector := _shift_detector(result, photos):
        files[bundle.SHIFT_FILE] = detector.to_bytes()
    return files


def _shift_detector(result: FineTuneResult, photos: PhotoTrainingData) -> ShiftDetector | None:
    """None with too few groups, or if the early stages were trained."""
    if result.recipe.frozen_stages < EARLY_STAGES:
        return None
    fold_embeddings = [one.embeddings for one in result.fold_outputs]
    held_out = held_out_distances(fold_embeddings, result.folds, photos.table.labels, photos.groups)
    labeled = photos.labeled_indices
    embeddings = result.final_output.embeddings[labeled]
    return fit_shift_detector(
        result.start.frozen.early_features[labeled], embeddings, held_out[labeled], photos.groups[labeled]
    )


def _npz(photos: PhotoTrainingData, oof: OutOfFoldPredictions) -> bytes:
    """The content of ``out_of_fold.npz``."""
    arrays = {
        "files": np.array(photos.table.files),
        "model_classes": np.array(oof.model_classes),
        "classes": np.array(oof.classes),
        "labels": oof.labels,
        "groups": photos.groups,
        "fold": oof.folds,
        "model_logits": oof.model_logits,
        "ood_scores": oof.ood_scores,
    }
    content = io.BytesIO()
    np.savez_compressed(content, **{name: array for name, array in arrays.items() if array is not None})  # type: ignore[arg-type]  # numpy's stubs
    return content.getvalue()


def _audit(photos: PhotoTrainingData, oof: OutOfFoldPredictions, issues: LabelIssues) -> str:
    """The text of ``audit.csv``: unreadable files, duplicates and suspected label errors."""
    names = (*oof.classes, "")  # the last for label -1

    def audited(rows: Indices) -> CombinedLabels:
        files = tuple(photos.table.files[row] for row in rows)
        return CombinedLabels(oof.labels[rows], files, len(rows), names)

    return findings_to_csv(
        [
            *unreadable_rows(photos.table.failures),
            *duplicate_rows(audited(np.arange(len(photos.table))), photos.duplicates),
            *label_rows(audited(oof.labeled_indices), 0, issues),
        ]
    )
