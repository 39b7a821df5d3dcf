"""Makes the bundles that ship inside the package: ``fashion-dnn`` and ``fashion-cnn``.

    python tools/make_bundles.py [--preset fast] [--seed 0]

Each is trained from the start, stored in float16, and refused if that costs accuracy on validation: at least 99 % of
the answers must stay the same, and at most 0.1 point may be lost.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

from clothier import bundle, recipes
from clothier.data.sources import load_fashion_mnist
from clothier.inference import OnnxClassifier
from clothier.learning.compress import halve_graph, halve_weights
from clothier.workflows.evaluate import measure
from clothier.workflows.train import TrainOptions, split, train

AGREEMENT = 0.99  # share of validation answers that must stay the same
LOSS = 0.001  # accuracy on validation that may be lost


def main() -> None:
    """Trains, compresses, checks and stores both models."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="fast", choices=recipes.PRESETS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=bundle.SHIPPED)
    options = parser.parse_args()
    for model in recipes.MODELS:
        with tempfile.TemporaryDirectory() as folder:
            recipe = recipes.preset(model, options.preset)
            run = train(TrainOptions(recipe=recipe, seed=options.seed, out=Path(folder) / model))
            ship(bundle.open_bundle(run.bundle), f"fashion-{model}", recipe, options.out)


def ship(whole: bundle.Bundle, name: str, recipe: recipes.Recipe, folder: Path) -> None:
    """Stores a bundle in float16 under ``folder``/``name``, with its own figures in the card."""
    graph, weights = halve_graph(whole.graph.read_bytes()), halve_weights(whole.weights.read_bytes())
    small = bundle.save(folder / name, replace(whole.card, name=name, figures={}), graph, weights)
    dataset = load_fashion_mnist()
    _, validation = split(dataset, recipe)
    before, after = (OnnxClassifier(one).run(validation.images).logits.argmax(1) for one in (whole, small))
    agreement = float((before == after).mean())
    lost = float((before == validation.labels).mean() - (after == validation.labels).mean())
    if agreement < AGREEMENT or lost > LOSS:
        raise SystemExit(f"{name}: float16 keeps {agreement:.2%} of the answers and costs {lost:.2%}; not shipped")
    parts = {"validation": validation, "test": dataset.test}
    figures = {part: measure(OnnxClassifier(small), images, recipe.augment).to_json() for part, images in parts.items()}
    bundle.save(folder / name, replace(small.card, figures=figures), graph, weights)
    size = sum(file.stat().st_size for file in small.path.iterdir())
    print(f"{small.path}: test {figures['test']['accuracy']:.2%}, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
