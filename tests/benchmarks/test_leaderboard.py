"""The rows of the leaderboard, from the folders of runs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from benchmarks import leaderboard
from benchmarks.tables import leaderboard as tables
from clothier.data.dataset import LabeledImages
from clothier.errors import DataError, ModelError
from clothier.recipes import from_file, preset
from clothier.runs import Run
from clothier.types import ModelOutput

if TYPE_CHECKING:
    from clothier.recipes import Recipe

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
DATA = SimpleNamespace(name="Fashion-MNIST", digest="d")
TEACHERS = {
    "n": 2,
    "preset": "large",
    "parameters": 2_000_000,
    "epochs": 20,
    "core_seconds": 7200.0,
    "digest": "abc",
    "validation": {"accuracy": 0.96, "accuracy_tta": 0.962, "ece": 0.01},
    "test": {"accuracy": 0.955, "accuracy_tta": 0.957, "ece": 0.01},
    "each": {
        "validation": [{"accuracy": 0.955, "accuracy_tta": 0.96, "ece": 0.01}] * 2,
        "test": [
            {"accuracy": 0.94, "accuracy_tta": 0.95, "ece": 0.03},
            {"accuracy": 0.95, "accuracy_tta": 0.952, "ece": 0.01},
        ],
    },
}


def make_run(folder: Path, seed: int, accuracy: float, *, widths: int = 8, weights: int = 500_000, **more: Any) -> Run:
    """A run folder with what the leaderboard reads."""
    part = {"accuracy": accuracy, "accuracy_tta": accuracy + 0.001, "ece": 0.02}
    metrics = {
        "model": "cnn",
        "preset": "best",
        "parameters": weights,
        "epochs": 20,
        "seed": seed,
        "train_seconds": 1800.0,
        "data": {"train": 55_000, "digest": "d"},
        "validation": part,
        "test": part,
        **more,
    }
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"recipe": {"widths": widths}, "seed": seed}))
    (folder / "environment.json").write_text(json.dumps({"cpu": {"model": "AMD EPYC", "cores_available": 2}}))
    (folder / "metrics.json").write_text(json.dumps(metrics))
    return Run(folder)


def test_runs_of_one_recipe_are_seeds_of_one_row(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path / "a" / "cnn-best-0", 0, 0.95),
        make_run(tmp_path / "a" / "small-0", 0, 0.94, widths=4, weights=290_000),
        make_run(tmp_path / "a" / "cnn-best-1", 1, 0.96),
    ]
    best, small = [leaderboard.recipe_row(group) for group in leaderboard.group_runs(runs, DATA)]
    assert (best["name"], best["seeds"], best["kind"]) == ("cnn-best", 2, "cnn")
    assert (best["accuracy"], best["accuracy_min"], best["accuracy_max"]) == (pytest.approx(0.955), 0.95, 0.96)
    assert best["core_hours"] == pytest.approx(1.0)  # half an hour on two cores
    assert (small["name"], small["seeds"], small["kind"]) == ("small", 1, "small")


def test_teachers_have_one_row_and_count_in_the_hours_of_each_student(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / f"cnn-best-{seed}", seed, 0.95, teachers=TEACHERS) for seed in (0, 1)]
    groups = leaderboard.group_runs(runs, DATA)
    ensemble, single = leaderboard.teacher_rows(groups)
    assert (single["name"], single["parameters"], single["seeds"]) == ("cnn-large", 1_000_000, 2)
    assert (single["accuracy"], single["accuracy_min"], single["accuracy_max"]) == (pytest.approx(0.945), 0.94, 0.95)
    assert single["core_hours"] == pytest.approx(1.0)
    assert (single["accuracy_tta"], single["ece"]) == (pytest.approx(0.951), pytest.approx(0.02))
    assert ensemble["name"] == "ensemble of 2 `large`"
    assert (ensemble["accuracy"], ensemble["accuracy_tta"], ensemble["parameters"]) == (0.955, 0.957, 2_000_000)
    assert ensemble["core_hours"] == pytest.approx(2.0)
    assert leaderboard.recipe_row(groups[0])["core_hours"] == pytest.approx(3.0)
    assert leaderboard.recipe_row(groups[0])["teachers_digest"] == "abc"


def test_each_generation_of_teachers_has_a_row(tmp_path: Path) -> None:
    each = {part: found * 2 for part, found in TEACHERS["each"].items()}
    each["test"] = [*each["test"][:2], *({**one, "accuracy": one["accuracy"] + 0.01} for one in each["test"][2:])]
    born_again = {
        **TEACHERS,
        "n": 4,
        "generations": 2,
        "parameters": 4_000_000,
        "core_seconds": 14400.0,
        "each": each,
    }
    together, first, second = leaderboard.teacher_rows(
        [[make_run(tmp_path / "cnn-best", 0, 0.95, teachers=born_again)]]
    )
    assert together["name"] == "ensemble of 4 `large`"
    assert (first["name"], first["seeds"], first["teachers_digest"]) == ("cnn-large", 2, None)
    assert (first["accuracy"], first["core_hours"]) == (pytest.approx(0.945), pytest.approx(1.0))
    assert (second["name"], second["seeds"], second["teachers_digest"]) == ("cnn-large, generation 2", 2, "abc")
    assert (second["accuracy"], second["parameters"]) == (pytest.approx(0.955), 1_000_000)
    assert second["core_hours"] == pytest.approx(3.0)  # includes two teachers before it
    ensembles = [
        TEACHERS,
        {**born_again, "digest": "def"},
    ]  # the first is the first generation of the second
    runs = [make_run(tmp_path / f"of-{one['n']}", 0, 0.95, teachers=one) for one in ensembles]
    names = ["ensemble of 2 `large`", "cnn-large", "ensemble of 4 `large`", "cnn-large, generation 2"]
    assert [row["name"] for row in leaderboard.teacher_rows([[run] for run in runs])] == names
    assert tables._own_row(second)[-1] == "distillation"


def test_number_of_training_images_is_named(tmp_path: Path) -> None:
    all_images = {"data": {"train": 60_000, "digest": "d"}, "validation": None}
    teachers = {**TEACHERS, "validation": None, "each": {"test": TEACHERS["each"]["test"]}}
    run = make_run(tmp_path / "cnn-best-all", 0, 0.95, teachers=teachers, **all_images)
    for row in (leaderboard.recipe_row([run]), *leaderboard.teacher_rows([[run]])):
        assert row["validation"] is None
        assert tables._own_row(row)[-1].endswith("; 60,000 images")
    default = leaderboard.recipe_row([make_run(tmp_path / "cnn-best", 0, 0.95)])
    assert tables._own_row(default)[-1] == "without distillation"


@pytest.mark.parametrize(("folder", "seed", "name"), [("resnet-20", 0, "resnet-20"), ("resnet-20-1", 1, "resnet-20")])
def test_a_row_is_named_after_its_folder_without_the_seed(tmp_path: Path, folder: str, seed: int, name: str) -> None:
    assert leaderboard.recipe_row([make_run(tmp_path / folder, seed, 0.95)])["name"] == name


def test_another_processor_is_named(tmp_path: Path) -> None:
    run = make_run(tmp_path / "cnn-best", 0, 0.95, teachers=TEACHERS)
    (run.path / "environment.json").write_text(json.dumps({"cpu": {"model": "Xeon", "cores_available": 1}}))
    for row in (leaderboard.recipe_row([run]), *leaderboard.teacher_rows([[run]])):
        assert tables._own_row(row)[-1].endswith("; Xeon")


def test_students_of_other_teachers_have_another_row(tmp_path: Path) -> None:
    others = {**TEACHERS, "digest": "def", "core_seconds": 3600.0}
    runs = [make_run(tmp_path / f"best-{n}", n, 0.95, teachers=one) for n, one in enumerate((TEACHERS, others))]
    rows = [leaderboard.recipe_row(group) for group in leaderboard.group_runs(runs, DATA)]
    assert [(one["seeds"], one["teachers_digest"], one["core_hours"]) for one in rows] == [
        (1, "abc", pytest.approx(3.0)),
        (1, "def", pytest.approx(2.0)),
    ]


def test_runs_on_other_data_and_unfinished_runs_are_refused(tmp_path: Path) -> None:
    foreign = make_run(tmp_path / "kmnist", 0, 0.95, data={"train": 55_000, "digest": "another"})
    with pytest.raises(DataError, match="kmnist was trained on other data than Fashion-MNIST"):
        leaderboard.group_runs([foreign], DATA)
    unfinished = make_run(tmp_path / "unfinished", 0, 0.95)
    (unfinished.path / "metrics.json").unlink()
    with pytest.raises(ModelError, match="is not finished"):
        leaderboard.group_runs([unfinished], DATA)


def test_recipe_without_augmentation_has_no_tta_accuracy(tmp_path: Path) -> None:
    part = {"accuracy": 0.93, "accuracy_tta": None, "ece": 0.02}
    row = leaderboard.recipe_row([make_run(tmp_path / "plain-0", 0, 0.93, test=part, validation=part)])
    assert row["accuracy_tta"] is None
    assert tables._own_row(row)[-3:] == ("**93.00**", "", "without distillation")


def test_first_seeds_of_one_model_are_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    test = LabeledImages(np.zeros((10, 28, 28), np.uint8), np.zeros(10, np.int64))
    wrong = {"large-0": 1, "large-1": 9, "small-0": 4}  # the last of ten images

    class FixedErrors:
        def __init__(self, name: str) -> None:
            self.wrong = np.arange(10) >= 10 - wrong[name]

        def run(self, images: Any) -> ModelOutput:
            logits = np.eye(2, dtype=np.float32)[self.wrong.astype(int)]
            return ModelOutput(logits, np.zeros((len(images), 1), np.float32))

    monkeypatch.setattr(leaderboard, "load", lambda path: FixedErrors(path.parent.name))
    runs = [
        make_run(tmp_path / "large-1", 1, 0.95),
        make_run(tmp_path / "large-0", 0, 0.95),
        make_run(tmp_path / "small-0", 0, 0.94, widths=4, weights=290_000),
    ]
    dense = make_run(tmp_path / "dense-0", 0, 0.92, widths=2, model="dnn")
    wrong["dense-0"] = 5
    (pair,) = leaderboard.mcnemar_rows(leaderboard.group_runs([*runs, dense], DATA), test)
    assert (pair["first"], pair["second"]) == ("large", "small")
    assert pair["difference"] == pytest.approx(0.3)
    assert pair["p_value"] == pytest.approx(0.25)  # three to nothing: twice an eighth
    monkeypatch.setattr(tables, "load_results", lambda _: {"rows": [pair], "machine": {}, "command": "made"})
    line = tables.mcnemar().splitlines()[2]
    assert line.startswith("| large | small | +30.00 | ")
    assert line.endswith(" | 0.250 |")


def test_seed_ensemble_averages_probabilities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of three is confident on nine images and slightly wrong on a different one."""
    count, names = 10, ["best-0", "best-1", "best-2"]

    class OneError:
        classes = ("Bag", "Coat")

        def __init__(self, name: str) -> None:
            self.logits = np.tile(np.float32([3, 0]), (count, 1))
            self.logits[names.index(name)] = [0, 1]

        def run(self, images: Any) -> ModelOutput:
            return ModelOutput(self.logits, np.zeros((len(images), 1), np.float32))

    part = LabeledImages(np.zeros((count, 28, 28), np.uint8), np.zeros(count, np.int64))
    recipe = preset("cnn", "large")
    monkeypatch.setattr(leaderboard, "load", lambda path: OneError(path.parent.name))
    monkeypatch.setattr(leaderboard, "split", lambda *_: (None, part))
    runs = [make_run(tmp_path / name, seed, 0.9, weights=290_000, teachers=TEACHERS) for seed, name in enumerate(names)]
    for run in runs:
        (run.path / "config.json").write_text(json.dumps({"recipe": recipe.to_json()}))
    together = leaderboard.ensemble_row(runs, SimpleNamespace(test=part))
    assert (together["name"], together["kind"], together["seeds"]) == ("ensemble of 3 `best`", "cnn", 1)
    assert (together["accuracy"], together["accuracy_tta"], together["validation"]) == (1.0, 1.0, 1.0)
    assert together["parameters"] == 870_000
    assert together["core_hours"] == pytest.approx(2 + 3 * 1)  # two of the teachers', one of each student's own
    assert tables._own_row(together)[-3:] == ("**100.00**", "100.00", "distillation")
    other = {"parameters": 300_000, "epochs": 30, "train_seconds": 3600.0, "teachers": {**TEACHERS, "digest": "e"}}
    (runs[2].path / "metrics.json").write_text(json.dumps({**runs[2].metrics, **other}))
    mixed = [*runs[:2], Run(runs[2].path.rename(tmp_path / "wide"))]
    names.append("wide")
    monkeypatch.setattr(leaderboard, "load", lambda path: OneError(path.parent.name))
    together = leaderboard.ensemble_row(mixed, SimpleNamespace(test=part))
    assert (together["name"], together["accuracy"]) == ("ensemble of 2 `best`, 1 `wide`", 1.0)
    assert together["teachers_digest"] == "abc and e"
    assert (together["parameters"], together["epochs"]) == (880_000, None)
    assert together["core_hours"] == pytest.approx(2 + 2 + 2 * 1 + 2)  # two groups of teachers
    assert tables._own_row(together)[2] == ""
    plain = {name: value for name, value in mixed[0].metrics.items() if name != "teachers"}
    (mixed[0].path / "metrics.json").write_text(json.dumps(plain))
    (mixed[1].path / "environment.json").write_text(json.dumps({"cpu": {"model": "Xeon", "cores_available": 1}}))
    for order in (mixed, mixed[::-1]):
        row = leaderboard.ensemble_row(order, SimpleNamespace(test=part))
        assert tables._own_row(row)[-1].startswith("distillation; "), "some members learned from teachers"
        assert "Xeon" in tables._own_row(row)[-1]
    other = {"recipe": replace(recipe, validation=0.0).to_json()}
    (mixed[1].path / "config.json").write_text(json.dumps(other))
    with pytest.raises(DataError, match="hold out different images"):
        leaderboard.ensemble_row(mixed, SimpleNamespace(test=part))


def test_added_rows_replace_rows_of_the_same_name() -> None:
    old = [{"name": "a", "n": 1}, {"name": "b", "n": 1}, {"name": "c", "n": 1}]
    pairs = [{"first": "a", "second": "b"}, {"first": "a", "second": "c"}, {"first": "c", "second": "b"}]
    new = [{"name": "b", "n": 2}, {"name": "d", "n": 2}, {"first": "b", "second": "d"}]
    assert leaderboard.merge_rows([*old, *pairs], new) == [old[0], old[2], pairs[1], *new]


SMALL_RECIPES = ("small-cnn", "born-again", "no-cutmix", "resnet-20")


@pytest.mark.parametrize(
    "recipe",
    [preset("cnn", "best"), *(from_file(BENCHMARKS / "recipes" / f"{name}.toml", "cnn") for name in SMALL_RECIPES)],
)
def test_small_recipes_are_small(recipe: Recipe) -> None:
    pytest.importorskip("torch")
    from clothier.training.networks import build_network, count_parameters
    from tests.synthetic import draw_garments

    assert count_parameters(build_network(recipe.network, draw_garments(50, seed=0).images, 10, 0)) <= 300_000
