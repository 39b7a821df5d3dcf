"""The pages of records and of the ablation: rows come from runs, each counts once, and each says what it is."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from benchmarks import leaderboard, tables
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


@pytest.fixture
def modules() -> Any:
    """``benchmarks/leaderboard.py`` and ``benchmarks/tables.py``."""
    return leaderboard, tables


def make_run(folder: Path, seed: int, accuracy: float, *, widths: int = 8, weights: int = 500_000, **more: Any) -> Run:
    """A run as far as the records look at it."""
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
    (folder / "environment.json").write_text(json.dumps({"cpu": {"cores_available": 2}}))
    (folder / "metrics.json").write_text(json.dumps(metrics))
    return Run(folder)


def test_runs_of_one_recipe_are_the_seeds_of_one_row(tmp_path: Path, modules: Any) -> None:
    records, _ = modules
    runs = [
        make_run(tmp_path / "a" / "cnn-best-0", 0, 0.95),
        make_run(tmp_path / "a" / "small-0", 0, 0.94, widths=4, weights=290_000),
        make_run(tmp_path / "a" / "cnn-best-1", 1, 0.96),
    ]
    best, small = [records.row(group) for group in records.grouped(runs, DATA)]
    assert (best["name"], best["seeds"], best["kind"]) == ("cnn-best", 2, "cnn")
    assert (best["accuracy"], best["accuracy_min"], best["accuracy_max"]) == (pytest.approx(0.955), 0.95, 0.96)
    assert best["core_hours"] == pytest.approx(1.0)  # half an hour on two cores
    assert (small["name"], small["seeds"], small["kind"]) == ("small", 1, "small")


def test_teachers_are_one_row_for_all_their_students_and_count_in_the_hours_of_each(
    tmp_path: Path, modules: Any
) -> None:
    records, _ = modules
    runs = [make_run(tmp_path / f"cnn-best-{seed}", seed, 0.95, teachers=TEACHERS) for seed in (0, 1)]
    groups = records.grouped(runs, DATA)
    ensemble, alone = records.ensembles(groups)
    assert (alone["name"], alone["parameters"], alone["seeds"]) == ("cnn-large", 1_000_000, 2)
    assert (alone["accuracy"], alone["accuracy_min"], alone["accuracy_max"]) == (pytest.approx(0.945), 0.94, 0.95)
    assert alone["core_hours"] == pytest.approx(1.0)
    assert (alone["accuracy_tta"], alone["ece"]) == (pytest.approx(0.951), pytest.approx(0.02))
    assert ensemble["name"] == "ensemble of 2 `solo`"
    assert (ensemble["accuracy"], ensemble["accuracy_tta"], ensemble["parameters"]) == (0.955, 0.957, 2_000_000)
    assert ensemble["core_hours"] == pytest.approx(2.0)
    assert records.row(groups[0])["core_hours"] == pytest.approx(3.0)
    assert records.row(groups[0])["taught_by"] == "abc"


def test_each_generation_of_teachers_is_a_row(tmp_path: Path, modules: Any) -> None:
    records, tables = modules
    each = {part: found * 2 for part, found in TEACHERS["each"].items()}
    each["test"] = [*each["test"][:2], *({**one, "accuracy": one["accuracy"] + 0.01} for one in each["test"][2:])]
    reborn = {**TEACHERS, "n": 4, "generations": 2, "parameters": 4_000_000, "core_seconds": 14400.0, "each": each}
    together, first, second = records.ensembles([[make_run(tmp_path / "cnn-best", 0, 0.95, teachers=reborn)]])
    assert together["name"] == "ensemble of 4 `solo`"
    assert (first["name"], first["seeds"], first["taught_by"]) == ("cnn-large", 2, None)
    assert (first["accuracy"], first["core_hours"]) == (pytest.approx(0.945), pytest.approx(1.0))
    assert (second["name"], second["seeds"], second["taught_by"]) == ("cnn-large, generation 2", 2, "abc")
    assert (second["accuracy"], second["parameters"]) == (pytest.approx(0.955), 1_000_000)
    assert second["core_hours"] == pytest.approx(3.0)  # two teachers before it
    schools = [TEACHERS, {**reborn, "digest": "def"}]  # the first is the first generation of the second
    runs = [make_run(tmp_path / f"of-{one['n']}", 0, 0.95, teachers=one) for one in schools]
    names = ["ensemble of 2 `solo`", "cnn-large", "ensemble of 4 `solo`", "cnn-large, generation 2"]
    assert [row["name"] for row in records.ensembles([[run] for run in runs])] == names
    assert "learns from teachers" in tables._ours(second)


def test_a_run_on_all_pictures_says_how_many(tmp_path: Path, modules: Any) -> None:
    records, tables = modules
    every = {"data": {"train": 60_000, "digest": "d"}, "validation": None}
    teachers = {**TEACHERS, "validation": None, "each": {"test": TEACHERS["each"]["test"]}}
    run = make_run(tmp_path / "cnn-best-all", 0, 0.95, teachers=teachers, **every)
    for row in (records.row([run]), *records.ensembles([[run]])):
        assert row["validation"] is None
        assert tables._ours(row).endswith("; 60,000 images |")
    kept = records.row([make_run(tmp_path / "cnn-best", 0, 0.95)])
    assert tables._ours(kept).endswith("| learns from labels |")


def test_students_of_other_teachers_are_another_row(tmp_path: Path, modules: Any) -> None:
    records, _ = modules
    others = {**TEACHERS, "digest": "def", "core_seconds": 3600.0}
    runs = [make_run(tmp_path / f"best-{n}", n, 0.95, teachers=one) for n, one in enumerate((TEACHERS, others))]
    rows = [records.row(group) for group in records.grouped(runs, DATA)]
    assert [(one["seeds"], one["taught_by"], one["core_hours"]) for one in rows] == [
        (1, "abc", pytest.approx(3.0)),
        (1, "def", pytest.approx(2.0)),
    ]


def test_a_run_of_other_data_or_one_that_goes_on_is_refused(tmp_path: Path, modules: Any) -> None:
    records, _ = modules
    foreign = make_run(tmp_path / "kmnist", 0, 0.95, data={"train": 55_000, "digest": "another"})
    with pytest.raises(DataError, match="kmnist learnt from other data than today's Fashion-MNIST"):
        records.grouped([foreign], DATA)
    going_on = make_run(tmp_path / "going-on", 0, 0.95)
    (going_on.path / "metrics.json").unlink()
    with pytest.raises(ModelError, match="is not finished"):
        records.grouped([going_on], DATA)


def test_a_recipe_without_augmentation_has_no_figure_of_several_views(tmp_path: Path, modules: Any) -> None:
    records, tables = modules
    part = {"accuracy": 0.93, "accuracy_tta": None, "ece": 0.02}
    row = records.row([make_run(tmp_path / "plain-0", 0, 0.93, test=part, validation=part)])
    assert row["accuracy_tta"] is None
    assert tables._ours(row).endswith("| **93.00** |  | learns from labels |")


def test_first_seeds_of_one_model_are_paired_on_the_test_images(
    tmp_path: Path, modules: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    records, tables = modules
    test = LabeledImages(np.zeros((10, 28, 28), np.uint8), np.zeros(10, np.int64))
    wrong = {"large-0": 1, "large-1": 9, "small-0": 4}  # of the ten pictures, the last ones

    class Knowing:
        def __init__(self, name: str) -> None:
            self.answers = np.arange(10) >= 10 - wrong[name]

        def run(self, images: Any) -> ModelOutput:
            logits = np.eye(2, dtype=np.float32)[self.answers.astype(int)]
            return ModelOutput(logits, np.zeros((len(images), 1), np.float32))

    monkeypatch.setattr(records.bundle, "open_bundle", lambda path: path.parent.name)
    monkeypatch.setattr(records, "OnnxClassifier", Knowing)
    runs = [
        make_run(tmp_path / "large-1", 1, 0.95),
        make_run(tmp_path / "large-0", 0, 0.95),
        make_run(tmp_path / "small-0", 0, 0.94, widths=4, weights=290_000),
    ]
    dense = make_run(tmp_path / "dense-0", 0, 0.92, widths=2, model="dnn")
    wrong["dense-0"] = 5
    (pair,) = records.paired(records.grouped([*runs, dense], DATA), test)
    assert (pair["first"], pair["second"]) == ("large", "small")
    assert pair["difference"] == pytest.approx(0.3)
    assert pair["p_value"] == pytest.approx(0.25)  # three to nothing: twice an eighth
    machine = {"cpu": {"cores_available": 2, "model": "a processor"}}
    monkeypatch.setattr(tables, "load_results", lambda _: {"rows": [pair], "machine": machine, "command": "made"})
    line = tables.paired().splitlines()[2]
    assert line.startswith("| large | small | +30.00 | ")
    assert line.endswith(" | 0.250 |")


def test_seed_ensemble_averages_probabilities(tmp_path: Path, modules: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of three is sure of nine pictures and leans to a wrong class in one of its own."""
    records, tables = modules
    count, names = 10, ["best-0", "best-1", "best-2"]

    class Leaning:
        classes = ("Bag", "Coat")

        def __init__(self, name: str) -> None:
            self.logits = np.tile(np.float32([3, 0]), (count, 1))
            self.logits[names.index(name)] = [0, 1]

        def run(self, images: Any) -> ModelOutput:
            return ModelOutput(self.logits, np.zeros((len(images), 1), np.float32))

    part = LabeledImages(np.zeros((count, 28, 28), np.uint8), np.zeros(count, np.int64))
    recipe = preset("cnn", "large")
    monkeypatch.setattr(records.bundle, "open_bundle", lambda path: path.parent.name)
    monkeypatch.setattr(records, "OnnxClassifier", Leaning)
    monkeypatch.setattr(records, "split", lambda *_: (None, part))
    runs = [make_run(tmp_path / name, seed, 0.9, weights=290_000, teachers=TEACHERS) for seed, name in enumerate(names)]
    for run in runs:
        (run.path / "config.json").write_text(json.dumps({"recipe": recipe.to_json()}))
    together = records.seeds_together(runs, SimpleNamespace(test=part))
    assert (together["name"], together["kind"], together["seeds"]) == ("ensemble of 3 `best`", "cnn", 1)
    assert (together["accuracy"], together["accuracy_tta"], together["validation"]) == (1.0, 1.0, 1.0)
    assert together["parameters"] == 870_000
    assert together["core_hours"] == pytest.approx(2 + 3 * 1)  # two of the teachers', one of each student's own
    assert tables._ours(together).endswith("| **100.00** | 100.00 | learns from teachers |")


def test_rows_that_are_added_leave_the_others_and_take_the_place_of_their_own(modules: Any) -> None:
    records, _ = modules
    old = [{"name": "a", "n": 1}, {"name": "b", "n": 1}, {"name": "c", "n": 1}]
    pairs = [{"first": "a", "second": "b"}, {"first": "a", "second": "c"}, {"first": "c", "second": "b"}]
    new = [{"name": "b", "n": 2}, {"name": "d", "n": 2}, {"first": "b", "second": "d"}]
    assert records.joined([*old, *pairs], new) == [old[0], old[2], pairs[1], *new]


def test_a_published_row_says_which_files_and_how_its_epoch_was_chosen(modules: Any) -> None:
    _, tables = modules
    anchors = json.loads(tables.ANCHORS.read_text())["rows"]
    assert {row["kind"] for row in anchors} == set(tables.KINDS)
    for row in anchors:
        line = tables._published(row)
        assert row["source"] in line
        assert "**" not in line
        if row["release"] != "today's":
            assert (row["release"] or "release not said") in line
        if row["chosen"] is None:
            assert "choice of the epoch not said" in line
        assert (f" {row.get('accuracy_tta', 0):.2f} " in line) == ("accuracy_tta" in row)


def test_a_published_row_that_is_better_than_ours_is_not_left_out(modules: Any) -> None:
    _, tables = modules
    features = [line for line in tables.records().splitlines() if line.startswith("| HOG features, SVM |")]
    assert len(features) == 1
    assert " 92.60 " in features[0]


def test_ours_stand_by_accuracy_among_the_fresh_and_before_the_stale(
    tmp_path: Path, modules: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    records, tables = modules
    groups = records.grouped([make_run(tmp_path / "cnn-best-0", 0, 0.961, teachers=TEACHERS)], DATA)
    machine = {"cpu": {"cores_available": 2, "model": "a processor"}}
    found = {"rows": [*map(records.row, groups), *records.ensembles(groups)], "machine": machine, "command": "made"}
    monkeypatch.setattr(tables, "load_results", lambda _: found)
    first = tables.records().split("\n\n")[1]
    order = [line.split(" | ")[0] for line in first.splitlines()[2:]]
    names = ["shake-shake", "cnn-best", "VGG8B", "ensemble of 2", "fast.ai"]
    places = [next(place for place, line in enumerate(order) if name in line) for name in names]
    assert places == sorted(places)
    stale = [place for place, line in enumerate(first.splitlines()[2:]) if "before September 2017" in line]
    assert min(stale) > max(places)


def test_ablation_rows_compare_with_their_own_recipe(modules: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _, tables = modules

    def variant(name: str, seconds: float, accuracy: float) -> dict[str, Any]:
        spread = {"accuracy_min": accuracy - 0.002, "accuracy_max": accuracy + 0.002, "accuracy_tta": accuracy + 0.01}
        return {"name": name, "n": 5, "median": seconds, "seeds": 3, "accuracy": accuracy, **spread}

    rows = [
        variant("sprint: the recipe", 5.0, 0.9),
        variant("sprint: no shift", 4.5, 0.905),
        variant("fast: the recipe", 50.0, 0.94),
        variant("fast: no shift", 52.0, 0.93999),
    ]
    machine = {"cpu": {"cores_available": 2, "model": "a processor"}}
    monkeypatch.setattr(tables, "load_results", lambda _: {"rows": rows, "machine": machine, "command": "made"})
    lines = tables.ablation().splitlines()
    assert lines[2:6] == [
        "| **`sprint`** | 5.0 |  | 90.00 (89.80 to 90.20) |  | 91.00 |",
        "| no shift | 4.5 | -0.5 | 90.50 (90.30 to 90.70) | +0.50 | 91.50 |",
        "| **`fast`** | 50.0 |  | 94.00 (93.80 to 94.20) |  | 95.00 |",
        "| no shift | 52.0 | +2.0 | 94.00 (93.80 to 94.20) | +0.00 | 95.00 |",
    ]
    assert "median of 5 rounds" in lines[-1]
    assert "3 seeds" in lines[-1]
    assert "2 cores of a processor" in lines[-1]


SMALL_RECIPES = ("small-cnn", "born-again", "no-cutmix")


@pytest.mark.parametrize(
    "recipe",
    [preset("cnn", "best"), *(from_file(BENCHMARKS / "recipes" / f"{name}.toml", "cnn") for name in SMALL_RECIPES)],
)
def test_the_small_recipes_are_small(recipe: Recipe) -> None:
    pytest.importorskip("torch")
    from clothier.data.synthetic import draw_garments
    from clothier.training.networks import build_network, count_parameters

    assert count_parameters(build_network(recipe.network, draw_garments(50, seed=0).images, 10, 0)) <= 300_000
