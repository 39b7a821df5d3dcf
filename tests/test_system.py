"""The machine as read from files of the kernel."""

from __future__ import annotations

import json
import os
import platform
from typing import TYPE_CHECKING

import pytest

from clothier import system

if TYPE_CHECKING:
    from pathlib import Path

XEON = """processor\t: 0
model name\t: Intel(R) Xeon(R) Platinum 8488C
flags\t\t: fpu sse2 avx2 fma avx512f avx512_bf16 amx_bf16

processor\t: 1
model name\t: another
flags\t\t: fpu
"""
PHYSICAL = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
GRAVITON = "processor\t: 0\nFeatures\t: fp asimd bf16\n"


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_work_in_threads_ends_when_its_caller_is_interrupted() -> None:
    """Items that were not begun are dropped, and those in progress end at the next check."""
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        while item:  # only the first item returns
            system.stop_if_canceled()
        return item

    def interrupt(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        system.parallel_map(work, range(1000), interrupt)
    assert len(begun) < 100
    system.stop_if_canceled()  # not in a thread of parallel_map
    assert system.parallel_map(lambda item: item * 2, range(5)) == [0, 2, 4, 6, 8]


def test_system_info_is_json() -> None:
    described = system.system_info()
    assert json.loads(json.dumps(described, allow_nan=False)) == described
    assert described["python"] == f"{platform.python_implementation()} {platform.python_version()}"
    assert described["cpu"]["cores_available"] >= 1


def test_processor(tmp_path: Path) -> None:
    cpuinfo = written(tmp_path / "cpuinfo", XEON)
    assert system.cpu_model(cpuinfo) == "Intel(R) Xeon(R) Platinum 8488C"
    assert system.instruction_sets(cpuinfo) == ["avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16"]


def test_arm(tmp_path: Path) -> None:
    assert system.instruction_sets(written(tmp_path / "cpuinfo", GRAVITON)) == ["asimd", "bf16"]


def test_missing_files_of_the_kernel(tmp_path: Path) -> None:
    none = tmp_path / "none"
    assert system.instruction_sets(none) == []
    assert system.cpu_model(none) == (platform.processor() or None)
    assert system.available_cores(none) == len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "max 100000\n"}, 8),
        ({"cpu.max": "9900000 100000\n"}, 8),
        ({"cpu.max": "400000 100000\n", "pod/box/cpu.max": "200000 100000\n"}, 2),
        ({"pod/cpu.max": "150000 100000\n", "pod/box/cpu.max": "max 100000\n", "other/cpu.max": "1 100000\n"}, 2),
    ],
)
def test_quota_of_a_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], cores: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    for name, text in files.items():
        written(tmp_path / name, text)
    own = written(tmp_path / "own", "1:cpu:/other\n0::/pod/box\n")
    assert system.available_cores(tmp_path, own) == cores


@pytest.mark.parametrize(("limit", "size"), [(None, PHYSICAL), ("max\n", PHYSICAL), ("1073741824\n", 1 << 30)])
def test_memory_limit_of_a_container(tmp_path: Path, limit: str | None, size: int) -> None:
    if limit:
        written(tmp_path / "memory.max", limit)
    assert system.available_memory(tmp_path, tmp_path / "none") == size
    written(tmp_path / "pod/memory.max", "1048576\n")
    assert system.available_memory(tmp_path, written(tmp_path / "own", "0::/pod\n")) == 1 << 20


def test_only_set_env_vars(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in system.ENV_VARS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert system.system_info()["environment"] == {"ONEDNN_MAX_CPU_ISA": "AVX2"}


def test_only_libraries_that_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    requirements = ["numpy>=2", "no-such-library", "scikit-learn[all]>=1.7; extra == 'train'"]
    monkeypatch.setattr(system, "requires", lambda _: requirements)
    assert list(system.library_versions()) == ["clothier", "numpy", "scikit-learn"]
