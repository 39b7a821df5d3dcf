"""What the most accurate recipes reach: the rows of docs/records.md, from the folders of finished runs.

    python benchmarks/records.py RUN [RUN ...]      writes benchmarks/results/records.json

Runs of one recipe that share their teachers, if they have any, are the seeds of one row, named after the folder of the
first seed. Teachers are a row of their own, an ensemble, however many students they had. Between the first seeds of any
two rows of one model, ``cnn`` or ``dnn``, stands McNemar's test on the test images.
"""

from __future__ import annotations

import argparse
import json
from itertools import combinations
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any

import numpy as np
from results import RESULTS, write

from clothier import bundle
from clothier.analysis.metrics import mcnemar
from clothier.data.sources import load_fashion_mnist
from clothier.errors import DataError
from clothier.inference import OnnxClassifier
from clothier.runs import Run

if TYPE_CHECKING:
    from clothier.data.dataset import Dataset, Labelled

SMALL = 300_000  # weights; up to here a CNN stands among the small ones
HOUR = 3600  # seconds
ALIKE = ("recipe", "time_limit", "own_network")  # of a configuration: what decides a training besides data and seed


def main() -> None:
    """Writes the rows of the runs that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folders of finished runs")
    parser.add_argument("--out", type=Path, default=RESULTS / "records.json", help="where the figures go")
    options = parser.parse_args()
    dataset = load_fashion_mnist()
    groups = grouped([Run(path) for path in options.runs], dataset)
    rows = [row(runs) for runs in groups] + ensembles(groups)
    command = "python benchmarks/records.py RUN ..."
    write(options.out, "records", command, rows + paired(groups, dataset.test))


def grouped(runs: list[Run], dataset: Dataset) -> list[list[Run]]:
    """Runs of one recipe and the same teachers together, by seed; groups in the order in which they were named.

    Raises:
        DataError: a run learnt from other data than ``dataset``.
        ModelError: one has not ended, or is no run.
    """
    groups: dict[str, list[Run]] = {}
    for run in runs:
        config, metrics = run.config, run.metrics
        if metrics["data"]["digest"] != dataset.digest:
            raise DataError(f"{run.path} learnt from other data than today's {dataset.name}; leave it out.")
        told = {name: config.get(name) for name in ALIKE}
        told["teachers"] = metrics.get("teachers", {}).get("digest")
        groups.setdefault(json.dumps(told, sort_keys=True), []).append(run)
    return [sorted(group, key=lambda run: int(run.metrics["seed"])) for group in groups.values()]


def kind(metrics: dict[str, Any]) -> str:
    """``dnn``, ``cnn``, or ``small`` for a CNN of few weights."""
    return "small" if metrics["model"] == "cnn" and metrics["parameters"] <= SMALL else str(metrics["model"])


def row(runs: list[Run]) -> dict[str, Any]:
    """One recipe over its seeds."""
    found = [run.metrics for run in runs]
    first, teachers = found[0], found[0].get("teachers")
    hours = mean(
        one["train_seconds"] * run.environment["cpu"]["cores_usable"] for one, run in zip(found, runs, strict=True)
    )
    return {
        "name": _named(runs[0]),
        "kind": kind(first),
        "preset": first["preset"],
        "parameters": first["parameters"],
        "epochs": first["epochs"],
        "core_hours": (hours + (teachers["core_seconds"] if teachers else 0)) / HOUR,
        "seeds": len({one["seed"] for one in found}),
        "learnt": first["data"]["train"],
        "digest": first["data"]["digest"],
        "taught_by": teachers["digest"] if teachers else None,
        **_accuracies(found),
    }


def _accuracies(found: list[dict[str, Any]]) -> dict[str, Any]:
    test = [one["test"] for one in found]
    augmented = [one["accuracy_tta"] for one in test]
    return {
        "validation": mean(one["validation"]["accuracy"] for one in found),
        "accuracy": mean(one["accuracy"] for one in test),
        "accuracy_min": min(one["accuracy"] for one in test),
        "accuracy_max": max(one["accuracy"] for one in test),
        "accuracy_tta": None if None in augmented else mean(augmented),
        "ece": mean(one["ece"] for one in test),
    }


def _named(run: Run) -> str:
    """The folder's name without the number of the seed."""
    return run.path.name.rstrip("0123456789").rstrip("-")


def ensembles(groups: list[list[Run]]) -> list[dict[str, Any]]:
    """The teachers of all students, once each."""
    found: dict[str, dict[str, Any]] = {}
    for runs in groups:
        for metrics in (run.metrics for run in runs):
            if teachers := metrics.get("teachers"):
                found[teachers["digest"]] = {**teachers, "data": metrics["data"]}
    return [
        {
            "name": f"ensemble of {one['n']} `{one['preset']}`",
            "kind": "cnn",
            "preset": one["preset"],
            "parameters": one["parameters"],
            "epochs": one["epochs"],
            "core_hours": one["core_seconds"] / HOUR,
            "seeds": 1,
            "learnt": one["data"]["train"],
            "digest": one["data"]["digest"],
            "taught_by": None,
            **_accuracies([one]),
        }
        for one in found.values()
    ]


def paired(groups: list[list[Run]], test: Labelled) -> list[dict[str, Any]]:
    """McNemar's exact test between the first seeds of every two rows of one model."""
    first = [runs[0] for runs in groups]
    right = {
        run.path: OnnxClassifier(bundle.open_bundle(run.bundle)).run(test.images).logits.argmax(axis=1) == test.labels
        for run in first
    }
    pairs = [(one, other) for one, other in combinations(first, 2) if one.metrics["model"] == other.metrics["model"]]
    return [
        {
            "first": _named(one),
            "second": _named(other),
            **mcnemar(np.asarray(right[one.path]), np.asarray(right[other.path])).to_json(),
        }
        for one, other in pairs
    ]


if __name__ == "__main__":
    main()
