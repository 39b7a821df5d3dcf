"""From a fine-tuned network to what people use and read: bundle, metrics, audit, card and report of a photo run."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier import atomic, bundle, metrics
from clothier.data.perceptual_hash import dhash, to_bytes
from clothier.exploration.audit.findings import Finding, findings_to_csv, unreadable_rows
from clothier.exploration.audit.label_issues import label_issues
from clothier.inference.session import OnnxClassifier
from clothier.metrics import softmax
from clothier.selective.ood import MIN_SAMPLES, fit_ood_scorer
from clothier.taxonomy import map_labels
from clothier.training.export import graph
from clothier.training.export.bundle_export import check_parity
from clothier.training.finetune.cross_validation import (
    aggregate_logits,
    fold_metrics,
    mean_over_folds,
    out_of_fold_predictions,
)
from clothier.training.finetune.data import INPUT_SPEC
from clothier.training.finetune.epochs import best_epoch
from clothier.training.finetune.report import photo_figures, write_report
from clothier.training.networks import count_parameters
from clothier.training.torch_classifier import TorchClassifier

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from clothier.recipes.photo import PhotoRecipe
    from clothier.runs import Run
    from clothier.training.finetune.cross_validation import OutOfFoldPredictions
    from clothier.training.finetune.data import PhotoTrainingData
    from clothier.training.finetune.efficientnet_lite import EfficientNetLite0
    from clothier.types import EpochRecord, Evaluation, Floats, ModelOutput, Progress

    Indices = npt.NDArray[np.intp]

LIMITATIONS = (
    "It knows garments as its photos show them. Whatever they lack - another way of laying, hanging or wearing, "
    "another ground, another kind of thing - it has never seen."
)


@dataclass(frozen=True, slots=True, eq=False)
class FineTuneResult:
    """What training hands over.

    Attributes:
        network: the final one, which learnt from all labelled photos.
        recipe: how.
        seed: likewise.
        folds: places learnt from and tested on.
        fold_outputs: of each fold's network, over all N photos.
        final_outputs: of the final network.
        baseline_logits: (N, K) out-of-fold logits of frozen features with logistic regression.
        baseline_c: its C, the best of four on the same folds.
        records: one an epoch.
        train_seconds: from the files to the final weights.
    """

    network: EfficientNetLite0
    recipe: PhotoRecipe
    seed: int
    folds: tuple[tuple[Indices, Indices], ...]
    fold_outputs: tuple[ModelOutput, ...]
    final_outputs: ModelOutput
    baseline_logits: Floats
    baseline_c: float
    records: tuple[EpochRecord, ...]
    train_seconds: float


def finalize_photo(run: Run, result: FineTuneResult, photos: PhotoTrainingData, progress: Progress) -> None:
    """Writes everything of a run that comes after training; ``metrics.json`` last, which marks it finished.

    Raises:
        ModelError: the exported graph does not answer as the network does.
        StorageError: the disk refused.
    """
    progress("measure photo", 0, 3, "photographers kept out")
    found = out_of_fold_predictions(photos, result.folds, result.fold_outputs)
    evaluation = found.evaluation()
    card = found.calibrate_card(
        _bundle_metadata(result, photos), "photographer" if photos.table.has_groups else "photo"
    )
    measured = _metrics(result, photos, found, evaluation, card)
    progress("measure photo", 1, 3, "export")
    export_bundle(run, replace(card, metrics=_reported_metrics(measured)), result, photos)
    progress("measure photo", 2, 3, "report")
    _write_audit(run, photos, found)
    _save_out_of_fold(run, photos, found)
    write_report(run, result.recipe, result.records, photo_figures(result.records, found, card), measured)
    atomic.write_json(run.path / "metrics.json", measured)
    progress("measure photo", 3, 3, f"photographers kept out: {100 * evaluation.accuracy:.2f} %")


def export_bundle(run: Run, card: bundle.BundleMetadata, result: FineTuneResult, photos: PhotoTrainingData) -> None:
    """Exports the final network, and opens it as a user would."""
    exported, weights = graph.to_onnx(result.network, INPUT_SPEC), graph.to_safetensors(result.network)
    known = photos.labeled_indices
    extras = {bundle.TRAINING_HASHES_FILE: to_bytes(dhash(photos.inputs[known]))}
    if len(known) >= MIN_SAMPLES:
        bank = fit_ood_scorer(result.final_outputs.embeddings[known], photos.table.labels[known])
        extras[bundle.OOD_FILE] = bank.to_bytes()
    classifier = OnnxClassifier(bundle.save(run.bundle, replace(card, calibration={}), exported, weights, extras))
    check_parity(
        TorchClassifier(result.network, card.classes, input_spec=INPUT_SPEC), classifier, photos.inputs[known[:256]]
    )
    bundle.save(run.bundle, card, exported, weights, extras)


def _bundle_metadata(result: FineTuneResult, photos: PhotoTrainingData) -> bundle.BundleMetadata:
    recipe = result.recipe
    return bundle.BundleMetadata(
        name=f"photo-{recipe.preset}",
        model="photo",
        preset=recipe.preset,
        classes=photos.table.classes,
        input_spec=INPUT_SPEC,
        recipe={**recipe.to_json(), "seed": result.seed},
        parameters=count_parameters(result.network.requires_grad_(True)),
        data={
            "name": photos.table.name,
            "digest": photos.digest,
            "photos": len(photos.labeled_indices),
            "limitations": LIMITATIONS,
        },
        clothier_version=version("clothier"),
    )


def _metrics(
    result: FineTuneResult,
    photos: PhotoTrainingData,
    oof: OutOfFoldPredictions,
    evaluation: Evaluation,
    card: bundle.BundleMetadata,
) -> dict[str, Any]:
    return {
        "model": "photo",
        "preset": result.recipe.preset,
        "classes": list(card.classes),
        "parameters": card.parameters,
        "seed": result.seed,
        "train_seconds": result.train_seconds,
        "epochs": len(result.records),
        "data": {
            "name": photos.table.name,
            "digest": photos.digest,
            "limitations": LIMITATIONS,
            **photos.audit_summary(),
        },
        "validation": {**evaluation.to_json(), **oof.selective(card), "guarantee": card.thresholds.get("guarantee")},
        "test": None,
        "protocol": protocol(result, photos),
        "baseline_comparison": _baseline_comparison(result, photos, oof),
        "label_issues": len(_label_issues(oof).issue_indices),
    }


def protocol(result: FineTuneResult, photos: PhotoTrainingData) -> str:
    """How the figures came about, in sentences."""
    grouped = (
        "split by the table's groups (who took the photo)"
        if photos.table.has_groups
        else "split at random, for the table has no groups: photos of one person may stand on both sides"
    )
    return (
        f"{len(result.folds)} folds of {len(photos.labeled_indices):,} labelled photos, {grouped}: StratifiedGroupKFold, "
        f"shuffled, random_state {result.seed}. Each photo is answered by the network that did not learn from its "
        "fold; accuracy, recall and calibration are over all these answers, with each fold's temperature fitted on "
        f"the others. The thresholds are fitted on the same answers. {_describe_early_stopping(result)}The shipped network learnt from "
        "all labelled photos in the same way; it was not measured itself."
    )


def _describe_early_stopping(result: FineTuneResult) -> str:
    """Which epoch was kept, in a sentence, where there was a choice."""
    if len(result.records) < 2:
        return ""
    return (
        f"Of {len(result.records)} epochs the one with the lowest loss on these answers was kept, number "
        f"{best_epoch(result.records)}, which makes the figures a little kind. "
    )


def _baseline_comparison(
    result: FineTuneResult, photos: PhotoTrainingData, oof: OutOfFoldPredictions
) -> dict[str, Any]:
    """Frozen features with logistic regression, and this model: means over the same folds, and the paired test."""
    classes, words = photos.table.classes, oof.classes
    before = aggregate_logits(result.baseline_logits, classes, words)
    labels = map_labels(photos.table.labels, classes, words)
    first = mean_over_folds(fold_metrics(before, labels, result.folds))
    second = mean_over_folds(oof.metrics_per_fold())
    known = oof.labeled_indices
    paired = metrics.mcnemar(
        oof.logits[known].argmax(axis=1) == labels[known], before[known].argmax(axis=1) == labels[known]
    )
    gain = {name: second[name] - first[name] for name in ("accuracy", "macro_recall")}
    return {
        "baseline": {"name": f"frozen features, logistic regression (C = {result.baseline_c:g})", **first},
        "model": {"name": f"photo {result.recipe.preset}", **second},
        "gain": gain,
        "mcnemar": paired.to_json(),
    }


def _reported_metrics(run_metrics: dict[str, Any]) -> dict[str, Any]:
    """What of the metrics stands in the card."""
    return {name: run_metrics[name] for name in ("protocol", "validation", "baseline_comparison")}


def _label_issues(oof: OutOfFoldPredictions) -> Any:
    known = oof.labeled_indices
    return label_issues(oof.labels[known], softmax(oof.calibrated_logits[known]))


def _write_audit(run: Run, photos: PhotoTrainingData, oof: OutOfFoldPredictions) -> None:
    atomic.write_text(run.path / "audit.csv", findings_to_csv(_audit_findings(photos, oof)))


def _save_out_of_fold(run: Run, photos: PhotoTrainingData, oof: OutOfFoldPredictions) -> None:
    """Keeps the out-of-fold answers, from which thresholds can be fitted anew."""
    file = io.BytesIO()
    np.savez_compressed(file, **oof.arrays(photos.table.files))  # type: ignore[arg-type]  # numpy's stubs
    atomic.write_bytes(run.path / "out_of_fold.npz", file.getvalue())


def _audit_findings(photos: PhotoTrainingData, oof: OutOfFoldPredictions) -> Iterator[Finding]:
    files, names = photos.table.files, [*oof.classes, ""]
    yield from unreadable_rows(photos.table.failures)
    for kind, groups in (("exact-duplicate", photos.duplicates.exact), ("near-duplicate", photos.duplicates.near)):
        for first, *copies in groups:
            for copy in copies:
                yield Finding(
                    kind="exact-duplicate" if kind == "exact-duplicate" else "near-duplicate",
                    file=files[copy],
                    class_name=names[oof.labels[copy]],
                    reason="the same picture" if kind == "exact-duplicate" else "nearly the same picture",
                    duplicate_of=files[first],
                )
    issues, known = _label_issues(oof), oof.labeled_indices
    for place in issues.issue_indices.tolist():
        label, suggested = names[oof.labels[known[place]]], names[issues.suggested_labels[place]]
        yield Finding(
            kind="label",
            file=files[known[place]],
            class_name=label,
            score=round(-float(issues.margin[place]), 6),
            reason=f"labelled {label}, looks like {suggested}",
            suggested_label=suggested,
        )
