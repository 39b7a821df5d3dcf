"""What the most accurate recipes reach: the rows of docs/leaderboard.md, from the folders of finished runs.

    python -m benchmarks.leaderboard [--add] RUN [RUN ...]      writes benchmarks/results/leaderboard.json

With --add, rows that stand there already stay, but for those of the same name: a long run's folder need not be kept.

Runs of one recipe that share their teachers, if they have any, are the seeds of one row, named after the folder of the
first seed, and an ensemble in another. Teachers are rows of their own, each generation for itself and all as an
ensemble, however many students they had.

Between the first seeds of any two rows of one model, ``cnn`` or ``dnn``, stands McNemar's test on the test images.
"""

from __future__ import annotations

import argparse
import json
from itertools import combinations
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.results import RESULTS_DIR, write_results
from clothier import bundle, recipes
from clothier.data.sources import load_fashion_mnist
from clothier.errors import DataError
from clothier.inference.session import OnnxClassifier
from clothier.inference.tta import predict_tta
from clothier.metrics import evaluate_logits, mcnemar, softmax
from clothier.runs import Run
from clothier.training.prepared_training import split

if TYPE_CHECKING:
    from clothier.data.dataset import Dataset, LabeledImages

SMALL_MODEL_PARAMETERS = 300_000  # weights; up to here a CNN stands among the small ones
SECONDS_PER_HOUR = 3600  # seconds
GROUP_KEYS = (
    "recipe",
    "time_limit",
    "own_network",
)  # of a configuration: what decides a training besides data and seed


def main() -> None:
    """Writes the rows of the runs that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folders of finished runs")
    parser.add_argument("--out", type=Path, default=RESULTS_DIR / "leaderboard.json", help="where the figures go")
    parser.add_argument("--add", action="store_true", help="keep the rows of other names that stand there")
    options = parser.parse_args()
    dataset = load_fashion_mnist()
    groups = group_runs([Run(path) for path in options.runs], dataset)
    several = [runs for runs in groups if len(runs) > 1]
    rows = [recipe_row(runs) for runs in groups] + [seed_ensemble_row(runs, dataset) for runs in several]
    rows += teacher_rows(groups) + mcnemar_rows(groups, dataset.test)
    earlier = json.loads(options.out.read_text())["rows"] if options.add else []
    write_results(options.out, "leaderboard", "python -m benchmarks.leaderboard RUN ...", merge_rows(earlier, rows))


def merge_rows(previous: list[dict[str, Any]], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """New rows after the earlier ones of other names; a pair of which one is new goes as well."""
    new = {one["name"] for one in rows if "name" in one}
    return [one for one in previous if not new & {one.get(key) for key in ("name", "first", "second")}] + rows


def group_runs(runs: list[Run], dataset: Dataset) -> list[list[Run]]:
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
        told = {name: config.get(name) for name in GROUP_KEYS}
        told["teachers"] = metrics.get("teachers", {}).get("digest")
        groups.setdefault(json.dumps(told, sort_keys=True), []).append(run)
    return [sorted(group, key=lambda run: int(run.metrics["seed"])) for group in groups.values()]


def kind(metrics: dict[str, Any]) -> str:
    """``dnn``, ``cnn``, or ``small`` for a CNN of few weights."""
    return (
        "small"
        if metrics["model"] == "cnn" and metrics["parameters"] <= SMALL_MODEL_PARAMETERS
        else str(metrics["model"])
    )


def recipe_row(runs: list[Run]) -> dict[str, Any]:
    """One recipe over its seeds."""
    found = [run.metrics for run in runs]
    first, teachers = found[0], found[0].get("teachers")
    hours = mean(
        one["train_seconds"] * run.environment["cpu"]["cores_available"] for one, run in zip(found, runs, strict=True)
    )
    return {
        "name": _run_name(runs[0]),
        "kind": kind(first),
        "preset": first["preset"],
        "parameters": first["parameters"],
        "epochs": first["epochs"],
        "core_hours": (hours + (teachers["core_seconds"] if teachers else 0)) / SECONDS_PER_HOUR,
        "seeds": len({one["seed"] for one in found}),
        "learnt": first["data"]["train"],
        "digest": first["data"]["digest"],
        "taught_by": teachers["digest"] if teachers else None,
        **_accuracy_columns(found),
    }


def _accuracy_columns(metrics: list[dict[str, Any]]) -> dict[str, Any]:
    test = [one["test"] for one in metrics]
    augmented = [one["accuracy_tta"] for one in test]
    return {
        "validation": mean(one["validation"]["accuracy"] for one in metrics) if metrics[0]["validation"] else None,
        "accuracy": mean(one["accuracy"] for one in test),
        "accuracy_min": min(one["accuracy"] for one in test),
        "accuracy_max": max(one["accuracy"] for one in test),
        "accuracy_tta": None if None in augmented else mean(augmented),
        "ece": mean(one["ece"] for one in test),
    }


def _run_name(run: Run) -> str:
    """The folder's name without the number of the seed."""
    return run.path.name.rstrip("0123456789").rstrip("-")


def seed_ensemble_row(runs: list[Run], dataset: Dataset) -> dict[str, Any]:
    """The seeds of one recipe as an ensemble: the mean of their probabilities, each with its own temperature."""
    alone, recipe = recipe_row(runs), recipes.from_values(recipes.Recipe, runs[0].config["recipe"])
    classifiers = [OnnxClassifier(bundle.open_bundle(run.bundle)) for run in runs]
    parts = {"test": dataset.test} | ({"validation": split(dataset, recipe)[1]} if recipe.validation else {})
    found = {name: _ensemble_metrics(classifiers, part, recipe.augment) for name, part in parts.items()}
    hours = alone["core_hours"] * len(runs)
    if teachers := runs[0].metrics.get("teachers"):  # the same for all of them, and trained once
        hours -= teachers["core_seconds"] * (len(runs) - 1) / SECONDS_PER_HOUR
    weights = alone["parameters"] * len(runs)
    return {
        **alone,
        "name": f"ensemble of {len(runs)} `{alone['name']}`",
        "kind": kind({"model": runs[0].metrics["model"], "parameters": weights}),
        "parameters": weights,
        "core_hours": hours,
        "seeds": 1,
        **_accuracy_columns([{"validation": None, **found}]),
    }


def _ensemble_metrics(
    classifiers: list[OnnxClassifier], part: LabeledImages, augment: recipes.Augment
) -> dict[str, Any]:
    """Figures of the mean of some classifiers' probabilities, and of their mean over several views."""
    plain = np.mean([softmax(one.run(part.images).logits) for one in classifiers], axis=0)
    views = np.mean([predict_tta(one, part.images, augment) for one in classifiers], axis=0)
    evaluation = evaluate_logits(np.log(plain), part.labels, classifiers[0].classes)
    augmented = float((views.argmax(axis=1) == part.labels).mean())
    return {"accuracy": evaluation.accuracy, "accuracy_tta": augmented, "ece": evaluation.ece}


def teacher_rows(groups: list[list[Run]]) -> list[dict[str, Any]]:
    """The teachers of all students, once each: together, and each for itself.

    The first generation of one school may be the whole of another one.
    """
    found: dict[str, dict[str, Any]] = {}
    for runs in groups:
        for metrics in (run.metrics for run in runs):
            if teachers := metrics.get("teachers"):
                found[teachers["digest"]] = {**teachers, "data": metrics["data"]}
    rows = [made for one in found.values() for made in (_ensemble_row(one), *_generation_rows(one))]
    return list({(row["name"], row["accuracy"], row["accuracy_tta"]): row for row in rows}.values())


def _ensemble_row(teachers: dict[str, Any]) -> dict[str, Any]:
    """The row of an ensemble."""
    return {
        "name": f"ensemble of {teachers['n']} `{teachers['preset']}`",
        "kind": "cnn",
        "preset": teachers["preset"],
        "parameters": teachers["parameters"],
        "epochs": teachers["epochs"],
        "core_hours": teachers["core_seconds"] / SECONDS_PER_HOUR,
        "seeds": 1,
        "learnt": teachers["data"]["train"],
        "digest": teachers["data"]["digest"],
        "taught_by": teachers["digest"] if teachers.get("generations", 1) > 1 else None,
        **_accuracy_columns([teachers]),
    }


def _generation_rows(teachers: dict[str, Any]) -> list[dict[str, Any]]:
    """A row for each generation, its members the seeds; a later one's hours count the earlier ones in."""
    each, count = teachers["each"], teachers["n"]
    size = count // teachers.get("generations", 1)
    shared = {"core_seconds": teachers["core_seconds"] / count, "parameters": round(teachers["parameters"] / count)}
    kept_out = each.get("validation") or [None] * count  # none by teachers that learnt from all pictures
    members = [{"validation": one, "test": other} for one, other in zip(kept_out, each["test"], strict=True)]
    rows = []
    for elders in range(0, count, size):
        later = f", generation {elders // size + 1}" if elders else ""
        row = {
            **_ensemble_row({**teachers, **shared, "core_seconds": shared["core_seconds"] * (1 + elders)}),
            "name": f"cnn-{teachers['preset']}{later}",
            "seeds": size,
            "taught_by": teachers["digest"] if elders else None,
            **_accuracy_columns(members[elders : elders + size]),
        }
        rows.append(row)
    return rows


def mcnemar_rows(groups: list[list[Run]], test: LabeledImages) -> list[dict[str, Any]]:
    """McNemar's exact test between the first seeds of every two rows of one model."""
    first = [runs[0] for runs in groups]
    right = {
        run.path: OnnxClassifier(bundle.open_bundle(run.bundle)).run(test.images).logits.argmax(axis=1) == test.labels
        for run in first
    }
    pairs = [(one, other) for one, other in combinations(first, 2) if one.metrics["model"] == other.metrics["model"]]
    return [
        {
            "first": _run_name(one),
            "second": _run_name(other),
            **mcnemar(np.asarray(right[one.path]), np.asarray(right[other.path])).to_json(),
        }
        for one, other in pairs
    ]


if __name__ == "__main__":
    main()
