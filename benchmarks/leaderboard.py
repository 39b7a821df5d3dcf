"""The rows of docs/leaderboard.md: the accuracy of our most accurate recipes, from the folders of finished runs.

    python -m benchmarks.leaderboard [--add] [--ensemble] RUN [RUN ...]    writes benchmarks/results/leaderboard.json

With --add, existing rows of other names stay, so that the folder of a long run need not be kept.

Runs of one recipe with the same teachers are the seeds of one row, named after the folder of the first seed, and an
ensemble in another row; with --ensemble, all runs together are one more. Teachers have their own rows: one for each
generation, and one for all of them as an ensemble.

McNemar's test on the test images compares the first seeds of any two rows of one model (``cnn`` or ``dnn``).
"""

from __future__ import annotations

import json
from collections import Counter
from itertools import combinations
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.results import make_parser, mean_and_range, mean_or_none, write_results
from clothier import recipes
from clothier.data.sources import load_fashion_mnist
from clothier.errors import DataError
from clothier.inference import Model, load
from clothier.inference.tta import predict_tta
from clothier.metrics import evaluate_probabilities, mcnemar, softmax
from clothier.runs import Run
from clothier.training.prepared_training import split

if TYPE_CHECKING:
    from clothier.data.dataset import Dataset, LabeledImages

SMALL_MODEL_PARAMETERS = 300_000  # parameters; CNNs up to here are small
SECONDS_PER_HOUR = 3600
GROUP_KEYS = ("recipe", "time_limit", "own_network")  # of config.json: what determines a training besides data and seed


def main() -> None:
    """Writes the rows of the given runs."""
    parser = make_parser("leaderboard", __doc__)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folders of finished runs")
    parser.add_argument("--add", action="store_true", help="keep existing rows of other names")
    parser.add_argument("--ensemble", action="store_true", help="also the row of all runs as one ensemble")
    options = parser.parse_args()
    dataset = load_fashion_mnist()
    groups = group_runs([Run(path) for path in options.runs], dataset)
    ensembles = [runs for runs in groups if len(runs) > 1]
    if options.ensemble and len(groups) > 1:
        ensembles.append([run for runs in groups for run in runs])
    rows = [recipe_row(runs) for runs in groups] + [ensemble_row(runs, dataset) for runs in ensembles]
    rows += teacher_rows(groups) + mcnemar_rows(groups, dataset.test)
    earlier = json.loads(options.out.read_text())["rows"] if options.add else []
    write_results(options.out, "leaderboard", merge_rows(earlier, rows), "RUN ...")


def merge_rows(previous: list[dict[str, Any]], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The previous rows of other names, then the new ones; pairs with a replaced row are dropped."""
    new = {one["name"] for one in rows if "name" in one}
    return [one for one in previous if not new & {one.get(key) for key in ("name", "first", "second")}] + rows


def group_runs(runs: list[Run], dataset: Dataset) -> list[list[Run]]:
    """Runs of one recipe with the same teachers, sorted by seed; groups in the order of their first run.

    Raises:
        DataError: a run was trained on other data than ``dataset``.
        ModelError: one is not finished, or is not a run.
    """
    groups: dict[str, list[Run]] = {}
    for run in runs:
        config, metrics = run.config, run.metrics
        if metrics["data"]["digest"] != dataset.digest:
            raise DataError(f"{run.path} was trained on other data than {dataset.name}; leave it out.")
        key = {name: config.get(name) for name in GROUP_KEYS}
        key["teachers"] = metrics.get("teachers", {}).get("digest")
        groups.setdefault(json.dumps(key, sort_keys=True), []).append(run)
    return [sorted(group, key=lambda run: int(run.metrics["seed"])) for group in groups.values()]


def kind(metrics: dict[str, Any]) -> str:
    """``dnn``, ``cnn``, or ``small`` for a CNN with few parameters."""
    small = metrics["model"] == "cnn" and metrics["parameters"] <= SMALL_MODEL_PARAMETERS
    return "small" if small else str(metrics["model"])


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
        "cpu": runs[0].environment["cpu"]["model"],
        "parameters": first["parameters"],
        "epochs": first["epochs"],
        "core_hours": (hours + (teachers["core_seconds"] if teachers else 0)) / SECONDS_PER_HOUR,
        "seeds": len({one["seed"] for one in found}),
        "train_images": first["data"]["train"],
        "data_digest": first["data"]["digest"],
        "teachers_digest": teachers["digest"] if teachers else None,
        **_accuracy_columns(found),
    }


def _accuracy_columns(metrics: list[dict[str, Any]]) -> dict[str, Any]:
    test = [one["test"] for one in metrics]
    return {
        "validation": mean(one["validation"]["accuracy"] for one in metrics) if metrics[0]["validation"] else None,
        **mean_and_range("accuracy", [one["accuracy"] for one in test]),
        "accuracy_tta": mean_or_none([one["accuracy_tta"] for one in test]),
        "ece": mean(one["ece"] for one in test),
    }


def _run_name(run: Run) -> str:
    """The name of the folder without the seed."""
    return run.path.name.removesuffix(f"-{run.metrics['seed']}")


def ensemble_row(runs: list[Run], dataset: Dataset) -> dict[str, Any]:
    """Runs of one recipe or of several as an ensemble: the mean of their calibrated probabilities.

    Raises:
        DataError: they were trained on other images than each other.
    """
    singles, first = [recipe_row([run]) for run in runs], runs[0]
    used = [recipes.from_values(recipes.Recipe, run.config["recipe"]) for run in runs]
    if len({one.validation for one in used}) > 1:
        raise DataError("the runs of an ensemble hold out different images; give runs with the same validation.")
    members = [(load(run.bundle), recipe.augment) for run, recipe in zip(runs, used, strict=True)]
    splits = {"test": dataset.test} | ({"validation": split(dataset, used[0])[1]} if used[0].validation else {})
    found = {name: _ensemble_metrics(members, part) for name, part in splits.items()}
    all_teachers = [run.metrics["teachers"] for run in runs if "teachers" in run.metrics]
    seconds = {one["digest"]: one["core_seconds"] for one in all_teachers}  # each trained once
    repeated = sum(one["core_seconds"] for one in all_teachers) - sum(seconds.values())
    parameters, epochs = sum(one["parameters"] for one in singles), {one["epochs"] for one in singles}
    return {
        **singles[0],
        "name": _ensemble_name([one["name"] for one in singles]),
        "kind": kind({"model": first.metrics["model"], "parameters": parameters}),
        "preset": " and ".join(_distinct(singles, "preset")),
        "cpu": " and ".join(_distinct(singles, "cpu")),
        "parameters": parameters,
        "epochs": epochs.pop() if len(epochs) == 1 else None,
        "core_hours": sum(one["core_hours"] for one in singles) - repeated / SECONDS_PER_HOUR,
        "teachers_digest": " and ".join(seconds) or None,
        **_accuracy_columns([{"validation": None, **found}]),
    }


def _distinct(rows: list[dict[str, Any]], name: str) -> list[str]:
    return list(dict.fromkeys(str(row[name]) for row in rows))


def _ensemble_name(names: list[str]) -> str:
    """``ensemble of 2 `a` ``, or ``ensemble of 2 `a`, 1 `b` `` for several recipes."""
    return "ensemble of " + ", ".join(f"{n} `{name}`" for name, n in Counter(names).items())


def _ensemble_metrics(members: list[tuple[Model, recipes.Augment]], part: LabeledImages) -> dict[str, Any]:
    """Metrics of the mean probabilities, without and with the views that each member was trained on."""
    plain = np.mean([softmax(model.run(part.images).logits) for model, _ in members], axis=0)
    views = np.mean([predict_tta(model, part.images, augment) for model, augment in members], axis=0)
    evaluation = evaluate_probabilities(plain, part.labels, members[0][0].classes)
    augmented = float((views.argmax(axis=1) == part.labels).mean())
    return {"accuracy": evaluation.accuracy, "accuracy_tta": augmented, "ece": evaluation.ece}


def teacher_rows(groups: list[list[Run]]) -> list[dict[str, Any]]:
    """The teachers of all students, once each: as an ensemble, and each generation.

    All teachers of one run can be the first generation of another.
    """
    found: dict[str, dict[str, Any]] = {}
    for runs in groups:
        for run in runs:
            if teachers := run.metrics.get("teachers"):
                shared = {"data": run.metrics["data"], "cpu": run.environment["cpu"]["model"]}
                found[teachers["digest"]] = {**teachers, **shared}
    rows = [row for one in found.values() for row in (_ensemble_row(one), *_generation_rows(one))]
    return list({(row["name"], row["accuracy"], row["accuracy_tta"]): row for row in rows}.values())


def _ensemble_row(teachers: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": f"ensemble of {teachers['n']} `{teachers['preset']}`",
        "kind": "cnn",
        "preset": teachers["preset"],
        "cpu": teachers["cpu"],
        "parameters": teachers["parameters"],
        "epochs": teachers["epochs"],
        "core_hours": teachers["core_seconds"] / SECONDS_PER_HOUR,
        "seeds": 1,
        "train_images": teachers["data"]["train"],
        "data_digest": teachers["data"]["digest"],
        "teachers_digest": teachers["digest"] if teachers.get("generations", 1) > 1 else None,
        **_accuracy_columns([teachers]),
    }


def _generation_rows(teachers: dict[str, Any]) -> list[dict[str, Any]]:
    """One row per generation, whose members are its seeds; core-hours include the generations before."""
    each, count = teachers["each"], teachers["n"]
    size = count // teachers.get("generations", 1)
    shared = {"core_seconds": teachers["core_seconds"] / count, "parameters": round(teachers["parameters"] / count)}
    validation = each.get("validation") or [None] * count  # none if the teachers were trained on all images
    members = [{"validation": one, "test": other} for one, other in zip(validation, each["test"], strict=True)]
    rows = []
    for previous in range(0, count, size):
        later = f", generation {previous // size + 1}" if previous else ""
        row = {
            **_ensemble_row({**teachers, **shared, "core_seconds": shared["core_seconds"] * (1 + previous)}),
            "name": f"cnn-{teachers['preset']}{later}",
            "seeds": size,
            "teachers_digest": teachers["digest"] if previous else None,
            **_accuracy_columns(members[previous : previous + size]),
        }
        rows.append(row)
    return rows


def mcnemar_rows(groups: list[list[Run]], test: LabeledImages) -> list[dict[str, Any]]:
    """McNemar's exact test between the first seeds of any two rows of one model."""
    first = [runs[0] for runs in groups]
    correct = {run.path: load(run.bundle).run(test.images).logits.argmax(axis=1) == test.labels for run in first}
    pairs = [(one, other) for one, other in combinations(first, 2) if one.metrics["model"] == other.metrics["model"]]
    return [
        {
            "first": _run_name(one),
            "second": _run_name(other),
            **mcnemar(np.asarray(correct[one.path]), np.asarray(correct[other.path])).to_json(),
        }
        for one, other in pairs
    ]


if __name__ == "__main__":
    main()
