"""The device and the precision of a training. Only this module distinguishes CPU, CUDA and MPS."""

from __future__ import annotations

import ctypes
import time
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

import torch

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

Precision = Literal["float32", "bfloat16"]

# Parameters of glibc's mallopt(3), and the value that keeps activations of up to 1 GiB in the heap. Without it, glibc
# returns every freed activation to the kernel, and the next step pays for the page faults.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_HEAP_LIMIT = 1 << 30  # bytes; above the largest activation of our networks
_HEAP_LIMIT_OLD_GLIBC = 32 << 20  # bytes; the highest M_MMAP_THRESHOLD that glibc before 2.35 accepts
_TOP_PAD = 64 << 20  # bytes requested from the kernel at a time

# A matrix product long enough to be timed; all repetitions take about a hundredth of a second.
_MATMUL_SIZE, _MATMUL_REPEATS = 512, 5


@dataclass(frozen=True, slots=True)
class Device:
    """A place to train.

    Attributes:
        type: ``cpu``, ``cuda`` or ``mps``.
        threads: CPU threads of one operation.
        precision: of matrix products and convolutions; weights and sums stay float32.
        reason: why this precision.
    """

    type: str
    threads: int
    precision: Precision
    reason: str

    @property
    def dtype(self) -> torch.dtype:
        """The precision as PyTorch names it."""
        return torch.bfloat16 if self.precision == "bfloat16" else torch.float32

    @property
    def torch_device(self) -> torch.device:
        """The device as PyTorch names it."""
        return torch.device(self.type)

    def autocast(self) -> AbstractContextManager[object]:
        """A context in which products and convolutions run in ``precision``."""
        if self.precision == "float32":
            return nullcontext()
        return torch.autocast(self.type, dtype=torch.bfloat16)


def select_device(precision: Literal["auto", "float32"] = "auto", device_type: str | None = None) -> Device:
    """The best device here, or ``device_type``; with bfloat16 if it is fast and ``precision`` is ``auto``."""
    if device_type is None:
        without_cuda = "mps" if torch.backends.mps.is_available() else "cpu"
        device_type = "cuda" if torch.cuda.is_available() else without_cuda
    fast, reason = _bf16_support(device_type) if precision == "auto" else (False, "the recipe asks for float32")
    return Device(device_type, torch.get_num_threads(), "bfloat16" if fast else "float32", reason)


def tune_malloc() -> bool:
    """Makes glibc's allocator keep freed activations for the next step; about halves the time of a CPU step.

    Returns whether it was set; other allocators (musl, macOS, jemalloc) are not changed.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    kept = mallopt(_M_MMAP_THRESHOLD, _HEAP_LIMIT) or mallopt(_M_MMAP_THRESHOLD, _HEAP_LIMIT_OLD_GLIBC)
    held = mallopt(_M_TRIM_THRESHOLD, _HEAP_LIMIT) and mallopt(_M_TOP_PAD, _TOP_PAD)
    return bool(kept and held)


def _bf16_support(device_type: str) -> tuple[bool, str]:
    """Whether bfloat16 products are fast on this type of device, and why."""
    if device_type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
        return fast, "the GPU multiplies bfloat16" if fast else "the GPU has no bfloat16"
    if device_type == "mps":
        return False, "PyTorch's MPS back end is exact in float32 only"
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]  # PyTorch left it untyped
        return False, "this PyTorch was built without oneDNN"
    # These are private in PyTorch. oneDNN's respects ONEDNN_MAX_CPU_ISA; the CPU's flags would not
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported():  # noqa: SLF001
        return False, "the processor has no AVX-512, or ONEDNN_MAX_CPU_ISA forbids it"
    if torch.cpu._is_amx_tile_supported():  # noqa: SLF001
        return True, "the processor multiplies bfloat16 in AMX tiles"
    if not torch.cpu._is_avx512_bf16_supported():  # noqa: SLF001
        return False, "the processor only emulates bfloat16"
    gain = _bf16_speedup()
    return gain > 1, f"AVX512_BF16 multiplies bfloat16 at {gain:.1f} times the rate of float32"


@cache
def _bf16_speedup() -> float:
    """The rate of bfloat16 products divided by that of float32, measured once per process.

    AVX512_BF16 alone does not decide: with two threads and 4096x4096 matrices, bfloat16 had four times the rate of
    float32 on a Zen 5, and 0.55 times on a Xeon whose hypervisor hid AMX.
    """
    full, half = [], []
    with torch.no_grad():
        for _ in range(1 + _MATMUL_REPEATS):  # interleaved; the minimum excludes the cold first run
            full.append(_matmul_seconds(torch.float32))
            half.append(_matmul_seconds(torch.bfloat16))
    return min(full) / min(half)


def _matmul_seconds(dtype: torch.dtype) -> float:
    square = torch.ones(_MATMUL_SIZE, _MATMUL_SIZE, dtype=dtype)
    started = time.perf_counter()
    torch.mm(square, square)
    return time.perf_counter() - started
