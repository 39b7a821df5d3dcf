"""The documents hold the committed results, and the results support what the documents say."""

from __future__ import annotations

import json
import operator
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import ablation
from benchmarks.tables import __main__ as tables
from benchmarks.tables import catalogue, fashion_mnist, leaderboard
from benchmarks.tables.formatting import load_results
from clothier.report.reference_study import REFERENCE_MAP_QUALITY

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
RESULTS = sorted(path.stem for path in (ROOT / "benchmarks" / "results").glob("*.json"))
MACHINE = {"cpu": {"cores_available": 2, "model": "a processor"}}


def rows(name: str) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in load_results(name)["rows"] if "name" in row}


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """The command line."""

    def run(*arguments: str) -> None:
        monkeypatch.setattr(sys, "argv", ["tables", *arguments])
        tables.main()

    return run


def test_documents_hold_the_results(main: Callable[..., None]) -> None:
    main("--check")


@pytest.mark.parametrize("name", ["search: 10 photos", "find copies: 10 photos"])
def test_the_table_of_searches_speaks_of_copies_if_it_has_them(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    row = {"name": name, "unit": "s", "accuracy": 1.0, **dict.fromkeys(("n", "min", "median", "max"), 1)}
    found = {"rows": [row], "command": "c", "machine": MACHINE}
    monkeypatch.setattr(catalogue, "load_results", lambda _: found)
    note = catalogue.similar_speed().splitlines()[-1]
    assert note.startswith("Vectors")
    assert ("copies" in note) == ("hashes" in note) == name.startswith("find")


def test_a_changed_number_is_noticed_and_restored(
    main: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    original = next(one for one in tables.DOCUMENTS if "<!-- table: presets -->" in one.read_text())
    number = f"**{100 * rows('presets')['dnn classic']['accuracy']:.2f}**"
    document = tmp_path / original.name
    document.write_text(original.read_text().replace(number, "**99.99**"))
    assert document.read_text() != original.read_text()
    monkeypatch.setattr(tables, "DOCUMENTS", [document])
    with pytest.raises(SystemExit, match=original.name):
        main("--check")
    main()
    assert document.read_text() == tables.fill_tables(original.read_text())


@pytest.mark.parametrize("name", RESULTS)
def test_each_result_names_its_machine_and_a_command_that_exists(name: str) -> None:
    results = load_results(name)
    assert results["benchmark"] == name
    assert results["machine"]["cpu"].keys() >= {"model", "cores_available"}
    words = results["command"].split()
    if words[0] == "make":
        assert f" {words[1]} " in f"{(ROOT / 'Makefile').read_text()} ".replace("\n", " ")
    else:
        assert words[:3] == ["python", "-m", f"benchmarks.{name}"]


PROBE = "logistic regression"
CLAIMS = [
    ("presets", "dnn classic", "accuracy_min", operator.ge, 0.870),
    ("presets", "dnn classic", "accuracy_max", operator.le, 0.892),
    ("presets", "cnn classic", "accuracy_min", operator.ge, 0.885),
    ("presets", "cnn classic", "accuracy_max", operator.le, 0.915),
    ("presets", "dnn fast", "accuracy", operator.ge, 0.895),
    ("training", "cnn fast", "accuracy", operator.ge, 0.930),
    ("training", "cnn fast", "accuracy_tta", operator.ge, 0.940),
    ("training", "cnn sprint", "accuracy", operator.ge, 0.897),
    ("study", "study --preset fast", "max", operator.lt, 360),
    ("study", "study --preset fast, AVX2 only", "max", operator.lt, 900),
    ("study", "study --preset fast, peak memory", "max", operator.lt, 2.5),
    ("study", "study --preset fast, report.html", "max", operator.lt, 5),
    ("study", "clothier --help", "max", operator.lt, 0.25),
    ("simulated_shops", f"photo, {PROBE} - imagenet, {PROBE}", "mean", operator.ge, 0.03),
    ("simulated_shops", f"photo, {PROBE}, products - photo, {PROBE}, their photos", "mean", operator.ge, 0.02),
    ("explore", "explore", "max", operator.lt, 240),
    ("explore", "explore, map.html", "max", operator.lt, 15),
]
RATIOS = [
    ("training", "time_to_89.7/study", operator.le, 0.10),
    ("training", "flops/peak", operator.ge, 0.3),
    ("map", "map/opentsne", operator.le, 0.6),
    ("inference", "study-cnn float32 latency/torch", operator.le, 0.5),
    ("inference", "study-cnn float32 rate/torch", operator.ge, 1.5),
    ("inference", "fashion-cnn int8 rate/torch", operator.ge, 2),
]


def test_results_support_the_claims_of_the_documents() -> None:
    measured = [(rows(name)[row][column], test, limit) for name, row, column, test, limit in CLAIMS]
    measured += [(load_results(name)["ratios"][ratio], test, limit) for name, ratio, test, limit in RATIOS]
    assert [one for one, claim in zip(measured, CLAIMS + RATIOS, strict=True) if not one[1](one[0], one[2])] == []


def test_reference_map_of_the_report_is_the_measured_one() -> None:
    measured = rows("map")["the reference study's setting"]
    for name in ("knn10", "knn100", "trustworthiness"):
        assert getattr(REFERENCE_MAP_QUALITY, name) == pytest.approx(measured[name], abs=1e-9)
    assert REFERENCE_MAP_QUALITY.n == measured["points"]


def test_ablation_was_measured_with_the_recipes_of_today() -> None:
    today = {f"{name}: {one.name}": one.digest for name in ablation.PRESETS for one in ablation.variants(name)}
    assert {name: row["recipe"] for name, row in rows("ablation").items()} == today


def test_ablation_compares_with_the_full_recipe_of_the_preset(monkeypatch: pytest.MonkeyPatch) -> None:
    def variant(name: str, seconds: float, accuracy: float) -> dict[str, Any]:
        columns = {"accuracy_min": accuracy - 0.002, "accuracy_max": accuracy + 0.002, "accuracy_tta": accuracy + 0.01}
        return {"name": name, "n": 5, "median": seconds, "seeds": 3, "accuracy": accuracy, **columns}

    measured = [
        variant("sprint: full recipe", 5.0, 0.9),
        variant("sprint: no translation", 4.5, 0.905),
        variant("fast: full recipe", 50.0, 0.94),
        variant("fast: no translation", 52.0, 0.93999),
        variant("fast: no flip", 0.0, 0.95),
    ]
    del measured[-1]["median"]  # only the accuracy is measured yet
    results = {"rows": measured, "machine": MACHINE, "command": "made"}
    monkeypatch.setattr(fashion_mnist, "load_results", lambda _: results)
    lines = fashion_mnist.ablation().splitlines()
    assert lines[2:7] == [
        "| **`sprint`** | 5.0 |  | 90.00 (89.80 to 90.20) |  | 91.00 |",
        "| no translation | 4.5 | -0.5 | 90.50 (90.30 to 90.70) | +0.50 | 91.50 |",
        "| **`fast`** | 50.0 |  | 94.00 (93.80 to 94.20) |  | 95.00 |",
        "| no translation | 52.0 | +2.0 | 94.00 (93.80 to 94.20) | +0.00 | 95.00 |",
        "| no flip |  |  | 95.00 (94.80 to 95.20) | +1.00 | 96.00 |",
    ]
    for part in ("median of 5 rounds", "3 seeds", "2 cores of a processor"):
        assert part in lines[-1]


@pytest.mark.parametrize(
    "row", json.loads(leaderboard.PUBLISHED_RESULTS.read_text())["rows"], ids=lambda row: row["name"]
)
def test_published_row_names_its_source_its_release_and_the_choice_of_its_epoch(row: dict[str, Any]) -> None:
    assert row["kind"] in leaderboard.KINDS
    *cells, protocol = leaderboard._published_row(row)
    assert row["source"] in protocol
    assert not any("**" in str(cell) for cell in cells)
    assert ((row["release"] or "release not stated") in protocol) == (row["release"] != "today's")
    assert ("choice of the epoch not stated" in protocol) == (row["chosen"] is None)
    assert (cells[-1] != "") == ("accuracy_tta" in row)


def test_leaderboard_sorts_by_accuracy_with_old_releases_last(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = {
        "name": "cnn-best",
        "kind": "cnn",
        "cpu": "AMD EPYC",
        "parameters": 1,
        "epochs": 1,
        "core_hours": 1.0,
        "seeds": 1,
        "train_images": 60_000,
        "teachers_digest": None,
        "accuracy": 0.961,
        "accuracy_tta": None,
    }
    results = {"rows": [ours], "machine": MACHINE, "command": "made"}
    monkeypatch.setattr(leaderboard, "load_results", lambda _: results)
    first = leaderboard.leaderboard().split("\n\n")[1].splitlines()[2:]
    names = [
        next(index for index, line in enumerate(first) if name in line) for name in ("shake-", "cnn-best", "VGG8B")
    ]
    assert names == sorted(names)
    assert first[names[1]].endswith("| **96.10** |  | without distillation; 60,000 images |")
    old = [index for index, line in enumerate(first) if "before September 2017" in line]
    assert min(old) > max(names)
    assert "| HOG features, SVM |" in leaderboard.leaderboard(), "published rows better than ours are listed"
