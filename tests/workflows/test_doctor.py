"""The checks, their advice, and that they change nothing."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from clothier import system
from clothier.data import sources
from clothier.data.release import FASHION_MNIST
from clothier.workflows import doctor
from tests.synthetic import write_synthetic_dataset

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clothier.workflows.doctor import Check, DoctorReport


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLOTHIER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def nowhere(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No copy of the data."""
    monkeypatch.setattr(doctor, "FASHION_MNIST", replace(FASHION_MNIST, system_dir=tmp_path / "no system"))


def check_named(report: DoctorReport, name: str) -> Check:
    (found,) = [one for one in report.checks if one.name == name]
    return found


def test_is_ready_for_json(nowhere: None) -> None:
    report = doctor.run_checks().to_json()
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert [one["name"] for one in report["checks"]] == [
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
        report = doctor.run_checks()
        assert report.training is not None
        assert set(report.training) == {"type", "threads", "precision", "reason"}
        assert report.training["precision"] in check_named(report, "training").detail

    def test_without_torch(self, nowhere: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(doctor, "find_spec", lambda name: None)
        report = doctor.run_checks()
        found = check_named(report, "training")
        assert report.training is None
        assert found.ok, "using models does not need PyTorch"
        assert "clothier[train]" in found.advice

    def test_with_a_broken_torch(self, nowhere: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "clothier.training.device", None)
        monkeypatch.delattr("clothier.training.device", raising=False)
        found = check_named(doctor.run_checks(), "training")
        assert not found.ok
        assert found.detail.startswith("PyTorch cannot be loaded: ")
        assert "--force-reinstall torch" in found.advice


class TestData:
    def test_not_here(self, nowhere: None) -> None:
        report = doctor.run_checks()
        found = check_named(report, "data")
        assert report.data is None
        assert found.ok, "it is downloaded when it is needed"
        assert "clothier data" in found.advice

    @pytest.fixture
    def drawn(self, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A cache with a small data set of known digests in place of Fashion-MNIST."""
        folder = sources.cache_folder()
        digests = write_synthetic_dataset(folder, train=30, test=10)
        release = replace(FASHION_MNIST, digests=digests, system_dir=cache / "no system")
        monkeypatch.setattr(doctor, "FASHION_MNIST", release)
        return folder

    def test_whole(self, drawn: Path) -> None:
        report = doctor.run_checks()
        assert report.data == str(drawn)
        assert check_named(report, "data").detail == f"Fashion-MNIST in {drawn}"

    def test_damaged(self, drawn: Path) -> None:
        for file in drawn.iterdir():
            file.write_bytes(b"damaged")
        report = doctor.run_checks()
        found = check_named(report, "data")
        assert report.data is None
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
        assert f"64 threads on {cores} cores" in found.advice


@pytest.mark.parametrize(
    ("size", "ok", "found"),
    [
        (None, True, "unknown"),
        (16_000_000_000, True, "16.0 GB"),
        (2_000_000_000, False, "2.0 GB"),
    ],
)
def test_memory(monkeypatch: pytest.MonkeyPatch, size: int | None, ok: bool, found: str) -> None:
    monkeypatch.setattr(system, "available_memory", lambda: size)
    check = doctor._memory()
    assert (check.ok, check.detail) == (ok, found)
    assert ok or "2.5 GB" in check.advice


def test_models() -> None:
    assert doctor._models(["fashion-cnn", "fashion-dnn"]).detail == "fashion-cnn, fashion-dnn"
    assert "clothier train cnn" in doctor._models([]).advice


class TestDisk:
    def test_room(self, tmp_path: Path) -> None:
        assert doctor._disk(tmp_path / "not" / "yet").detail.endswith(f"free at {tmp_path / 'not' / 'yet'}")

    def test_no_room(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        usage: Any = type("Usage", (), {"free": 3_000_000})
        monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: usage)
        found = doctor._disk(tmp_path)
        assert not found.ok
        assert "CLOTHIER_CACHE" in found.advice

    def test_a_folder_that_cannot_be_entered(self, tmp_path: Path, forbid: Callable[[Path], None]) -> None:
        forbid(tmp_path)
        assert doctor._disk(tmp_path / "cache").detail.endswith(f"free at {tmp_path / 'cache'}")

    def test_no_permission(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(doctor.os, "access", lambda *_: False)
        found = doctor._disk(tmp_path)
        assert not found.ok
        assert str(tmp_path) in found.detail
        assert "CLOTHIER_CACHE" in found.advice
