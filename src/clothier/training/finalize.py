"""From a trained network to what people use and read: bundle, metrics, figures, card and report of a run."""

from __future__ import annotations

import shlex
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier import atomic, bundle
from clothier.errors import ModelError
from clothier.evaluation.classifier import measure
from clothier.inference.session import OnnxClassifier
from clothier.metrics import softmax
from clothier.report import formatting
from clothier.report.captioned_figure import save_figures
from clothier.report.figures import model_figures
from clothier.report.model_card import model_card
from clothier.report.page import render_run
from clothier.report.sections import ModelSection, Provenance
from clothier.runs import Run
from clothier.selective.temperature import calibration_metadata
from clothier.training.export import graph
from clothier.training.networks import count_parameters
from clothier.training.torch_classifier import TorchClassifier
from clothier.types import InputSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clothier.data.dataset import Dataset, LabeledImages
    from clothier.recipes import Recipe
    from clothier.report.captioned_figure import CaptionedFigure
    from clothier.training.prepared_training import TrainResult
    from clothier.types import Classifier, Floats, Images, Progress

PARITY_TOLERANCE = 1e-4  # largest difference of a probability between torch and ONNX Runtime, both in float32
FASHION_MNIST_INPUT = InputSpec()  # of Fashion-MNIST, which photos can be brought to
PARITY_BATCHES = (1, 7, 64, 256)  # pictures; a graph that froze its batch size fails at one of them


def finalize(run: Run, result: TrainResult, dataset: Dataset, progress: Progress) -> None:
    """Writes everything of a run that comes after training; ``metrics.json`` last, which marks it finished.

    Every figure is taken from the bundle as it will be used, not from the network in memory. The test part is read
    here for the first time, when nothing is left to choose.

    Raises:
        ModelError: the exported graph does not answer as the network does.
        StorageError: the disk refused.
    """
    steps = 4.0
    task = f"measure {result.recipe.model}"
    progress(task, 0, steps, "export")
    card = _bundle_metadata(run, result, dataset)
    exported, weights = graph.to_onnx(result.network, card.input_spec), graph.to_safetensors(result.network)
    raw = OnnxClassifier(bundle.save(run.bundle, card, exported, weights))
    held_out = result.validation
    check_parity(TorchClassifier(result.network, dataset.classes), raw, (held_out or dataset.train).images)
    card = replace(card, calibration=_fit_calibration(run, raw, held_out))
    classifier = OnnxClassifier(bundle.save(run.bundle, card, exported, weights))
    progress(task, 1, steps, "validation")
    augment = result.recipe.augment
    validation = measure(classifier, held_out, augment).to_json() if held_out else None
    progress(task, 2, steps, "test")
    test = measure(classifier, dataset.test, augment)
    metrics = _metrics(result, dataset, {"validation": validation, "test": test.to_json()})
    progress(task, 3, steps, "report")
    logits = classifier.run(dataset.test.images).logits
    _write_report(run, result, dataset, metrics, logits)
    figures = {part: metrics[part] for part in ("validation", "test") if metrics[part]}
    bundle.save(run.bundle, replace(card, metrics=figures), exported, weights)
    atomic.write_json(run.path / "metrics.json", metrics)
    progress(task, steps, steps, f"test {100 * test.accuracy:.2f} %")


def model_section(
    run: Run, recipe: Recipe, metrics: Mapping[str, Any], figures: Mapping[str, CaptionedFigure]
) -> ModelSection:
    """A run as the report shows it."""
    held_out = metrics["validation"]
    chosen = f"{held_out['n']:,} kept out to choose by" if held_out else "none kept out; the temperature is its twin's"
    kept = "the epoch with the best validation accuracy" if recipe.select == "best" else "the last epoch"
    protocol = (
        f"Trained on {metrics['data']['train']:,} images, {chosen}; the weights are those of {kept}; the test images "
        "were read once, after that."
    )
    return ModelSection(
        name=recipe.model.upper(),
        metrics=metrics,
        history=run.read_results(),
        figures=figures,
        recipe=actual_recipe(run, recipe),
        protocol=protocol + _mining_sentence(recipe) + _teachers_sentence(metrics.get("teachers")),
    )


def _teachers_sentence(teachers: Mapping[str, Any] | None) -> str:
    """Whom the network learnt from, and how good those are together."""
    if not teachers:
        return ""
    together = teachers["test"]
    return (
        f" It learnt the mean answer of {teachers['n']} CNNs (preset {teachers['preset']}), which were trained on the "
        f"same images{_generations_phrase(teachers)}; together they reach {formatting.format_percent(together['accuracy'], 2)} on test, "
        f"and {formatting.format_percent(together['accuracy_tta'], 2)} with test-time augmentation."
    )


def _generations_phrase(teachers: Mapping[str, Any]) -> str:
    """What the teachers learnt themselves."""
    generations = teachers.get("generations", 1)  # runs of earlier versions had one and did not say so
    if generations == 1:
        return " from the labels"
    count = teachers["n"] // generations
    return f", the first {count} from the labels, every further {count} from the mean answer of all before them"


def _mining_sentence(recipe: Recipe) -> str:
    """Why a training curve may turn: the later epochs of a recipe that focuses see what is hard."""
    if recipe.hard_example_mining.fraction == 1:
        return ""
    return (
        f" From epoch {recipe.hard_example_mining.start_epoch} on, an epoch saw {formatting.format_percent(recipe.hard_example_mining.fraction, 0)} of the images, "
        "mostly those with the highest losses; its training loss and accuracy are of those."
    )


def actual_recipe(run: Run, recipe: Recipe) -> dict[str, Any]:
    """The recipe's fields; a network of the user's own stands in the place of the recipe's."""
    own = run.config.get("own_network")
    return {**recipe.to_json(), "network": {"kind": own}} if own else recipe.to_json()


def _write_report(run: Run, result: TrainResult, dataset: Dataset, metrics: dict[str, Any], logits: Floats) -> None:
    figures = model_figures(logits, dataset.test, dataset.classes, result.records)
    save_figures(figures, run.path / "figures")
    section = model_section(run, result.recipe, metrics, figures)
    origin = Provenance(_reproduce_command(run, result.recipe), run.environment)
    atomic.write_text(run.path / "model_card.md", model_card(section, dataset.name, origin))
    atomic.write_text(run.path / "report.html", render_run(section, dataset.name, origin))


def _reproduce_command(run: Run, recipe: Recipe) -> str:
    """What trains it again."""
    own = run.config.get("own_network")
    if own:
        return f"clothier.train({recipe.model!r}, recipe=..., network={own}(...))"
    return f"clothier train --config {shlex.quote(str(run.path / 'config.json'))}"


def _fit_calibration(run: Run, uncalibrated: Classifier, validation: LabeledImages | None) -> dict[str, Any]:
    """The temperature by what was kept out; where nothing was, that of the run's twin."""
    if validation:
        return calibration_metadata(uncalibrated.run(validation.images).logits, validation.labels)
    twin = bundle.open_bundle(Run(Path(run.config["refit"])).bundle)
    return {**twin.metadata.calibration, "fitted_on": "the validation images of a twin"}


def check_parity(torch_classifier: Classifier, onnx_classifier: Classifier, images: Images) -> float:
    """The largest difference of a probability between the two, over several batch sizes.

    Raises:
        ModelError: it is above ``PARITY``.
    """
    differences = []
    for size in PARITY_BATCHES:
        batch = images[:size]
        ours, theirs = (softmax(one.run(batch).logits) for one in (torch_classifier, onnx_classifier))
        differences.append(float(np.abs(ours - theirs).max()))
    if max(differences) > PARITY_TOLERANCE:
        raise ModelError(
            f"the exported graph answers differently from the network: by {max(differences):.2g} at most, and "
            f"{PARITY_TOLERANCE} is allowed. Change the part of the network that ONNX cannot express."
        )
    return max(differences)


def _bundle_metadata(run: Run, result: TrainResult, dataset: Dataset) -> bundle.BundleMetadata:
    recipe = result.recipe
    return bundle.BundleMetadata(
        name=f"{recipe.model}-{recipe.preset}",
        model=recipe.model,
        preset=recipe.preset,
        classes=dataset.classes,
        input_spec=_input_spec(dataset.train.images),
        recipe={**actual_recipe(run, recipe), "seed": result.seed},
        parameters=count_parameters(result.network),
        data={"name": dataset.name, "digest": dataset.digest, **dataset.digests},
        clothier_version=version("clothier"),
    )


def _input_spec(images: Images) -> InputSpec:
    """The view that a model of ``images`` wants; photos cannot be brought to one of another size."""
    height, width = images.shape[1:]
    return (
        FASHION_MNIST_INPUT
        if (height, width) == FASHION_MNIST_INPUT.shape
        else InputSpec(f"grey{height}x{width}", height, width)
    )


def _metrics(result: TrainResult, dataset: Dataset, evaluations: dict[str, Any]) -> dict[str, Any]:
    recipe = result.recipe
    return {
        "model": recipe.model,
        "preset": recipe.preset,
        "parameters": count_parameters(result.network),
        "seed": result.seed,
        "train_seconds": result.seconds,
        "epochs": len(result.records),
        "data": {
            "name": dataset.name,
            "digest": dataset.digest,
            "files": dict(dataset.digests),
            "train": len(dataset.train) - len(result.validation or ()),
            "failures": [failure.to_json() for failure in dataset.failures],
            "warnings": list(dataset.warnings),
        },
        **({"teachers": result.teacher_metrics} if result.teacher_metrics else {}),
        **evaluations,
    }
