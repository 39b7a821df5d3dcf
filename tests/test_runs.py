"""The files of a run folder, and the errors for missing and damaged ones."""

from __future__ import annotations

import json
import string
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clothier import system
from clothier.errors import DataError, Interrupted, ModelError, StorageError, UsageError
from clothier.runs import Run, create_run, interruptible, lock, read_json
from clothier.types import EpochRecord

if TYPE_CHECKING:
    from pathlib import Path

FIRST = EpochRecord(1, 0.75, 0.5, 0.625, 0.8125, 1e-3, 2.5)
SECOND = EpochRecord(2, 0.5, 0.75, None, None, 1 / 3, 0.1 + 0.2)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return create_run(tmp_path / "runs/cnn")


def test_the_next_number_when_the_name_is_taken(tmp_path: Path) -> None:
    assert [create_run(tmp_path / "cnn").path.name for _ in range(3)] == ["cnn", "cnn-2", "cnn-3"]


def test_paths(run: Run) -> None:
    assert (run.bundle, run.checkpoint) == (run.path / "bundle", run.path / "checkpoint/last.pt")


def test_create_writes_the_options_and_the_environment(run: Run) -> None:
    run.create({"recipe": {"epochs": 3}, "seed": 0})
    assert run.config == {"recipe": {"epochs": 3}, "seed": 0}
    assert run.environment == json.loads(json.dumps(system.system_info()))
    assert not run.is_finished


def test_a_run_with_metrics_is_finished(run: Run) -> None:
    run.create({})
    (run.path / "metrics.json").write_text('{"model": "cnn"}')
    assert run.is_finished
    assert run.metrics == {"model": "cnn"}
    assert run.to_json() == {"run": str(run.path), "model": "cnn"}


def test_metrics_of_an_unfinished_run(tmp_path: Path) -> None:
    run = create_run(tmp_path / "my runs")
    run.create({})
    with pytest.raises(ModelError) as caught:
        _ = run.metrics
    assert f"clothier train --resume '{run.path}'" in str(caught.value)


@pytest.mark.parametrize(("name", "file"), [("config", "config"), ("metrics", "metrics"), ("environment",) * 2])
def test_missing_files(tmp_path: Path, name: str, file: str) -> None:
    with pytest.raises(ModelError) as caught:
        getattr(Run(tmp_path / "none"), name)
    assert f"{tmp_path / 'none' / file}.json cannot be read: No such file or directory" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"model": "cn', "Unterminated string starting at: line 1 column 11 (char 10)"),
        (b"", "Expecting value: line 1 column 1 (char 0)"),
        (b"[1]", "it is not a JSON object"),
        (b'{"a": "\xff"}', "'utf-8' codec can't decode byte 0xff in position 7: invalid start byte"),
        (b"[" * 100_000, "maximum recursion depth exceeded"),
    ],
)
def test_damaged_json(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "metrics.json").write_bytes(content)
    with pytest.raises(ModelError) as caught:
        read_json(tmp_path / "metrics.json")
    assert str(caught.value).startswith(f"{tmp_path / 'metrics.json'} is damaged: {reason}")


def test_results_as_a_table(run: Run) -> None:
    run.write_results([FIRST])
    run.append_result(SECOND)
    assert (run.path / "results.csv").read_text() == (
        "epoch,train_loss,train_accuracy,validation_loss,validation_accuracy,learning_rate,seconds\n"
        "1,0.75,0.5,0.625,0.8125,0.001,2.5\n"
        "2,0.5,0.75,,,0.3333333333333333,0.30000000000000004\n"
    )
    assert run.read_results() == [FIRST, SECOND]


def test_write_results_replaces_all_rows(run: Run) -> None:
    run.write_results([FIRST, SECOND, replace(SECOND, epoch=3)])
    run.write_results([FIRST])
    assert run.read_results() == [FIRST]


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(
        st.builds(
            EpochRecord,
            epoch=st.integers(1, 10**6),
            train_loss=NUMBERS,
            train_accuracy=NUMBERS,
            validation_loss=st.none() | NUMBERS,
            validation_accuracy=st.none() | NUMBERS,
            learning_rate=NUMBERS,
            seconds=NUMBERS,
        ),
        max_size=4,
    )
)
def test_results_are_read_back_exactly(run: Run, records: list[EpochRecord]) -> None:
    run.write_results(records[:2])
    for record in records[2:]:
        run.append_result(record)
    assert run.read_results() == records


@pytest.mark.parametrize(
    "damage",
    [
        "1,0.75,0.5\n",  # cut short
        "one,1,1,1,1,1,1\n",
        "1,1,1,1,1,1,1\n1,,1,1,1,1,1\n",  # no training loss
        '1,1,1,1,1,1,"1\n',
    ],
)
def test_damaged_results(run: Run, damage: str) -> None:
    run.write_results([])
    with (run.path / "results.csv").open("a") as file:
        file.write(damage)
    with pytest.raises(ModelError) as caught:
        run.read_results()
    assert str(caught.value).startswith(f"{run.path / 'results.csv'} is damaged: ")


def test_results_of_another_table(run: Run) -> None:
    (run.path / "results.csv").write_text("epoch,loss\n1,0.5\n")
    with pytest.raises(ModelError, match=r"results\.csv is damaged"):
        run.read_results()


def test_no_results(run: Run) -> None:
    with pytest.raises(ModelError) as caught:
        run.read_results()
    assert f"{run.path / 'results.csv'} cannot be read: No such file or directory" in str(caught.value)


def test_check_data(run: Run) -> None:
    run.create({"data_digest": "ab"})
    run.check_data("ab")
    with pytest.raises(DataError, match=f"{run.path}.*the digest is cd, config.json has ab"):
        run.check_data("cd")


def test_interruptible_names_the_run_and_the_command(run: Run) -> None:
    with pytest.raises(Interrupted) as caught, interruptible(run.path, "study"):
        raise KeyboardInterrupt
    assert (caught.value.run, caught.value.command) == (run.path, "study")


@pytest.mark.file_size(1_000)
def test_full_disk(run: Run) -> None:
    run.write_results([FIRST])
    kept = fill(run)
    with pytest.raises(StorageError, match=r"results\.csv: "):
        run.append_result(FIRST)
    assert run.read_results() == kept
    config: dict[str, Any] = {"note": string.ascii_letters * 20}
    with pytest.raises(StorageError, match=r"\.json: File too large\."):
        run.create(config)
    assert not (run.path / "config.json").exists()


def fill(run: Run) -> list[EpochRecord]:
    """Epochs until the next would not fit into 1,000 bytes."""
    row = len("1,0.75,0.5,0.625,0.8125,0.001,2.5\n")
    size = (run.path / "results.csv").stat().st_size
    for _ in range((1000 - size) // row):
        run.append_result(FIRST)
    return run.read_results()


def test_a_full_disk_names_the_command_that_resumes(run: Run) -> None:
    (run.path / "environment.json").mkdir()
    with pytest.raises(StorageError) as caught, interruptible(run.path, "tune"):
        run.create({})
    assert str(caught.value).endswith(f"then continue with: clothier tune --resume {run.path}")


def test_a_lock_keeps_other_processes_out_and_ends_with_its_process(run: Run) -> None:
    script = (
        "import pathlib, sys\nfrom clothier.runs import lock\n"
        "with lock(pathlib.Path(sys.argv[1])):\n    print('locked', flush=True)\n    sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", script, str(run.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"locked\n"
        with pytest.raises(UsageError, match=f"^another process works in {run.path}"), lock(run.path):
            pass
        other.kill()
    with lock(run.path):
        pass
    assert not [*run.path.iterdir()]


def test_a_lock_removes_what_killed_processes_left(run: Run) -> None:
    run.create({})
    kept = sorted(run.path.rglob("*"))
    (run.path / ".metrics.json.01234567.part").write_text("{")
    (run.path / ".bundle.89abcdef.part").mkdir()
    (run.path / ".bundle.89abcdef.part" / "card.json").write_text("{")
    (run.path / "teachers" / "1").mkdir(parents=True)
    (run.path / "teachers" / "1" / ".last.pt.0a1b2c3d.part").write_text("")
    with lock(run.path):
        found = [path for path in run.path.rglob("*") if "teachers" not in path.parts]
        assert sorted(found) == kept
        assert not [*(run.path / "teachers" / "1").iterdir()]


def test_the_identity_is_that_of_recipe_seed_and_data(run: Run) -> None:
    run.create({"recipe": {"epochs": 3}, "seed": 0, "data": "/here", "data_digest": "a"})
    identity = run.identity
    run.create({"seed": 0, "recipe": {"epochs": 3}, "data": "/there", "data_digest": "a"})
    assert run.identity == identity
    for change in ({"seed": 1}, {"recipe": {"epochs": 4}}, {"data_digest": "b"}):
        run.create({"seed": 0, "recipe": {"epochs": 3}, "data_digest": "a"} | change)
        assert run.identity != identity
