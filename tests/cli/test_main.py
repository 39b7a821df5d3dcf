"""Every way out has its code and its sentence, and nothing else on stdout."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clothier import errors
from clothier.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import CliResult, FakeWorkflows

    Runner = Callable[..., CliResult]


@pytest.mark.parametrize(
    ("failure", "code", "stderr"),
    [
        (errors.UsageError("no such thing."), 2, "Error: no such thing.\n"),
        (errors.DataError("the data are gone."), 4, "Error: the data are gone.\n"),
        (errors.ModelError("the model is gone."), 4, "Error: the model is gone.\n"),
        (errors.StorageError("cannot write x: the disk is full."), 1, "Error: cannot write x: the disk is full.\n"),
        (errors.ImageError("empty", "x.png is empty."), 3, "Error: x.png is empty.\n"),
        (errors.DataError("[bold]:shirt: stays."), 4, "Error: [bold]:shirt: stays.\n"),
        (
            ModuleNotFoundError("No module named 'torch'", name="torch"),
            2,
            (
                "Error: clothier train needs PyTorch, which is not installed. "
                "Install it with: pip install 'clothier[train]'\n"
            ),
        ),
        (
            ModuleNotFoundError("No module named 'sklearn.metrics'", name="sklearn.metrics"),
            2,
            (
                "Error: clothier train needs scikit-learn, which is not installed. "
                "Install it with: pip install 'clothier[train]'\n"
            ),
        ),
        (
            ModuleNotFoundError("No module named 'clothier.loom'", name="clothier.loom"),
            1,
            (
                "Error: this is a fault of Clothier: ModuleNotFoundError: No module named 'clothier.loom'. "
                "Run it again with --debug and report what it prints.\n"
            ),
        ),
        (
            ZeroDivisionError(),
            1,
            (
                "Error: this is a fault of Clothier: ZeroDivisionError. "
                "Run it again with --debug and report what it prints.\n"
            ),
        ),
        (
            EOFError("no more"),
            1,
            (
                "Error: this is a fault of Clothier: EOFError: no more. "
                "Run it again with --debug and report what it prints.\n"
            ),
        ),
        (KeyboardInterrupt(), 130, "Error: interrupted.\n"),
        (
            errors.Interrupted(Path("runs/s"), "study"),
            130,
            "Error: interrupted. What is done is kept; continue it with: clothier study --resume runs/s\n",
        ),
        (
            errors.Interrupted(Path("runs/my cnn")),
            130,
            "Error: interrupted. What is done is kept; continue it with: clothier train --resume 'runs/my cnn'\n",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
@pytest.mark.parametrize("json", [True, False])
def test_failures_of_a_workflow(
    run: Runner, workflows: FakeWorkflows, failure: BaseException, code: int, stderr: str, json: bool
) -> None:
    workflows.failure = failure
    ending = run("train", "cnn", *["--json"] * json)
    assert (ending.code, ending.stdout, ending.stderr) == (code, "", stderr)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("trian", "No such command 'trian'. Did you mean 'train'? See: clothier --help"),
        ("xyzzy", "No such command 'xyzzy'. See: clothier --help"),
        ("train cnn --sede 3", "No such option: --sede (Possible options: --seed). See: clothier train --help"),
        ("train cnn --seed", "Option '--seed' requires an argument. See: clothier --help"),
        (
            "train cnn --seed 1.5",
            (
                "Invalid value for '--seed': '1.5' is not a seed; give a whole number from 0 to 4294967295. "
                "See: clothier train --help"
            ),
        ),
        (
            "train cnn --time-limit 10",
            (
                "Invalid value for '--time-limit': '10' is not a duration; give one such as 90s, 10m or 1h30m. "
                "See: clothier train --help"
            ),
        ),
        (
            "evaluate a --fail-under 93",
            (
                "Invalid value for '--fail-under': '93' is not an accuracy; give a share from 0 to 1, such as 0.93. "
                "See: clothier evaluate --help"
            ),
        ),
        (
            "predict a.png --top 0",
            "Invalid value for '--top': '0' is not a whole number of 1 or more. See: clothier predict --help",
        ),
        ("predict", "Missing argument 'PHOTO'. See: clothier predict --help"),
        ("compare a", "Missing argument 'RUN'. See: clothier compare --help"),
        ("doctor now", "Got unexpected extra argument(s) (now). See: clothier doctor --help"),
    ],
)
def test_usage_errors(run: Runner, workflows: FakeWorkflows, words: str, sentence: str) -> None:
    ending = run(*words.split())
    assert (ending.code, ending.stdout, ending.stderr) == (2, "", f"Error: {sentence}\n")
    assert workflows.calls == []


class TestDebug:
    @pytest.mark.parametrize("words", ["--debug train cnn", "train cnn --debug", "train --debug cnn --seed 3"])
    def test_adds_the_traceback_wherever_it_stands(self, run: Runner, workflows: FakeWorkflows, words: str) -> None:
        workflows.failure = ZeroDivisionError("by nought")
        ending = run(*words.split())
        assert ending.code == 1
        assert ending.stderr.startswith("Traceback (most recent call last):")
        assert "ZeroDivisionError: by nought" in ending.stderr
        assert ending.stderr.splitlines()[-1].startswith("Error: this is a fault of Clothier")

    def test_changes_nothing_when_all_is_well(self, run: Runner, workflows: FakeWorkflows) -> None:
        assert run("train", "cnn", "--debug") == run("train", "cnn")

    def test_after_two_dashes_it_is_a_file_name(self) -> None:
        words = ["predict", "--", "--debug"]
        assert main.debug_first(words) == (words, False)


class TestHelp:
    def test_without_arguments(self, run: Runner) -> None:
        ending = run()
        assert ending.code == 2, "nothing was asked for, and a script should notice"
        assert "Usage: clothier" in ending.stdout
        assert "clothier predict shoe.png" in ending.stdout
        assert ending.stderr == ""

    @pytest.mark.parametrize("flag", ["--help", "-h"])
    def test_exits_with_0(self, run: Runner, flag: str) -> None:
        ending = run(flag)
        assert (ending.code, ending.stderr) == (0, "")

    def test_version(self, run: Runner) -> None:
        from importlib.metadata import version

        assert run("--version").stdout == f"clothier {version('clothier')}\n"


class TestTorchrun:
    """Only the first process shows results; a failure is told by each, with its rank."""

    @pytest.fixture
    def second(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("RANK", "1")
        monkeypatch.setenv("WORLD_SIZE", "2")

    def test_rank_1_prints_no_results(self, run: Runner, workflows: FakeWorkflows, second: None) -> None:
        workflows.progress_calls = [("finding", 0, 0, "a remark")]
        assert (run("train", "cnn").stdout, run("train", "cnn", "--json").stderr) == ("", "")

    def test_rank_1_prints_errors(self, run: Runner, workflows: FakeWorkflows, second: None) -> None:
        workflows.failure = errors.DataError("no data on this machine.")
        ending = run("train", "cnn")
        assert (ending.code, ending.stderr) == (4, "[rank 1] Error: no data on this machine.\n")

    def test_rank_0_prints(self, run: Runner, workflows: FakeWorkflows, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("RANK", "0")
        monkeypatch.setenv("WORLD_SIZE", "2")
        assert "Run folder" in run("train", "cnn").stdout

    def test_a_rank_of_something_else(
        self, run: Runner, workflows: FakeWorkflows, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("RANK", "3")
        monkeypatch.delenv("WORLD_SIZE", raising=False)
        assert "Run folder" in run("train", "cnn").stdout


def clothier(*words: str, **more: object) -> subprocess.CompletedProcess[str]:
    """A real process."""
    command = [sys.executable, "-m", "clothier", *words]
    return subprocess.run(command, check=False, text=True, stderr=subprocess.PIPE, timeout=60, **more)  # type: ignore[call-overload,no-any-return]


class TestRealProcess:
    def test_usage_error(self) -> None:
        ended = clothier("trian", stdout=subprocess.PIPE)
        assert (ended.returncode, ended.stdout) == (2, "")
        assert ended.stderr == "Error: No such command 'trian'. Did you mean 'train'? See: clothier --help\n"

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
    def test_full_disk_behind_stdout(self) -> None:
        with Path("/dev/full").open("w") as full:
            ended = clothier("doctor", "--json", stdout=full)
        assert ended.returncode == 1
        assert ended.stderr == "Error: cannot write the result to stdout: No space left on device.\n"

    def test_reader_that_goes_away(self) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        with os.fdopen(writer, "w") as gone:
            ended = clothier("--version", stdout=gone)
        assert ended.stderr == ""

    def test_no_color(self) -> None:
        ended = clothier("--help", stdout=subprocess.PIPE, env={**os.environ, "FORCE_COLOR": "1", "NO_COLOR": "1"})
        assert "\x1b[3" not in ended.stdout, "bold may stay; colours may not"

    def test_ctrl_c(self, tmp_path: Path) -> None:
        """A run that is interrupted by the signal itself."""
        script = tmp_path / "slow.py"
        script.write_text(SLOW)
        process = subprocess.Popen(
            [sys.executable, script, "train", "cnn"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        deadline = time.monotonic() + 30
        while not (tmp_path / "begun").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=30)
        assert (process.returncode, stdout) == (130, "")
        assert (
            stderr == "Error: interrupted. What is done is kept; continue it with: clothier train --resume runs/cnn\n"
        )


SLOW = """
import dataclasses, sys, time, types
from pathlib import Path
from clothier.cli.main import main
from clothier.errors import Interrupted

def train(options, *, progress):
    Path(__file__).with_name("begun").touch()
    try:
        time.sleep(60)
    except KeyboardInterrupt as stop:
        raise Interrupted(Path("runs/cnn")) from stop

workflow = types.ModuleType("clothier.workflows.train")
workflow.train, workflow.options_from_config, workflow.refit_options = train, None, None
workflow.TrainOptions = dataclasses.make_dataclass("TrainOptions", ["recipe"])
sys.modules[workflow.__name__] = workflow
sys.exit(main())
"""
