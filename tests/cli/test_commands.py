"""Each command: the arguments it passes to its workflow, and what it prints of the result."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from clothier import atomic
from clothier.data.columns import Columns
from clothier.types import DEFAULT_MODEL, FailedInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from clothier.workflows.compare import Comparison
    from conftest import CliResult, FakeWorkflows

    Runner = Callable[..., CliResult]


FAILURE = FailedInput("hat/a.png", "empty", "a.png is empty.")


class TestData:
    def test_folder_is_optional(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        assert run("data").code == 0
        assert run("data", "--from", "here").code == 0
        assert [arguments for _, arguments in fake_workflows.calls] == [{"folder": None}, {"folder": Path("here")}]

    def test_table(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        ended = run("data")
        assert f"t10k-labels-idx1-ubyte 10 kB {'0402a96d' * 8}" in ended.lines
        folder = fake_workflows.results["prepare"].found.folder
        assert f"Fashion-MNIST is complete (40 train, 20 test), in {folder}" in ended.lines
        assert "skipped the cache: it was altered." in ended.lines
        assert "Copied" not in ended.stdout

    def test_copy_in_the_cache_is_named(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        dataset = fake_workflows.results["prepare"]
        fake_workflows.results["prepare"] = replace(dataset, cache=Path("/cache/fashion-mnist"))
        assert "Copied to /cache/fashion-mnist" in run("data").stdout

    def test_json(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        assert run("data", "--json").json == fake_workflows.results["prepare"].to_json()


class TestEvaluate:
    def test_every_option_is_passed_on(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        assert run("evaluate", "a", "b", "--data", "d", "--any-idx", "--corruptions", "--taxonomy", "c.csv").code == 0
        given = {"models": ["a", "b"], "data": Path("d"), "any_idx": True, "corruptions": True}
        given |= {"taxonomy": Path("c.csv")}
        assert fake_workflows.only_call == {**given, "columns": Columns()}

    def test_columns_of_a_csv(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        words = "evaluate a --data d.csv --file-column image --label-column kind --group-column line"
        assert run(*words.split()).code == 0
        assert fake_workflows.only_call["columns"] == Columns("image", "kind", "line")

    def test_each_failed_photo_is_named_once(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        fake_workflows.failed_photos = (
            FailedInput("a.jpg", "empty", "a.jpg is empty."),
            FailedInput("b.jpg", "x", "not an image."),
        )
        ended = run("evaluate", "a", "b", "--json")
        assert (ended.code, ended.stderr) == (3, "a.jpg is empty.\nb.jpg: not an image.\n")
        assert [one["model"] for one in ended.json] == ["a", "b"], "stdout has all results"
        assert run("evaluate", "a", "--fail-under", "0.99").code == 5, "5 takes precedence over 3"

    def test_one_model_is_printed_with_its_classes(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        ended = run("evaluate", "fashion-cnn")
        assert "93.21 % ± 1.23" in ended.stdout
        assert "Shirt 80.0 % 70.0 % 75.0 % 40" in ended.lines

    def test_two_models_are_printed_without_classes(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        ended = run("evaluate", "a", "b")
        assert "Shirt" not in ended.stdout
        assert [line.split()[:2] for line in ended.lines if "±" in line] == [["a", "93.21"], ["b", "83.21"]]

    def test_json_of_one_model_is_a_list(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        (only,) = run("evaluate", "a", "--json").json
        assert (only["model"], only["accuracy"], only["confusion"]) == ("a", 0.9321, [[28, 12], [1, 59]])

    def test_fail_under_equal_to_the_accuracy(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        assert run("evaluate", "a", "--fail-under", "0.9321").code == 0

    def test_fail_under_above_an_accuracy(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        ended = run("evaluate", "a", "b", "--fail-under", "0.9", "--json")
        assert ended.code == 5
        assert [one["model"] for one in ended.json] == ["a", "b"], "stdout has all results"
        assert "--fail-under 0.9" in ended.stderr
        assert "b reached 0.8321" in ended.stderr
        assert "a reached" not in ended.stderr


class TestCompare:
    def test_every_option_is_passed_on(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        assert run("compare", "a", "b", "--data", "d", "--any-idx", "--taxonomy", "c.csv").code == 0
        given = {"first": "a", "second": "b", "data": Path("d"), "any_idx": True, "taxonomy": Path("c.csv")}
        assert fake_workflows.only_call == {**given, "columns": Columns()}

    def test_table(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        shown = run("compare", "a", "b").stdout
        assert "first: a" in shown
        assert "first - second: +7.00 percentage points (95 % interval +1.00 to +13.00), p = 0.065" in shown
        assert "only one is correct: first 9, second 2 of 100 images" in shown

    def test_json(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        assert run("compare", "a", "b", "--json").json["mcnemar"]["interval"] == [0.01, 0.13]


class TestPredict:
    def test_defaults(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        assert run("predict", "a.png").code == 0
        names = ("output", "taxonomy", "columns", "file_column", "save_inputs")
        unset = {**dict.fromkeys(names), "trust_model": False}
        assert fake_workflows.only_call == {"photos": ["a.png"], "model": DEFAULT_MODEL, "top": 3, **unset}

    def test_every_option_is_passed_on(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        words = "predict a.png b.png --model runs/cnn --top 1 --taxonomy own.toml --save-inputs inputs --trust-model"
        words += " --out t.csv --columns file,class --file-column image"
        assert run(*words.split()).stderr == "Table: t.csv\n"
        table = {"output": Path("t.csv"), "columns": "file,class", "file_column": "image"}
        given = {"model": "runs/cnn", "top": 1, "taxonomy": Path("own.toml"), "save_inputs": Path("inputs")}
        expected = {"photos": ["a.png", "b.png"], **given, **table, "trust_model": True}
        assert fake_workflows.only_call == expected

    def test_bars_show_probabilities(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        lines = [line for line in run("predict", "a.png").lines if "%" in line]
        assert lines == [f"a.png Sneaker 82.1 % {'━' * 16} uncalibrated", f"Sandal 12.0 % {'━' * 2}"]

    def test_file_names_are_not_markup(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        assert "[red]:shirt:.png" in run("predict", "[red]:shirt:.png").stdout

    def test_a_failed_file_does_not_stop_the_others(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        ended = run("predict", "a.png", "missing.png", "--json")
        assert ended.code == 3
        assert ended.json[0]["class"] == "Sneaker"
        assert (ended.json[1]["file"], ended.json[1]["error"]["code"]) == ("missing.png", "not-found")
        assert ended.stderr == "missing.png does not exist; give an image.\n"

    def test_every_failed_file_is_named(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        ended = run("predict", "empty.png", "missing.png")
        assert ended.code == 3
        assert ended.stderr == "empty.png: the file is empty.\nmissing.png does not exist; give an image.\n"
        assert ended.stdout.count("could not be read") == 2


class TestStudy:
    def test_defaults(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        ended = run("study")
        assert fake_workflows.only_call == {"preset": "fast", "seed": 0}
        assert f"Report: {fake_workflows.results['study'].report}" in ended.stdout.replace("\n", "")

    def test_every_option_is_passed_on(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        words = "study --preset classic --out o --data d --any-idx --seed 5 --json"
        assert run(*words.split()).json["report"] == str(fake_workflows.results["study"].report)
        given = {"preset": "classic", "out": Path("o"), "data": Path("d"), "any_idx": True, "seed": 5}
        assert fake_workflows.only_call == given

    def test_table(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        ended = run("study")
        assert [line for line in ended.lines if "±" in line] == [
            "dnn 86.00 % ± 1.23 12,682 30 61 s",
            "cnn 93.00 % ± 1.23 94.00 % ± 1.23 12,682 30 61 s",
        ]
        assert "dnn - cnn: -7.00 percentage points (95 % interval -13.00 to -1.00), p < 0.001" in ended.stdout

    def test_resume(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        assert run("study", "--resume", "runs/mine").code == 0
        assert fake_workflows.calls == [("resume_study", {"path": Path("runs/mine")})]

    def test_resume_accepts_no_other_option(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        ended = run("study", "--resume", "runs/mine", "--seed", "0", "--any-idx")
        assert (ended.code, fake_workflows.calls) == (2, [])
        assert "--any-idx, --seed" in ended.stderr


class TestFailedImages:
    """Every command that reads images names those that it could not read, and exits with 3."""

    @pytest.mark.parametrize(
        ("words", "result", "path"),
        [
            ("train cnn", "train", "data"),
            ("study", "study", "exploration"),
            ("study --resume runs/study-fast", "study", "exploration"),
            ("tune cnn", "tune", None),
        ],
    )
    def test_of_a_run(
        self, run: Runner, fake_workflows: FakeWorkflows, words: str, result: str, path: str | None
    ) -> None:
        names = {"train": "metrics.json", "study": "study.json", "tune": "tune.json"}
        file = fake_workflows.results[result].path / names[result]
        content = json.loads(file.read_text(encoding="utf-8"))
        (content[path] if path else content)["failures"] = [
            FailedInput("hat/a.png", "empty", "a.png is empty.").to_json()
        ]
        atomic.write_json(file, content)
        ended = run(*words.split())
        assert (ended.code, ended.stderr) == (3, "hat/a.png: a.png is empty.\n")

    def test_of_a_comparison(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        compare = fake_workflows.results["compare"]

        def with_failures(**names: Any) -> Comparison:
            found = compare(**names)
            return replace(found, first=replace(found.first, failures=(FAILURE,)))

        fake_workflows.results["compare"] = with_failures
        assert run("compare", "one", "other").code == 3


class TestDoctor:
    def test_table_and_json_agree(self, run: Runner) -> None:
        shown = run("doctor").stdout
        report = run("doctor", "--json").json
        for check in report["checks"]:
            assert check["name"] in shown
        assert report["system"]["python"] in shown
