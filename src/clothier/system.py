"""The machine and the library versions. Standard library only.

Run folders keep it as ``environment.json``, benchmark results contain it, and ``clothier doctor`` prints it.
"""

from __future__ import annotations

import math
import os
import platform
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")
R = TypeVar("R")

INSTRUCTION_SETS = (
    *("avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_bf16", "amx_int8"),
    *("asimd", "bf16"),
)
"""CPU extensions for matrix products, as Linux names them; the last two are of Arm."""

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

_worker = threading.local()
_CPUINFO = Path("/proc/cpuinfo")
_CGROUP = Path("/sys/fs/cgroup")
_OWN_CGROUP = Path("/proc/self/cgroup")


def system_info() -> dict[str, Any]:
    """The machine, as JSON values.

    Returns:
        ``os``, ``cpu`` (``model``, ``cores``, ``cores_available``, ``instruction_sets``), ``memory_bytes``, ``python``,
        ``versions`` (of the installed libraries) and ``environment`` (of the variables that are set).
        What the system does not report is None or empty.
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


def available_cores(cgroup: Path = _CGROUP, own: Path = _OWN_CGROUP) -> int:
    """Cores that this process may use: its affinity, limited by the quotas of its groups (cgroup v2, rounded up)."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [quota for folder in _cgroups(cgroup, own) if (quota := _cpu_quota(folder)) is not None]
    return max(1, min([allowed, *map(math.ceil, quotas)]))


def parallel_map(
    function: Callable[[T], R],
    items: Iterable[T],
    on_done: Callable[[int], None] = lambda _: None,
    *,
    threads: int | None = None,
) -> list[R]:
    """``function`` of each item, on a thread for each core, or on ``threads``.

    ``on_done`` receives the number of results so far. After Ctrl-C or an error, no further item is begun, and those in
    progress end at :func:`stop_if_canceled`.
    """
    results: list[R] = []
    canceled = threading.Event()
    threads = threads or available_cores()
    with ThreadPoolExecutor(threads, initializer=setattr, initargs=(_worker, "canceled", canceled)) as pool:
        try:
            for result in pool.map(function, items):
                results.append(result)
                on_done(len(results))
        except BaseException:
            canceled.set()
            pool.shutdown(cancel_futures=True)  # otherwise Ctrl-C waits for all items
            raise
    return results


def stop_if_canceled() -> None:
    """Ends long work in a thread of :func:`parallel_map` whose caller does not wait for its result anymore."""
    canceled: threading.Event | None = getattr(_worker, "canceled", None)
    if canceled and canceled.is_set():
        raise KeyboardInterrupt


def instruction_sets(cpuinfo: Path = _CPUINFO) -> list[str]:
    """Those of :data:`INSTRUCTION_SETS` that the CPU has; empty if the system does not report them."""
    fields = _cpu_fields(cpuinfo)
    flags = (fields.get("flags") or fields.get("Features") or "").split()
    return [name for name in INSTRUCTION_SETS if name in flags]


def available_memory(cgroup: Path = _CGROUP, own: Path = _OWN_CGROUP) -> int | None:
    """Bytes of memory that this process may use: the machine's, or a limit of its groups if that is lower."""
    texts = [_read_text(folder / "memory.max").strip() for folder in _cgroups(cgroup, own)]
    limits = [int(text) for text in texts if text.isdecimal()]
    if "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {}):
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return min(limits, default=None)


def library_versions() -> dict[str, str]:
    """The versions of Clothier and of its dependencies, extras included, that are installed."""
    versions = {}
    for requirement in ("clothier", *(requires("clothier") or ())):
        name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def _cpu_fields(cpuinfo: Path) -> dict[str, str]:
    first = _read_text(cpuinfo).partition("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _cgroups(root: Path, own: Path) -> list[Path]:
    """The folders of this process's group and of those around it; ``own`` has a line such as ``0::/user.slice/a``."""
    lines = [line for line in _read_text(own).splitlines() if line.startswith("0::")]
    parts = [part for line in lines for part in line[3:].split("/") if part not in ("", ".", "..")]
    return [root.joinpath(*parts[:depth]) for depth in range(len(parts), -1, -1)]


def _cpu_quota(cgroup: Path) -> float | None:
    """Cores that a container may use, from a line such as ``200000 100000`` (microseconds) or ``max 100000``."""
    quota, _, period = _read_text(cgroup / "cpu.max").partition(" ")
    try:
        return float(quota) / float(period)
    except ValueError:
        return None


def _read_text(file: Path) -> str:
    """The content of ``file``; empty if it cannot be read."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
