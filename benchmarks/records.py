"""What the most accurate recipes reach: the rows of docs/records.md, from the folders of finished runs.

    python benchmarks/records.py RUN [RUN ...]      writes benchmarks/results/records.json

Runs of one recipe are the seeds of one row, named after the first one's folder. The teachers that a student learnt from
are a row of their own, an ensemble, however many students they had. Between the first runs of any two rows of one kind
stands McNemar's test on the test images.
"""

from __future__ import annotations

import argparse
import json
from itertools import combinations
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from results import RESULTS, write

from clothier import bundle
from clothier.analysis.metrics import mcnemar
from clothier.data.sources import load_fashion_mnist
from clothier.inference import OnnxClassifier
from clothier.runs import Run

SMALL = 300_000  # weights; up to here a CNN stands among the small ones
HOUR = 3600  # seconds


def main() -> None:
    """Writes the rows of the runs that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folders of finished runs")
    parser.add_argument("--out", type=Path, default=RESULTS / "records.json", help="where the figures go")
    options = parser.parse_args()
    groups = grouped([Run(path) for path in options.runs])
    rows = [row(runs) for runs in groups] + ensembles(groups)
    command = "python benchmarks/records.py RUN ..."
    write(options.out, "records", command, rows + paired(groups))


def grouped(runs: list[Run]) -> list[list[Run]]:
    """Runs of one recipe together, in the order in which they were named."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(json.dumps(run.config["recipe"], sort_keys=True), []).append(run)
    return list(groups.values())


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
    return {
        "validation": mean(one["validation"]["accuracy"] for one in found),
        "accuracy": mean(one["accuracy"] for one in test),
        "accuracy_min": min(one["accuracy"] for one in test),
        "accuracy_max": max(one["accuracy"] for one in test),
        "accuracy_tta": mean(one["accuracy_tta"] for one in test),
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


def paired(groups: list[list[Run]]) -> list[dict[str, Any]]:
    """McNemar's exact test between the first runs of every two rows of one kind."""
    test = load_fashion_mnist().test
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
