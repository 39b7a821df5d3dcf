"""What follows training: the bundle and the metrics of a run."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from clothier import bundle
from clothier.evaluation.classifier import evaluate_classifier
from clothier.inference.session import OnnxClassifier
from clothier.runs import Run
from clothier.selective.temperature import calibration_metadata
from clothier.training.export.bundle_export import export_bundle, open_uncalibrated
from clothier.training.layers import layer_table
from clothier.training.networks import count_parameters
from clothier.types import InputSpec

if TYPE_CHECKING:
    from clothier.data.dataset import Dataset, LabeledImages
    from clothier.training.finetune.cross_validation import FineTuneResult
    from clothier.training.prepared_training import TrainResult
    from clothier.types import Evaluation, Floats, Progress

FASHION_MNIST_INPUT = InputSpec()
FEW_STEPS = 100  # of the optimizer
FINALIZE_STEPS = 4  # the caller reports the last one, after the report


class Finalized(NamedTuple):
    """The results of a run: what ``metrics.json`` will hold, and the calibrated test logits, (N, K) float32."""

    metrics: dict[str, Any]
    test_logits: Floats


def finalize(run: Run, result: TrainResult, dataset: Dataset, progress: Progress) -> Finalized:
    """Exports the bundle, fits its temperature, evaluates it and writes ``predictions.npz``; not ``metrics.json``.

    All metrics are those of the exported bundle. The test images are read here, when nothing is left to choose; by
    teachers, before their student is trained. The model runs once on the validation images and once on the test
    images, besides the augmented views of test-time augmentation.
    """
    task, validation, augment = f"measure {result.recipe.model}", result.validation, result.recipe.augment
    progress(task, 0, FINALIZE_STEPS, "export")
    parity_images = (validation or dataset.train).images
    exported = export_bundle(run.bundle, _bundle_metadata(run, result, dataset), result.network, parity_images)
    progress(task, 1, FINALIZE_STEPS, "validation")
    calibration, logits = _calibrate(run, exported, validation)
    card = replace(exported.metadata, calibration=calibration)
    graph = bundle.described(exported.graph.read_bytes(), card)  # it names the temperature
    calibrated = bundle.save(run.bundle, card, graph, exported.weights.read_bytes())
    classifier = OnnxClassifier(calibrated)
    evaluations = {}
    if validation:
        found, _ = evaluate_classifier(classifier, validation, augment, logits["validation"])
        evaluations["validation"] = found.to_json()
    progress(task, 2, FINALIZE_STEPS, "test")
    found, logits["test"] = evaluate_classifier(classifier, dataset.test, augment)
    evaluations["test"] = found.to_json()
    warnings = _warnings(result, dataset, found)
    for warning in warnings:
        progress(task, 0, 0, warning)
    run.write_predictions(logits)
    bundle.write_metadata(calibrated, replace(calibrated.metadata, metrics=evaluations))
    progress(task, 3, FINALIZE_STEPS, "report")
    found_metrics = {**_run_metrics(result, dataset), "warnings": warnings, "validation": None, **evaluations}
    return Finalized(found_metrics, logits["test"])


def _calibrate(
    run: Run, exported: bundle.Bundle, validation: LabeledImages | None
) -> tuple[dict[str, Any], dict[str, Floats]]:
    """The calibration of the bundle, and the calibrated logits of the validation images, where there are any."""
    if validation is None:  # a refit: the temperature of the run that had validation images
        reference = bundle.open_bundle(Run(Path(run.config["refit"])).bundle)
        return {**reference.metadata.calibration, "fitted_on": "validation images of the reference run"}, {}
    logits = open_uncalibrated(exported).run(validation.images).logits
    calibration = calibration_metadata(logits, validation.labels)
    return calibration, {"validation": logits / calibration["temperature"]}


def _bundle_metadata(run: Run, result: TrainResult, dataset: Dataset) -> bundle.BundleMetadata:
    """The card; no photo can be converted to another size than Fashion-MNIST's."""
    height, width = dataset.train.images.shape[1:]
    is_usual = (height, width) == FASHION_MNIST_INPUT.shape
    input_spec = FASHION_MNIST_INPUT if is_usual else InputSpec(f"gray{height}x{width}", height, width)
    data = {"name": dataset.name, "digest": dataset.digest, **dataset.digests}
    return base_metadata(result, run.recipe_as_trained, dataset.classes, input_spec, data)


def base_metadata(
    result: TrainResult | FineTuneResult,
    recipe: dict[str, Any],
    classes: tuple[str, ...],
    input_spec: InputSpec,
    data: dict[str, Any],
) -> bundle.BundleMetadata:
    """The card of a trained model, without calibration and metrics."""
    return bundle.BundleMetadata(
        name=f"{result.recipe.model}-{result.recipe.preset}",
        model=result.recipe.model,
        preset=result.recipe.preset,
        classes=classes,
        input_spec=input_spec,
        recipe={**recipe, "seed": result.seed},
        parameters=count_parameters(result.network),
        data=data,
        clothier_version=version("clothier"),
    )


def _run_metrics(result: TrainResult, dataset: Dataset) -> dict[str, Any]:
    data = {
        "name": dataset.name,
        "digest": dataset.digest,
        "files": dict(dataset.digests),
        "train": len(dataset.train) - len(result.validation or ()),
        "failures": [failure.to_json() for failure in dataset.failures],
        "warnings": list(dataset.warnings),
    }
    teachers = {"teachers": result.teacher_metrics} if result.teacher_metrics else {}
    layers = layer_table(result.network, dataset.train.images.shape[1:])
    return {**base_metrics(result, count_parameters(result.network), data), "layers": layers, **teachers}


def _warnings(result: TrainResult, dataset: Dataset, test: Evaluation) -> list[str]:
    """What a reader must know before using the model, a sentence each."""
    recipe, warnings = result.recipe, []
    n_train = len(dataset.train) - len(result.validation or ())
    if result.steps < FEW_STEPS:
        epochs = f"{len(result.records)} epoch{'s' * (len(result.records) != 1)}"
        warnings.append(
            f"The training had too few steps to learn: {result.steps} ({n_train:,} images, {recipe.batch_size} a step, "
            f"{epochs}). Use more images or epochs, or a smaller batch_size."
        )
    most_frequent = float(dataset.test.class_counts(len(dataset.classes)).max() / len(dataset.test))
    if test.accuracy <= most_frequent + 2 * test.standard_error:
        warnings.append(
            f"The test accuracy, {100 * test.accuracy:.1f} %, is not clearly above {100 * most_frequent:.1f} %, which "
            "always predicting the most frequent class would reach. Do not use this model."
        )
    return warnings


def base_metrics(result: TrainResult | FineTuneResult, parameters: int, data: dict[str, Any]) -> dict[str, Any]:
    """What ``metrics.json`` says of every training."""
    return {
        "model": result.recipe.model,
        "preset": result.recipe.preset,
        "parameters": parameters,
        "seed": result.seed,
        "train_seconds": result.seconds,
        "epochs": len(result.records),
        "data": data,
    }
