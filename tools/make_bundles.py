"""Trains and saves the Fashion-MNIST bundles of the package: ``fashion-dnn`` and ``fashion-cnn``.

    python -m tools.make_bundles [--preset best] [--seed 0] [--runs FOLDER]

Training takes hours with the preset ``best``; with --runs the runs are kept, and an interrupted one is resumed. Both
models are distilled from the same teachers, if the preset has any. The graph is int8 if that is faster on this machine
and accurate enough on validation: at least 99 % of the predictions stay the same and less than 0.1 percentage points
are lost. Otherwise it is float16, with the same limits. The weights for further training are float16.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.timing import time_interleaved
from clothier import bundle, recipes
from clothier.data.sources import load_fashion_mnist
from clothier.evaluation.classifier import evaluate_classifier
from clothier.inference.loading import open_model
from clothier.inference.session import BATCH, OnnxClassifier
from clothier.training.export.float16 import to_float16_graph, to_float16_weights
from clothier.training.export.int8 import calibration_sample, quantize_graph
from clothier.training.options import TrainOptions
from clothier.training.prepared_training import split
from clothier.workflows.train import resume, train
from tools.compression_check import accuracy_problem, save_first_valid

if TYPE_CHECKING:
    from clothier.types import Images

MODELS: tuple[recipes.ModelName, ...] = ("cnn", "dnn")  # the first trains the teachers
ROUNDS = 21  # of each graph


def main() -> None:
    """Trains, compresses, checks and saves both models."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="best", choices=recipes.PRESETS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=Path, help="keep the runs in FOLDER/cnn and FOLDER/dnn", metavar="FOLDER")
    parser.add_argument("--out", type=Path, default=bundle.BUNDLED_DIR)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs = options.runs or Path(folder)
        for model in MODELS:
            recipe = recipes.preset(model, options.preset)
            teachers = runs / MODELS[0] if model != MODELS[0] and recipe.distill.teachers else None
            train_options = TrainOptions(recipe=recipe, seed=options.seed, out=runs / model, teachers_from=teachers)
            run = (
                resume(runs / model, expected=train_options)
                if (runs / model / "config.json").is_file()
                else train(train_options)
            )
            write_bundle(bundle.open_bundle(run.bundle), f"fashion-{model}", recipe, options.out)


def write_bundle(reference: bundle.Bundle, name: str, recipe: recipes.Recipe, folder: Path) -> None:
    """Saves the compressed bundle as ``folder``/``name`` with its own metrics in the card."""
    dataset = load_fashion_mnist()
    train_images, validation = split(dataset, recipe)
    graph, weights = reference.graph.read_bytes(), to_float16_weights(reference.weights.read_bytes())
    metadata = replace(reference.metadata, name=name, metrics={})

    def problem(kind: str, compressed: bundle.Bundle) -> str | None:
        reason = accuracy_problem(reference, compressed, validation.images, validation.labels)
        return reason or (speed_problem(reference, compressed, validation.images) if kind == "int8" else None)

    graphs = {
        "int8": lambda: quantize_graph(graph, calibration_sample(train_images.images)),
        "float16": lambda: to_float16_graph(graph),
    }
    saved = save_first_valid(folder / name, metadata, graphs, weights, {}, problem)
    splits = {"validation": validation, "test": dataset.test}
    metrics = {
        part: evaluate_classifier(open_model(saved), data, recipe.augment)[0].to_json() for part, data in splits.items()
    }
    bundle.save(folder / name, replace(metadata, metrics=metrics), saved.graph.read_bytes(), weights)
    size = sum(file.stat().st_size for file in saved.path.iterdir())
    print(f"{saved.path}: test {metrics['test']['accuracy']:.2%}, {size / 1e6:.1f} MB")


def speed_problem(reference: bundle.Bundle, compressed: bundle.Bundle, images: Images) -> str | None:
    """The time of ``compressed`` relative to ``reference``; None if it is faster."""
    batch = images[:BATCH]
    variants = {one.metadata.name: partial(run_once, OnnxClassifier(one), batch) for one in (reference, compressed)}
    ratio = time_interleaved(variants, ROUNDS, warm_up=True).ratio(compressed.metadata.name, reference.metadata.name)
    return f"it takes {ratio:.2f} of the time of float32" if ratio >= 1 else None


def run_once(classifier: OnnxClassifier, images: Images, _: int) -> None:
    """One timed run."""
    classifier.run(images)


if __name__ == "__main__":
    main()
