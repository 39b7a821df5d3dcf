"""The machine and the versions that a figure was taken on. Standard library only.

Run folders keep it as ``environment.json``, benchmarks beside every figure, and ``clothier doctor`` shows it.
"""

from __future__ import annotations

import math
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

LIBRARIES = (
    "numpy",
    "onnxruntime",
    "pillow",
    "torch",
    "scikit-learn",
    "scipy",
    "opentsne",
    "onnx",
    "onnxscript",
    "optuna",
    "safetensors",
    "matplotlib",
    "jinja2",
)
"""What decides results or speed, by the name it is installed under."""

INSTRUCTION_SETS = ("avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimd", "bf16")
"""What matrix products run on, as Linux names it: x86 first, the last two are Arm's."""

ENV_VARS = (
    "ONEDNN_MAX_CPU_ISA",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "KMP_AFFINITY",
    "LD_PRELOAD",
    "MALLOC_ARENA_MAX",
    "CUDA_VISIBLE_DEVICES",
    "PYTORCH_ENABLE_MPS_FALLBACK",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
)
"""Environment variables that change results or speed."""

_CPUINFO = Path("/proc/cpuinfo")
_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")
_CGROUP_V1_MEMORY_LIMIT = (
    "memory/memory.limit_in_bytes"  # a number near 2^63 there means no limit: the machine's is lower
)


def system_info() -> dict[str, Any]:
    """The machine, ready for JSON.

    Returns:
        ``os``, ``cpu`` (``model``, ``cores``, ``cores_usable``, ``instruction_sets``), ``memory_bytes``, ``python``,
        ``versions`` (name to version, only what is installed) and ``environment`` (only switches that are set).
        What the system does not tell is None or empty.
    """
    return {
        "os": platform.platform(),
        "cpu": {
            "model": cpu_model(),
            "cores": os.cpu_count(),
            "cores_available": available_cores(),
            "instruction_sets": instruction_sets(),
        },
        "memory_bytes": available_memory(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "versions": library_versions(),
        "environment": {name: os.environ[name] for name in ENV_VARS if name in os.environ},
    }


def cpu_model(cpuinfo: Path = _CPUINFO) -> str | None:
    """The processor's name, such as ``Intel(R) Xeon(R) Platinum 8488C``."""
    return _cpu_fields(cpuinfo).get("model name") or platform.processor() or None


def available_cores(cgroup: Path = _CGROUP) -> int:
    """Cores that this process may use: its affinity, and a container's quota rounded up."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _cpu_quota(cgroup)
    return allowed if quota is None else max(1, min(allowed, math.ceil(quota)))


def instruction_sets(cpuinfo: Path = _CPUINFO) -> list[str]:
    """Those of :data:`INSTRUCTION_SETS` that the processor has; empty where the system does not tell."""
    fields = _cpu_fields(cpuinfo)
    flags = (fields.get("flags") or fields.get("Features") or "").split()
    return [name for name in INSTRUCTION_SETS if name in flags]


def available_memory(meminfo: Path = _MEMINFO, cgroup: Path = _CGROUP) -> int | None:
    """Bytes of memory that this process may use: the machine's, or a container's limit when that is lower."""
    limits = [
        _physical_memory(meminfo),
        *(_read_int(cgroup / name) for name in ("memory.max", _CGROUP_V1_MEMORY_LIMIT)),
    ]
    return min((limit for limit in limits if limit is not None), default=None)


def library_versions() -> dict[str, str]:
    """Clothier's own version and those of the libraries that are installed."""
    found = {}
    for name in ("clothier", *LIBRARIES):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _cpu_fields(cpuinfo: Path) -> dict[str, str]:
    """The first processor's lines of ``/proc/cpuinfo``; empty where there is none."""
    first = _read_text(cpuinfo).partition("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _cpu_quota(cgroup: Path) -> float | None:
    """Cores a container may use: version 2 says ``200000 100000`` or ``max 100000``, version 1 has two files."""
    quota, _, period = _read_text(cgroup / "cpu.max").partition(" ")
    if not quota:
        quota, period = _read_text(cgroup / "cpu/cpu.cfs_quota_us"), _read_text(cgroup / "cpu/cpu.cfs_period_us")
    try:
        return float(quota) / float(period) if float(quota) > 0 else None
    except ValueError:
        return None


def _physical_memory(meminfo: Path) -> int | None:
    for line in _read_text(meminfo).splitlines():
        name, _, value = line.partition(":")
        if name == "MemTotal":
            return int(value.split()[0]) * 1024  # the kernel writes kB and means KiB
    if "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {}):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def _read_int(file: Path) -> int | None:
    text = _read_text(file).strip()
    return int(text) if text.isdecimal() else None


def _read_text(file: Path) -> str:
    """What the system tells in ``file``; nothing where it has no such file or keeps it to itself."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
