"""Test accuracy of the study's presets, over three seeds.

    python -m benchmarks.presets            writes benchmarks/results/presets.json
    python -m benchmarks.presets --seeds 5  more seeds

Recipes were chosen before (docs/log.md); the test set is read after training. Runs are interleaved, so that a machine
that slows down affects all of them. Other work on the machine multiplies the seconds of two threads, so documents
quote the fastest run.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.results import make_parser, mean_and_range, mean_or_none, summarize, write_results
from clothier import recipes
from clothier.data.sources import load_fashion_mnist
from clothier.training.options import TrainOptions
from clothier.workflows.train import train

MODEL_PRESETS: list[tuple[recipes.ModelName, str]] = [
    ("dnn", "classic"),
    ("cnn", "classic"),
    ("dnn", "fast"),
    ("cnn", "fast"),
]


def main() -> None:
    """Trains every model of every preset with every seed."""
    parser = make_parser("presets", __doc__)
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds, from 0")
    options = parser.parse_args()
    dataset = load_fashion_mnist()
    runs: dict[tuple[str, str], list[dict[str, Any]]] = {pair: [] for pair in MODEL_PRESETS}
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(options.seeds):
            for model, preset in MODEL_PRESETS:
                out = Path(folder) / f"{model}-{preset}-{seed}"
                train_options = TrainOptions(recipe=recipes.preset(model, preset), seed=seed, out=out)
                metrics = train(train_options, dataset=dataset).metrics
                runs[model, preset].append(metrics)
                print(model, preset, seed, metrics["test"]["accuracy"], round(metrics["train_seconds"], 1), flush=True)
    rows = [_row(f"{model} {preset}", found) for (model, preset), found in runs.items()]
    write_results(options.out, "presets", rows, f"--seeds {options.seeds}")


def _row(name: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """One preset of one model; no test-time augmentation in ``accuracy``."""
    return {
        "name": name,
        **summarize([run["train_seconds"] for run in runs], "s"),
        **mean_and_range("accuracy", [run["test"]["accuracy"] for run in runs]),
        "accuracy_tta": mean_or_none([run["test"]["accuracy_tta"] for run in runs]),
        "validation_accuracy": mean(run["validation"]["accuracy"] for run in runs),
        "parameters": runs[0]["parameters"],
        "epochs": runs[0]["epochs"],
    }


if __name__ == "__main__":
    main()
