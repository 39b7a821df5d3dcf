"""Every error has its exit code and its message, and leaves stdout empty."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from clothier import errors
from clothier.cli.main import EXIT_CODES, hoist_debug, main
from clothier.runs import Run

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import CliResult, FakeWorkflows

    Runner = Callable[..., CliResult]


@pytest.mark.parametrize(
    ("failure", "code", "message"),
    [
        (errors.UsageError("no such thing."), 2, "no such thing."),
        (errors.DataError("the data are gone."), 4, "the data are gone."),
        (errors.ModelError("the model is gone."), 4, "the model is gone."),
        (errors.StorageError("cannot write x: the disk is full."), 1, "cannot write x: the disk is full."),
        (errors.ImageError("empty", "x.png is empty."), 3, "x.png is empty."),
        (errors.DataError("[bold]:shirt: stays."), 4, "[bold]:shirt: stays."),
        (ModuleNotFoundError("No module named 'torch'", name="torch"), 2, "clothier train needs PyTorch"),
        (ModuleNotFoundError(name="sklearn.metrics"), 2, "clothier train needs scikit-learn"),
        (ModuleNotFoundError("no loom", name="clothier.loom"), 1, "internal error: ModuleNotFoundError: no loom."),
        (ZeroDivisionError(), 1, "internal error: ZeroDivisionError."),
        (EOFError("no more"), 1, "internal error: EOFError: no more."),
        (KeyboardInterrupt(), 130, "interrupted."),
        (errors.Interrupted(Path("runs/s"), "study"), 130, "clothier study --resume runs/s"),
        (errors.Interrupted(Path("runs/my cnn")), 130, "clothier train --resume 'runs/my cnn'"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
@pytest.mark.parametrize("json", [True, False])
def test_errors_of_a_workflow(
    run: Runner, fake_workflows: FakeWorkflows, failure: BaseException, code: int, message: str, json: bool
) -> None:
    fake_workflows.failure = failure
    ended = run("train", "cnn", *["--json"] * json)
    assert (ended.code, ended.stdout) == (code, "")
    assert ended.stderr.startswith("Error: ")
    assert message in ended.stderr
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "named", "command"),
    [
        ("trian", "'trian'. Did you mean 'train'?", "clothier"),
        ("xyzzy", "'xyzzy'", "clothier"),
        ("train cnn --sede 3", "--sede (Possible options: --seed)", "clothier train"),
        ("train cnn --seed", "'--seed'", "clothier"),
        ("train cnn --seed 1.5", "'--seed': '1.5'", "clothier train"),
        ("train cnn --seed 4294967296", "'--seed': 4294967296", "clothier train"),
        ("train cnn --time-limit 10", "'--time-limit': '10'", "clothier train"),
        ("evaluate a --fail-under 93", "'--fail-under': '93'", "clothier evaluate"),
        ("predict a.png --top 0", "'--top': 0", "clothier predict"),
        ("predict", "'PHOTO|FOLDER|TABLE'", "clothier predict"),
        ("compare a", "'RUN'", "clothier compare"),
        ("doctor now", "(now)", "clothier doctor"),
    ],
)
def test_usage_errors(run: Runner, fake_workflows: FakeWorkflows, words: str, named: str, command: str) -> None:
    ended = run(*words.split())
    assert (ended.code, ended.stdout, fake_workflows.calls) == (2, "", [])
    assert ended.stderr.startswith("Error: ")
    assert named in ended.stderr
    assert ended.stderr.endswith(f" See: {command} --help\n")


def test_every_exit_code_of_an_error_is_documented() -> None:
    family = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.ClothierError)]
    assert {one.exit_code for one in family} | {0, 130, 141} == set(EXIT_CODES)


class TestDebug:
    @pytest.mark.parametrize("words", ["--debug train cnn", "train cnn --debug", "train --debug cnn --seed 3"])
    def test_adds_the_traceback_at_any_position(self, run: Runner, fake_workflows: FakeWorkflows, words: str) -> None:
        fake_workflows.failure = ZeroDivisionError("division by zero")
        ended = run(*words.split())
        assert ended.code == 1
        assert ended.stderr.startswith("Traceback (most recent call last):")
        assert "ZeroDivisionError: division by zero" in ended.stderr
        assert ended.stderr.splitlines()[-1].startswith("Error: internal error")

    def test_changes_nothing_without_an_error(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        assert run("train", "cnn", "--debug") == run("train", "cnn")

    def test_after_two_dashes_it_is_a_file_name(self) -> None:
        words = ["predict", "--", "--debug"]
        assert hoist_debug(words) == (words, False)


class TestHelp:
    def test_without_arguments(self, run: Runner) -> None:
        ended = run()
        assert ended.code == 2, "a script should notice that no command was given"
        assert "Usage: clothier" in ended.stdout
        assert "clothier predict shoe.png" in ended.stdout
        assert ended.stderr == ""

    @pytest.mark.parametrize("flag", ["--help", "-h"])
    def test_exits_with_0(self, run: Runner, flag: str) -> None:
        ended = run(flag)
        assert (ended.code, ended.stderr) == (0, "")

    def test_version(self, run: Runner) -> None:
        from importlib.metadata import version

        assert run("--version").stdout == f"clothier {version('clothier')}\n"


class TestTorchrun:
    """Only rank 0 prints results; every rank prints errors, with its rank."""

    @pytest.fixture
    def rank_1(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("RANK", "1")
        monkeypatch.setenv("WORLD_SIZE", "2")

    def test_rank_1_prints_no_results(self, run: Runner, fake_workflows: FakeWorkflows, rank_1: None) -> None:
        fake_workflows.progress_calls = [("find data", 0, 0, "a message")]
        assert (run("train", "cnn").stdout, run("train", "cnn", "--json").stderr) == ("", "")

    def test_rank_1_does_not_wait_for_metrics(
        self, run: Runner, fake_workflows: FakeWorkflows, rank_1: None, tmp_path: Path
    ) -> None:
        fake_workflows.results["train"] = Run(tmp_path)
        assert (run("train", "cnn").code, run("train", "cnn").stderr) == (0, "")

    def test_rank_1_prints_errors(self, run: Runner, fake_workflows: FakeWorkflows, rank_1: None) -> None:
        fake_workflows.failure = errors.DataError("no data on this machine.")
        ended = run("train", "cnn")
        assert (ended.code, ended.stderr) == (4, "[rank 1] Error: no data on this machine.\n")

    def test_rank_0_prints(self, run: Runner, fake_workflows: FakeWorkflows, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("RANK", "0")
        monkeypatch.setenv("WORLD_SIZE", "2")
        assert "Run folder" in run("train", "cnn").stdout

    def test_rank_without_world_size(
        self, run: Runner, fake_workflows: FakeWorkflows, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("RANK", "3")
        monkeypatch.delenv("WORLD_SIZE", raising=False)
        assert "Run folder" in run("train", "cnn").stdout


def clothier(*words: str, **more: object) -> subprocess.CompletedProcess[str]:
    """A real process."""
    command = [sys.executable, "-m", "clothier", *words]
    return subprocess.run(command, check=False, text=True, stderr=subprocess.PIPE, timeout=60, **more)  # type: ignore[call-overload,no-any-return]


COMMANDS = (
    "data",
    "train cnn",
    "train photo --data d",
    "tune dnn",
    "study",
    "explore",
    "evaluate a",
    "compare a b",
    "calibrate a --data d",
    "predict a.png",
    "tag photos -o t.csv",
    "doctor",
)


class TestStreams:
    """Every command, with its work done."""

    @pytest.mark.parametrize("words", COMMANDS)
    @pytest.mark.parametrize(
        ("device", "flags", "reason"),
        [("/dev/full", os.O_WRONLY, "No space left on device"), (os.devnull, os.O_RDONLY, "Bad file descriptor")],
    )
    def test_stdout(
        self,
        fake_workflows: FakeWorkflows,
        capsys: pytest.CaptureFixture[str],
        words: str,
        device: str,
        flags: int,
        reason: str,
    ) -> None:
        for as_json in ((), ("--json",)):
            with os.fdopen(os.open(device, flags), "w") as stdout, pytest.MonkeyPatch.context() as patch:
                patch.setattr(sys, "stdout", stdout)
                assert main([*words.split(), *as_json]) == 1
            assert f"stdout: {reason}" in capsys.readouterr().err

    @pytest.mark.parametrize("words", COMMANDS)
    def test_stderr(self, fake_workflows: FakeWorkflows, capsys: pytest.CaptureFixture[str], words: str) -> None:
        """Messages are lost, results are not."""
        fake_workflows.progress_calls = [("find data", 0, 0, "a message")]
        with os.fdopen(os.open("/dev/full", os.O_WRONLY), "w") as stderr, pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stderr", stderr)
            code = main([*words.split(), "--json"])
        assert code in (0, 3)
        assert json.loads(capsys.readouterr().out)


STDOUT = {
    "| head -c 0": (141, ""),
    ">&-": (1, "stdout: Bad file descriptor."),
    ">/dev/full": (1, "stdout: No space left on device."),
}


class TestRealProcess:
    def test_usage_error(self) -> None:
        ended = clothier("trian", stdout=subprocess.PIPE)
        assert (ended.returncode, ended.stdout) == (2, "")
        assert "Did you mean 'train'?" in ended.stderr

    @pytest.mark.parametrize(
        ("words", "stdout"),
        [
            *product(("", "--help", "--version", "predict none.png"), STDOUT),
            ("doctor", "| head -c 0"),  # it takes seconds; TestStreams has the rest
            ("doctor --json", ">/dev/full"),
        ],
    )
    def test_stdout_that_cannot_be_written(self, words: str, stdout: str) -> None:
        code, message = STDOUT[stdout]
        line = f"{sys.executable} -m clothier {words} {stdout}; exit ${{PIPESTATUS[0]}}"
        ended = subprocess.run(["bash", "-c", line], check=False, text=True, capture_output=True, timeout=60)
        errors_only = [line for line in ended.stderr.splitlines() if "none.png" not in line]
        assert (ended.returncode, len(errors_only)) == (code, 1 if message else 0)
        assert message in ended.stderr

    @pytest.mark.parametrize("stderr", ["2>&-", "2>/dev/full", "2>&1 >/dev/null | head -c 0"])
    def test_stderr_that_cannot_be_written(self, stderr: str) -> None:
        line = f"{sys.executable} -m clothier predict none.png {stderr}; exit ${{PIPESTATUS[0]}}"
        assert subprocess.run(["bash", "-c", line], check=False, capture_output=True, timeout=60).returncode == 3

    @pytest.mark.parametrize("json", [True, False])
    def test_names_of_files_do_not_control_the_terminal(self, json: bool) -> None:
        ended = clothier("predict", "\x1b[31mred\x07\r\u202e\ngnp.png", *["--json"] * json, stdout=subprocess.PIPE)
        assert ended.returncode == 3
        for character in "\x1b\x07\r\u202e":
            assert character not in ended.stdout + ended.stderr
        assert r"\x1b[31mred\x07\r\u202e\ngnp.png" in ended.stderr

    def test_names_in_a_locale_without_utf_8(self) -> None:
        ascii_only = {**os.environ, "LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
        for as_json in ((), ("--json",)):
            ended = clothier("predict", "Größe.png", *as_json, stdout=subprocess.PIPE, env=ascii_only)
            assert ended.returncode == 3
            assert "does not exist" in ended.stderr

    def test_outputs_in_a_locale_without_utf_8(self, tmp_path: Path) -> None:
        """Names of files, folders and columns are the bytes that were typed, in inputs and outputs."""
        ascii_only = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
        (tmp_path / "für").mkdir()
        Image.effect_noise((60, 60), 90).convert("RGB").save(tmp_path / "für" / "ö.png")
        (tmp_path / "für" / "liste.csv").write_text("datei,größe\nö.png,kleid\n", encoding="utf-8")
        in_folder = {"env": ascii_only, "cwd": tmp_path, "stdout": subprocess.PIPE}
        columns = ["--file-column", "datei", "--product-column", "größe", "--columns", "file,größe,class=Straße"]
        for suffix in ("csv", "jsonl", "parquet"):
            outputs = ["-o", f"tägs.{suffix}", "--store", "läger.db"]
            ended = clothier("tag", "für/liste.csv", *outputs, *columns, **in_folder)
            assert ended.returncode == 0, ended.stderr
        table = (tmp_path / "tägs.csv").read_text(encoding="utf-8").splitlines()
        assert table[0] == "file,größe,Straße"
        assert table[1].startswith("ö.png,kleid,")
        assert json.loads((tmp_path / "tägs.jsonl").read_text(encoding="utf-8")).keys() == {"file", "größe", "Straße"}
        assert clothier("predict", "für/ö.png", "--save-inputs", "ausgänge", **in_folder).returncode == 0
        assert (tmp_path / "ausgänge" / "ö.png").is_file()

    def test_ctrl_c_while_modules_are_loaded(self) -> None:
        """Python's own start aside, which takes the first hundredth of a second or two."""
        code = "import os, signal, sys; from clothier.__main__ import main; import clothier.cli; import importlib.abc\n"
        code += "class Interrupt(importlib.abc.MetaPathFinder):\n"
        code += " def find_spec(self, name, *_):\n"
        code += "  if name == 'rich.console': os.kill(os.getpid(), signal.SIGINT)\n"
        code += "sys.meta_path.insert(0, Interrupt()); sys.exit(main())"
        ended = subprocess.run([sys.executable, "-c", code, "doctor"], check=False, capture_output=True, text=True)
        assert (ended.returncode, ended.stderr) == (-signal.SIGINT, "")

    def test_ctrl_c_in_python_code_that_c_code_runs(self, tmp_path: Path) -> None:
        """As in PyTorch. With ``-m``, Python then ends itself by SIGINT, whatever the exit code."""
        code = "import ctypes, sys; import clothier.cli.main as module; from clothier.__main__ import main\n"
        code += "def interrupted(): ctypes.pythonapi.PyRun_SimpleString(b'raise KeyboardInterrupt'); return 130\n"
        code += "module.main = interrupted; sys.exit(main())"
        (tmp_path / "interrupted.py").write_text(code)
        command = [sys.executable, "-m", "interrupted"]
        assert subprocess.run(command, check=False, capture_output=True, cwd=tmp_path).returncode == 130

    def test_no_color(self) -> None:
        ended = clothier("--help", stdout=subprocess.PIPE, env={**os.environ, "FORCE_COLOR": "1", "NO_COLOR": "1"})
        assert "\x1b[3" not in ended.stdout, "bold is allowed, colors are not"

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_ctrl_c_and_a_kill(self, number: signal.Signals, tmp_path: Path) -> None:
        """A real SIGINT."""
        script = tmp_path / "slow.py"
        script.write_text(SLOW)
        process = subprocess.Popen(
            [sys.executable, script, "train", "cnn"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        deadline = time.monotonic() + 30
        while not (tmp_path / "started").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=30)
        assert (process.returncode, stdout) == (130, "")
        assert stderr.endswith("clothier train --resume runs/cnn\n")

    @pytest.mark.parametrize("stderr", ["2> /dev/full", "2>&-"])
    def test_stderr_that_cannot_be_written_ends_no_work(self, stderr: str, tmp_path: Path) -> None:
        script = tmp_path / "talk.py"
        script.write_text(TALKING)
        command = f"{sys.executable} {script} train cnn {stderr}"
        done = subprocess.run(["sh", "-c", command], stdout=subprocess.PIPE, text=True, timeout=60, check=False)
        assert (done.returncode, done.stdout) == (0, "trained\n")


TALKING = """
import sys
from clothier.cli import main, output, progress

def talk(arguments):
    with progress.progress_display() as report:
        for done in range(3):
            report("", 0, 0, "a message")
            output.print_message("another")
    print("trained")
    return 0

main._run = talk
sys.exit(main.main())
"""

SLOW = """
import dataclasses, sys, time, types
from pathlib import Path
from clothier.cli.main import main
from clothier.errors import Interrupted

def train(options, *, progress):
    try:
        Path(__file__).with_name("started").touch()
        time.sleep(60)
    except KeyboardInterrupt as stop:
        raise Interrupted(Path("runs/cnn")) from stop

workflow = types.ModuleType("clothier.workflows.train")
workflow.train, workflow.options_from_config, workflow.refit_options = train, None, None
workflow.TrainOptions = dataclasses.make_dataclass("TrainOptions", ["recipe"])
sys.modules[workflow.__name__] = workflow
sys.exit(main())
"""
