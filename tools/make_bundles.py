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

from benchmarks.timing import in_turns
from clothier import bundle, recipes
from clothier.data.sources import load_fashion_mnist
from clothier.evaluation.classifier import measure
from clothier.inference.session import BATCH, OnnxClassifier
from clothier.training.export.float16 import halve_graph, halve_weights
from clothier.training.export.int8 import calibration_sample, quantize_graph
from clothier.training.prepared_training import split
from clothier.workflows.train import TrainOptions, resume, train
from tools import compression_check as shipping

if TYPE_CHECKING:
    from clothier.types import Images

MODELS = ("cnn", "dnn")  # the first has the teachers
TURNS = 21  # of each side


def main() -> None:
    """Trains, compresses, checks and stores both models."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="best", choices=recipes.PRESETS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=Path, help="keeps the trainings in FOLDER/cnn and FOLDER/dnn", metavar="FOLDER")
    parser.add_argument("--out", type=Path, default=bundle.SHIPPED)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs = options.runs or Path(folder)
        for model in MODELS:
            recipe = recipes.preset(model, options.preset)
            teachers = runs / MODELS[0] if model != MODELS[0] and recipe.distill.teachers else None
            asked = TrainOptions(recipe=recipe, seed=options.seed, out=runs / model, teachers=teachers)
            run = resume(runs / model, expected=asked) if (runs / model / "config.json").is_file() else train(asked)
            ship(bundle.open_bundle(run.bundle), f"fashion-{model}", recipe, options.out)


def ship(whole: bundle.Bundle, name: str, recipe: recipes.Recipe, folder: Path) -> None:
    """Stores a bundle under ``folder``/``name`` as small as it may be, with its own figures in the card."""
    dataset = load_fashion_mnist()
    learnt, validation = split(dataset, recipe)
    graph, weights = whole.graph.read_bytes(), halve_weights(whole.weights.read_bytes())
    card = replace(whole.card, name=name, figures={})
    small = bundle.save(folder / name, card, quantize_graph(graph, calibration_sample(learnt.images)), weights)
    images, labels = validation.images, validation.labels
    objection = shipping.loses(whole, small, images, labels) or delays(whole, small, images)
    if objection:
        print(f"{name}: int8 {objection}; float16 in its place")
        small = bundle.save(folder / name, card, halve_graph(graph), weights)
        if objection := shipping.loses(whole, small, images, labels):
            raise SystemExit(f"{name}: float16 {objection}; not shipped")
    parts = {"validation": validation, "test": dataset.test}
    figures = {part: measure(OnnxClassifier(small), data, recipe.augment).to_json() for part, data in parts.items()}
    bundle.save(folder / name, replace(card, figures=figures), small.graph.read_bytes(), weights)
    size = sum(file.stat().st_size for file in small.path.iterdir())
    print(f"{small.path}: test {figures['test']['accuracy']:.2%}, {size / 1e6:.1f} MB")


def delays(whole: bundle.Bundle, small: bundle.Bundle, images: Images) -> str | None:
    """What share of the whole bundle's time the small one takes, if it is no less."""
    batch = images[:BATCH]
    sides = {one.card.name: partial(look, OnnxClassifier(one), batch) for one in (whole, small)}
    ratio = in_turns(sides, TURNS, warm_up=True).ratio(small.card.name, whole.card.name)
    return f"takes {ratio:.2f} of float32's time" if ratio >= 1 else None


def look(classifier: OnnxClassifier, images: Images, _: int) -> None:
    """One turn of a side."""
    classifier.run(images)


if __name__ == "__main__":
    main()
