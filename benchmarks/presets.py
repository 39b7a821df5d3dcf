"""What the presets reach that ``clothier benchmark training`` does not race, over three seeds: accuracy on test.

    python -m benchmarks.presets            writes benchmarks/results/presets.json
    python -m benchmarks.presets --seeds 5  more seeds

Recipes were chosen on validation before; test is read here. Runs take turns, so that a machine that grows slower with
time slows all of them. A busy neighbour multiplies the seconds of two threads, so documents quote the fastest run.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.results import RESULTS_DIR, summarize, write_results
from clothier import recipes
from clothier.data.sources import load_fashion_mnist
from clothier.training.options import TrainOptions
from clothier.workflows.train import train

MODEL_PRESETS: list[tuple[recipes.ModelName, str]] = [("dnn", "classic"), ("cnn", "classic"), ("dnn", "fast")]


def main() -> None:
    """Trains every model of every preset with every seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="how many seeds, from 0 on")
    parser.add_argument("--out", type=Path, default=RESULTS_DIR / "presets.json", help="where the figures go")
    options = parser.parse_args()
    dataset = load_fashion_mnist()
    found: dict[tuple[str, str], list[dict[str, Any]]] = {pair: [] for pair in MODEL_PRESETS}
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(options.seeds):
            for model, preset in MODEL_PRESETS:
                out = Path(folder) / f"{model}-{preset}-{seed}"
                asked = TrainOptions(recipe=recipes.preset(model, preset), seed=seed, out=out)
                metrics = train(asked, dataset=dataset).metrics
                found[model, preset].append(metrics)
                print(model, preset, seed, metrics["test"]["accuracy"], round(metrics["train_seconds"], 1), flush=True)
    rows = [_row(f"{model} {preset}", runs) for (model, preset), runs in found.items()]
    command = f"python -m benchmarks.presets --seeds {options.seeds}"
    write_results(options.out, "presets", command, rows)


def _row(name: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """One preset of one model; no test-time augmentation in ``accuracy``."""
    accuracies = [run["test"]["accuracy"] for run in runs]
    augmented = [run["test"]["accuracy_tta"] for run in runs]
    return {
        "name": name,
        **summarize([run["train_seconds"] for run in runs], "s"),
        "accuracy": mean(accuracies),
        "accuracy_min": min(accuracies),
        "accuracy_max": max(accuracies),
        "accuracy_tta": None if None in augmented else mean(augmented),
        "validation_accuracy": mean(run["validation"]["accuracy"] for run in runs),
        "parameters": runs[0]["parameters"],
        "epochs": runs[0]["epochs"],
    }


if __name__ == "__main__":
    main()
