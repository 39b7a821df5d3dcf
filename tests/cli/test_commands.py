"""Each command: what it asks of its workflow, and what it shows of the answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from clothier import recipes
from clothier.data.photo_csv import Columns
from clothier.types import DEFAULT_MODEL, FailedInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import CliResult, FakeWorkflows

    Runner = Callable[..., CliResult]


class TestData:
    def test_looks_everywhere_unless_told_where(self, run: Runner, workflows: FakeWorkflows) -> None:
        assert run("data").code == 0
        assert run("data", "--from", "here").code == 0
        assert [arguments for _, arguments in workflows.calls] == [{"folder": None}, {"folder": Path("here")}]

    def test_table(self, run: Runner, workflows: FakeWorkflows) -> None:
        shown = run("data").stdout
        assert "Fashion-MNIST is whole (12,000 train, 2,000 test), in /data/fashion-mnist" in shown
        assert "0402a96d" * 8 in shown
        assert "10 kB" in shown
        assert "passed over the cache: it was altered." in shown
        assert "Copied" not in shown

    def test_a_copy_is_told_of(self, run: Runner, workflows: FakeWorkflows) -> None:
        workflows.data_result["cache"] = "/cache/fashion-mnist"
        assert "Copied to /cache/fashion-mnist, where every command finds it." in run("data").stdout

    def test_json(self, run: Runner, workflows: FakeWorkflows) -> None:
        assert run("data", "--json").json["counts"]["test"] == {"Shirt": 1000, "Bag": 1000}


class TestTrain:
    def test_defaults(self, run: Runner, workflows: FakeWorkflows) -> None:
        assert run("train", "cnn").code == 0
        recipe = recipes.preset("cnn", "fast")
        nothing = {"data": None, "any_idx": False, "out": None, "seed": 0, "time_limit": None}
        assert workflows.calls == [("train", {"recipe": recipe, **nothing, "teachers": None, "twin": None})]

    def test_every_option_arrives(self, run: Runner, workflows: FakeWorkflows) -> None:
        words = "train dnn --preset classic --data d --any-idx --out o --seed 3 --time-limit 1h30m --teachers t"
        assert run(*words.split()).code == 0
        assert workflows.only_call == {
            "recipe": recipes.preset("dnn", "classic"),
            "data": Path("d"),
            "any_idx": True,
            "out": Path("o"),
            "seed": 3,
            "time_limit": 5400.0,
            "teachers": Path("t"),
            "twin": None,
        }

    def test_own_recipe(self, run: Runner, workflows: FakeWorkflows, tmp_path: Path) -> None:
        file = tmp_path / "mine.toml"
        file.write_text("epochs = 77\n")
        assert run("train", "cnn", "--recipe", str(file)).code == 0
        assert workflows.only_call["recipe"].epochs == 77

    def test_config_of_another_run_with_changes(self, run: Runner, workflows: FakeWorkflows) -> None:
        assert run("train", "--config", "runs/a/config.json", "--seed", "0").code == 0
        assert workflows.only_call["recipe"] == "recipe in runs/a/config.json"
        assert workflows.only_call["seed"] == 0, "a seed that was given wins over the config's 7"
        assert workflows.only_call["data"] == Path("old"), "what was not given stays"

    def test_refit_takes_everything_but_the_seed(self, run: Runner, workflows: FakeWorkflows) -> None:
        assert run("train", "--twin", "runs/a", "--seed", "3").code == 0
        assert workflows.only_call["recipe"] == "recipe in runs/a/config.json, on all"
        assert (workflows.only_call["twin"], workflows.only_call["seed"]) == (Path("runs/a"), 3)
        assert workflows.only_call["data"] == Path("old")

    def test_resume_alone_expects_nothing(self, run: Runner, workflows: FakeWorkflows) -> None:
        assert run("train", "--resume", "runs/a").code == 0
        assert workflows.calls == [("resume", {"path": Path("runs/a"), "expected": None})]

    def test_resume_with_a_model_has_it_compared(self, run: Runner, workflows: FakeWorkflows) -> None:
        assert run("train", "cnn", "--resume", "runs/a", "--seed", "4").code == 0
        expected = workflows.only_call["expected"]
        assert (expected.recipe, expected.seed) == (recipes.preset("cnn", "fast"), 4)

    def test_table(self, run: Runner, workflows: FakeWorkflows) -> None:
        shown = run("train", "cnn").stdout
        assert "cnn, validation" in shown
        assert "93.21 % ± 1.23" in shown
        assert "Run folder: runs/cnn-2" in shown

    def test_json(self, run: Runner, workflows: FakeWorkflows) -> None:
        assert run("train", "cnn", "--json").json["metrics"]["test"]["accuracy"] == 0.9321

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            ("train", "nothing to train was named; give dnn, cnn or photo, --config, --twin or --resume."),
            ("train --seed 3", "nothing to train was named; give dnn, cnn or photo, --config, --twin or --resume."),
            ("train cnm", "'cnm' is not a model to train; did you mean 'cnn'?"),
            ("train cnn --preset fats", "'fats' is not a preset of cnn; did you mean 'fast'?"),
            (
                "train cnn --config c.json",
                "--config already names the model and its recipe; leave out the model, --preset and --recipe.",
            ),
            (
                "train cnn --twin runs/a",
                "--twin already names the model and its recipe; leave out the model, --preset and --recipe.",
            ),
            ("train --config c.json --twin runs/a", "got --config and --twin; the twin already tells how to train."),
            (
                "train cnn --preset fast --recipe r.toml",
                "got --preset and --recipe; a recipe file names the preset that it starts from.",
            ),
            (
                "train --resume a --preset fast",
                "--preset and --recipe need a model before them: dnn or cnn.",
            ),
            (
                "train --resume a --seed 3 --time-limit 1m",
                "--resume takes everything from the run; leave out --seed, --time-limit, or name the model as well.",
            ),
        ],
    )
    def test_contradictions(self, run: Runner, workflows: FakeWorkflows, words: str, sentence: str) -> None:
        ending = run(*words.split())
        assert (ending.code, ending.stdout, ending.stderr) == (2, "", f"Error: {sentence}\n")
        assert workflows.calls == []


class TestEvaluate:
    def test_every_option_arrives(self, run: Runner, workflows: FakeWorkflows) -> None:
        assert run("evaluate", "a", "b", "--data", "d", "--any-idx", "--corruptions").code == 0
        given = {"models": ["a", "b"], "data": Path("d"), "any_idx": True, "corruptions": True}
        assert workflows.only_call == {**given, "columns": Columns()}

    def test_columns_of_a_table_of_photos(self, run: Runner, workflows: FakeWorkflows) -> None:
        words = "evaluate a --data d.csv --file-column picture --label-column kind --group-column line"
        assert run(*words.split()).code == 0
        assert workflows.only_call["columns"] == Columns("picture", "kind", "line")

    def test_photos_that_could_not_be_read_are_named_once(self, run: Runner, workflows: FakeWorkflows) -> None:
        workflows.failed_inputs = (
            FailedInput("a.jpg", "empty", "a.jpg is empty."),
            FailedInput("b.jpg", "x", "no picture."),
        )
        ending = run("evaluate", "a", "b", "--json")
        assert (ending.code, ending.stderr) == (3, "a.jpg is empty.\nb.jpg: no picture.\n")
        assert [one["model"] for one in ending.json] == ["a", "b"], "the results come first, and whole"
        assert run("evaluate", "a", "--fail-under", "0.99").code == 5, "a gate weighs more"

    def test_one_model_with_its_classes(self, run: Runner, workflows: FakeWorkflows) -> None:
        shown = run("evaluate", "fashion-cnn").stdout
        assert "93.21 % ± 1.23" in shown
        assert [line.split() for line in shown.splitlines() if "Shirt" in line] == [
            ["Shirt", "80.0", "%", "70.0", "%", "75.0", "%", "40"]
        ]

    def test_two_models_side_by_side(self, run: Runner, workflows: FakeWorkflows) -> None:
        shown = run("evaluate", "a", "b").stdout
        assert "Shirt" not in shown
        assert [line.split()[:2] for line in shown.splitlines() if "±" in line] == [["a", "93.21"], ["b", "83.21"]]

    def test_json_is_a_list_even_of_one(self, run: Runner, workflows: FakeWorkflows) -> None:
        (only,) = run("evaluate", "a", "--json").json
        assert (only["model"], only["accuracy"], only["confusion"]) == ("a", 0.9321, [[28, 12], [1, 59]])

    def test_gate_that_is_met(self, run: Runner, workflows: FakeWorkflows) -> None:
        assert run("evaluate", "a", "--fail-under", "0.9321").code == 0

    def test_gate_that_is_not(self, run: Runner, workflows: FakeWorkflows) -> None:
        ending = run("evaluate", "a", "b", "--fail-under", "0.9", "--json")
        assert ending.code == 5
        assert [one["model"] for one in ending.json] == ["a", "b"], "the results come first, and whole"
        assert ending.stderr == (
            "Error: the gate of --fail-under 0.9 is not met: b reached 0.8321. The results above are whole.\n"
        )


class TestCompare:
    def test_every_option_arrives(self, run: Runner, workflows: FakeWorkflows) -> None:
        assert run("compare", "a", "b", "--data", "d", "--any-idx").code == 0
        assert workflows.only_call == {"first": "a", "second": "b", "data": Path("d"), "any_idx": True}

    def test_table(self, run: Runner, workflows: FakeWorkflows) -> None:
        shown = run("compare", "a", "b").stdout
        assert "first: a" in shown
        assert (
            "first less second: +7.00 points (95 % interval +1.00 to +13.00), p = 0.065 (McNemar's exact test)" in shown
        )
        assert "right where the other is wrong: first 9, second 2 of 100 pictures" in shown

    def test_json(self, run: Runner, workflows: FakeWorkflows) -> None:
        assert run("compare", "a", "b", "--json").json["test"]["interval"] == [0.01, 0.13]


class TestPredict:
    def test_defaults(self, run: Runner, workflows: FakeWorkflows) -> None:
        assert run("predict", "a.png").code == 0
        nothing = {"taxonomy": None, "show": None}
        assert workflows.only_call == {"files": [Path("a.png")], "model": DEFAULT_MODEL, "top": 3, **nothing}

    def test_every_option_arrives(self, run: Runner, workflows: FakeWorkflows) -> None:
        words = "predict a.png b.png --model runs/cnn --top 1 --taxonomy own.toml --show seen"
        assert run(*words.split()).code == 0
        given = {"model": "runs/cnn", "top": 1, "taxonomy": Path("own.toml"), "show": Path("seen")}
        assert workflows.only_call == {"files": [Path("a.png"), Path("b.png")], **given}

    def test_table_with_bars(self, run: Runner, workflows: FakeWorkflows) -> None:
        lines = [line for line in run("predict", "a.png").stdout.splitlines() if "%" in line]
        bar, small = "━" * 16, "━" * 2
        assert [line.split() for line in lines] == [
            ["a.png", "Sneaker", "82.1", "%", bar, "none"],
            ["Sandal", "12.0", "%", small],
        ]
        assert [line.count("━") for line in lines] == [16, 2], "of 20 characters for certainty"

    def test_names_are_no_markup(self, run: Runner, workflows: FakeWorkflows) -> None:
        assert "[red]:shirt:.png" in run("predict", "[red]:shirt:.png").stdout

    def test_failures_are_named_and_the_others_answered(self, run: Runner, workflows: FakeWorkflows) -> None:
        ending = run("predict", "a.png", "missing.png", "--json")
        assert ending.code == 3
        assert ending.json[0]["class"] == "Sneaker"
        assert ending.json[1] == {
            "file": "missing.png",
            "error": {"code": "not-found", "message": "missing.png does not exist; give a picture."},
        }
        assert ending.stderr == "missing.png does not exist; give a picture.\n"

    def test_every_failure_is_named(self, run: Runner, workflows: FakeWorkflows) -> None:
        ending = run("predict", "empty.png", "missing.png")
        assert ending.stderr == "empty.png: there is nothing in it.\nmissing.png does not exist; give a picture.\n"

    def test_table_of_failures(self, run: Runner, workflows: FakeWorkflows) -> None:
        ending = run("predict", "missing.png")
        assert ending.code == 3
        assert "could not be read" in ending.stdout


class TestStudy:
    def test_defaults(self, run: Runner, workflows: FakeWorkflows) -> None:
        ending = run("study")
        assert workflows.only_call == {"preset": "fast", "out": None, "data": None, "any_idx": False, "seed": 0}
        assert "Report: runs/study-fast/report.html" in ending.stdout

    def test_table(self, run: Runner, workflows: FakeWorkflows) -> None:
        shown = run("study").stdout
        rows = [" ".join(line.split()) for line in shown.splitlines() if "±" in line]
        assert rows == [
            "dnn 86.00 % ± 1.23 12,682 30 61 s",
            "cnn 93.00 % ± 1.23 94.00 % ± 1.23 12,682 30 61 s",
        ]
        assert "dnn less cnn: -7.00 points (95 % interval -13.00 to -1.00), p < 0.001 (McNemar's exact test)" in shown

    def test_resume(self, run: Runner, workflows: FakeWorkflows) -> None:
        assert run("study", "--resume", "runs/mine").code == 0
        assert workflows.calls == [("resume_study", {"path": Path("runs/mine")})]

    def test_resume_takes_no_other_option(self, run: Runner, workflows: FakeWorkflows) -> None:
        ending = run("study", "--resume", "runs/mine", "--seed", "0", "--any-idx")
        assert (ending.code, workflows.calls) == (2, [])
        assert ending.stderr == "Error: --resume takes everything from the study; leave out --any-idx, --seed.\n"

    def test_every_option_arrives(self, run: Runner, workflows: FakeWorkflows) -> None:
        words = "study --preset classic --out o --data d --any-idx --seed 5 --json"
        assert run(*words.split()).json["report"] == "runs/study-fast/report.html"
        expected: dict[str, Any] = {"preset": "classic", "out": Path("o"), "data": Path("d"), "any_idx": True}
        assert workflows.only_call == {**expected, "seed": 5}


class TestDoctor:
    def test_table_and_json_agree(self, run: Runner) -> None:
        shown = run("doctor").stdout
        examined = run("doctor", "--json").json
        for finding in examined["findings"]:
            assert finding["name"] in shown
        assert examined["machine"]["python"] in shown
