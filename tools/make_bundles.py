"""Makes the bundles that ship inside the package: ``fashion-dnn`` and ``fashion-cnn``.

    python -m tools.make_bundles [--preset best] [--seed 0] [--runs FOLDER]

Each is trained from the start, hours by the preset best; with --runs the trainings are kept, and gone on with when the
command was stopped. Both learn from the same teachers, where the preset has any. A graph ships in int8 if that is
quicker here and costs nothing on validation: at least 99 % of the answers must stay the same, and less than 0.1 point
may be lost. If not, it ships in float16, which must keep to the same. The weights to train on from are float16.
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
from clothier.inference.session import BATCH, OnnxClassifier
from clothier.training.export.float16 import to_float16_graph, to_float16_weights
from clothier.training.export.int8 import calibration_sample, quantize_graph
from clothier.training.prepared_training import split
from clothier.workflows.train import TrainOptions, resume, train
from tools import compression_check as shipping

if TYPE_CHECKING:
    from clothier.types import Images

MODELS: tuple[recipes.ModelName, ...] = ("cnn", "dnn")  # the first has the teachers
ROUNDS = 21  # of each side


def main() -> None:
    """Trains, compresses, checks and stores both models."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="best", choices=recipes.PRESETS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=Path, help="keeps the trainings in FOLDER/cnn and FOLDER/dnn", metavar="FOLDER")
    parser.add_argument("--out", type=Path, default=bundle.BUNDLED_DIR)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs = options.runs or Path(folder)
        for model in MODELS:
            recipe = recipes.preset(model, options.preset)
            teachers = runs / MODELS[0] if model != MODELS[0] and recipe.distill.teachers else None
            asked = TrainOptions(recipe=recipe, seed=options.seed, out=runs / model, teachers_from=teachers)
            run = resume(runs / model, expected=asked) if (runs / model / "config.json").is_file() else train(asked)
            write_bundle(bundle.open_bundle(run.bundle), f"fashion-{model}", recipe, options.out)


def write_bundle(reference: bundle.Bundle, name: str, recipe: recipes.Recipe, folder: Path) -> None:
    """Stores a bundle under ``folder``/``name`` as small as it may be, with its own figures in the card."""
    dataset = load_fashion_mnist()
    learnt, validation = split(dataset, recipe)
    graph, weights = reference.graph.read_bytes(), to_float16_weights(reference.weights.read_bytes())
    card = replace(reference.metadata, name=name, metrics={})
    small = bundle.save(folder / name, card, quantize_graph(graph, calibration_sample(learnt.images)), weights)
    images, labels = validation.images, validation.labels
    objection = shipping.accuracy_problem(reference, small, images, labels) or speed_problem(reference, small, images)
    if objection:
        print(f"{name}: int8 {objection}; float16 in its place")
        small = bundle.save(folder / name, card, to_float16_graph(graph), weights)
        if objection := shipping.accuracy_problem(reference, small, images, labels):
            raise SystemExit(f"{name}: float16 {objection}; not shipped")
    parts = {"validation": validation, "test": dataset.test}
    figures = {
        part: evaluate_classifier(OnnxClassifier(small), data, recipe.augment)[0].to_json()
        for part, data in parts.items()
    }
    bundle.save(folder / name, replace(card, metrics=figures), small.graph.read_bytes(), weights)
    size = sum(file.stat().st_size for file in small.path.iterdir())
    print(f"{small.path}: test {figures['test']['accuracy']:.2%}, {size / 1e6:.1f} MB")


def speed_problem(reference: bundle.Bundle, compressed: bundle.Bundle, images: Images) -> str | None:
    """What share of the whole bundle's time the small one takes, if it is no less."""
    batch = images[:BATCH]
    sides = {one.metadata.name: partial(run_once, OnnxClassifier(one), batch) for one in (reference, compressed)}
    ratio = time_interleaved(sides, ROUNDS, warm_up=True).ratio(compressed.metadata.name, reference.metadata.name)
    return f"takes {ratio:.2f} of float32's time" if ratio >= 1 else None


def run_once(classifier: OnnxClassifier, images: Images, _: int) -> None:
    """One turn of a side."""
    classifier.run(images)


if __name__ == "__main__":
    main()
