"""The examination: what it looks at, what it advises, and that it changes nothing."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from clothier import system
from clothier.data import sources
from clothier.data.release import FASHION_MNIST
from clothier.data.synthetic import write_synthetic_dataset
from clothier.workflows import doctor

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.workflows.doctor import Check, DoctorReport


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLOTHIER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def nowhere(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without the data."""
    monkeypatch.setattr(doctor, "FASHION_MNIST", replace(FASHION_MNIST, system_dir=tmp_path / "no system"))


def check_named(examined: DoctorReport, name: str) -> Check:
    (found,) = [one for one in examined.checks if one.name == name]
    return found


def test_is_ready_for_json(nowhere: None) -> None:
    examined = doctor.run_checks().to_json()
    assert json.loads(json.dumps(examined, allow_nan=False)) == examined
    assert [one["name"] for one in examined["checks"]] == [
        "processor",
        "memory",
        "training",
        "data",
        "models",
        "cache",
    ]


def test_changes_nothing(nowhere: None, cache: Path) -> None:
    doctor.run_checks()
    assert not cache.exists()


class TestTraining:
    def test_device_and_precision(self, nowhere: None) -> None:
        examined = doctor.run_checks()
        assert examined.training is not None
        assert set(examined.training) == {"type", "threads", "precision", "reason"}
        assert examined.training["precision"] in check_named(examined, "training").detail

    def test_without_torch(self, nowhere: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(doctor, "find_spec", lambda name: None)
        examined = doctor.run_checks()
        found = check_named(examined, "training")
        assert examined.training is None
        assert found.ok, "who only uses models lacks nothing"
        assert found.advice == "To train: pip install 'clothier[train]'"

    def test_with_a_broken_torch(self, nowhere: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "clothier.training.device", None)
        monkeypatch.delattr("clothier.training.device", raising=False)
        found = check_named(doctor.run_checks(), "training")
        assert not found.ok
        assert found.detail.startswith("PyTorch cannot be loaded: ")
        assert found.advice == "Install it again: pip install --force-reinstall torch"


class TestData:
    def test_not_here(self, nowhere: None) -> None:
        examined = doctor.run_checks()
        found = check_named(examined, "data")
        assert examined.data is None
        assert found.ok, "it is fetched when it is needed"
        assert found.advice == "The first command that needs it fetches it; to fetch it now: clothier data"

    @pytest.fixture
    def drawn(self, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A cache with a small data set of known digests in the place of Fashion-MNIST."""
        folder = sources.cache_folder()
        digests = write_synthetic_dataset(folder, train=30, test=10)
        release = replace(FASHION_MNIST, digests=digests, system_dir=cache / "no system")
        monkeypatch.setattr(doctor, "FASHION_MNIST", release)
        return folder

    def test_whole(self, drawn: Path) -> None:
        examined = doctor.run_checks()
        assert examined.data == drawn
        assert check_named(examined, "data").detail == f"Fashion-MNIST in {drawn}"

    def test_damaged(self, drawn: Path) -> None:
        for file in drawn.iterdir():
            file.write_bytes(b"moth-eaten")
        examined = doctor.run_checks()
        found = check_named(examined, "data")
        assert examined.data is None
        assert not found.ok
        assert str(drawn) in found.advice


class TestThreads:
    def test_as_many_as_cores(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OMP_NUM_THREADS", str(system.available_cores()))
        assert doctor._processor().ok

    def test_others(self, monkeypatch: pytest.MonkeyPatch) -> None:
        cores = system.available_cores()
        monkeypatch.setenv("OMP_NUM_THREADS", "64")
        found = doctor._processor()
        assert not found.ok
        assert found.advice == (
            f"Training will use 64 threads on {cores} cores; unset OMP_NUM_THREADS unless that is meant."
        )


@pytest.mark.parametrize(
    ("size", "ok", "found"),
    [
        (None, True, "the system does not tell"),
        (16_000_000_000, True, "16.0 GB"),
        (2_000_000_000, False, "2.0 GB"),
    ],
)
def test_memory(monkeypatch: pytest.MonkeyPatch, size: int | None, ok: bool, found: str) -> None:
    monkeypatch.setattr(system, "available_memory", lambda: size)
    examined = doctor._memory()
    assert (examined.ok, examined.detail) == (ok, found)
    assert ok or examined.advice == "The study wants 2.5 GB; predicting needs far less."


def test_models() -> None:
    assert doctor._models(["fashion-cnn", "fashion-dnn"]).detail == "fashion-cnn, fashion-dnn"
    assert doctor._models([]).advice == "Train one: clothier train cnn"


class TestDisk:
    def test_room(self, tmp_path: Path) -> None:
        assert doctor._disk(tmp_path / "not" / "yet").detail.endswith(f"free at {tmp_path / 'not' / 'yet'}")

    def test_no_room(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        usage: Any = type("Usage", (), {"free": 3_000_000})
        monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: usage)
        found = doctor._disk(tmp_path)
        assert not found.ok
        assert found.advice == "Make room, or set CLOTHIER_CACHE to a folder on another disk."

    def test_no_permission(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(doctor.os, "access", lambda *_: False)
        found = doctor._disk(tmp_path)
        assert (found.ok, found.detail) == (False, f"{tmp_path} cannot be written")
        assert found.advice == "Set CLOTHIER_CACHE to a folder of your own."
