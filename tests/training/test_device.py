from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from typing import Any

import pytest
import torch

from clothier.training import device as module
from clothier.training.device import Device, select_device, tune_malloc

AVX512, TIMES = "AVX512_BF16 multiplies bfloat16 at", "times the rate of float32"


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes PyTorch describe another machine, by default the plainest."""

    def configure(**changes: float) -> None:
        facts = {"cuda": False, "mps": False, "gpu_bf16": False, "onednn": True, "cpu_bf16": False, "amx": False}
        facts |= {"avx512_bf16": False, "gain": 0.0, **changes}
        monkeypatch.setattr(torch.cuda, "is_available", lambda: facts["cuda"])
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: facts["gpu_bf16"])
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: facts["mps"])
        monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: facts["onednn"])
        monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: facts["cpu_bf16"])
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: facts["amx"])
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: facts["avx512_bf16"])
        monkeypatch.setattr(module, "_bf16_speedup", lambda: facts["gain"])

    return configure


@pytest.mark.parametrize(
    ("facts", "kind", "precision", "reason"),
    [
        ({}, "cpu", "float32", "the processor has no AVX-512, or ONEDNN_MAX_CPU_ISA forbids it"),
        ({"onednn": False, "amx": True}, "cpu", "float32", "this PyTorch was built without oneDNN"),
        ({"amx": True}, "cpu", "float32", "the processor has no AVX-512, or ONEDNN_MAX_CPU_ISA forbids it"),
        ({"cpu_bf16": True}, "cpu", "float32", "the processor only emulates bfloat16"),
        ({"cpu_bf16": True, "avx512_bf16": True, "gain": 3.96}, "cpu", "bfloat16", f"{AVX512} 4.0 {TIMES}"),
        ({"cpu_bf16": True, "avx512_bf16": True, "gain": 0.55}, "cpu", "float32", f"{AVX512} 0.6 {TIMES}"),
        ({"cpu_bf16": True, "amx": True}, "cpu", "bfloat16", "the processor multiplies bfloat16 in AMX tiles"),
        ({"cuda": True}, "cuda", "float32", "the GPU has no bfloat16"),
        ({"cuda": True, "gpu_bf16": True, "mps": True}, "cuda", "bfloat16", "the GPU multiplies bfloat16"),
        ({"mps": True}, "mps", "float32", "PyTorch's MPS back end is exact in float32 only"),
    ],
)
def test_device_precision_and_reason(
    machine: Any, facts: dict[str, float], kind: str, precision: Any, reason: str
) -> None:
    machine(**facts)
    assert select_device() == Device(kind, torch.get_num_threads(), precision, reason)
    assert select_device().torch_device == torch.device(kind)


def test_float32_and_the_device_can_be_given(machine: Any) -> None:
    machine(cuda=True, gpu_bf16=True, cpu_bf16=True, amx=True)
    assert select_device("float32").precision == "float32"
    assert select_device("float32").reason == "the recipe asks for float32"
    assert select_device(device_type="cpu").type == "cpu"


def test_float32_does_not_ask_onednn(machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(onednn=False)
    monkeypatch.delattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported")
    assert select_device("float32", "cpu").precision == "float32"
    assert select_device("auto", "cpu").precision == "float32"


@pytest.mark.parametrize(("precision", "dtype"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)])
def test_products_have_the_precision_of_the_device(precision: Any, dtype: torch.dtype) -> None:
    device = Device("cpu", 2, precision, "")
    with device.autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype
    assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


def test_a_cpu_without_avx512_uses_float32() -> None:
    code = "from clothier.training.device import select_device as s; print(s().precision, '|', s().reason)"
    environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    precision, reason = done.stdout.strip().split(" | ")
    assert precision == "float32"
    assert reason in {
        "the processor has no AVX-512, or ONEDNN_MAX_CPU_ISA forbids it",
        "PyTorch's MPS back end is exact in float32 only",
    }


class Mallopt:
    """An allocator that accepts all but the refused values."""

    def __init__(self, refused: set[tuple[int, int]]) -> None:
        self.refused = refused
        self.set: dict[int, int] = {}

    def mallopt(self, parameter: int, value: int) -> int:
        if (parameter, value) in self.refused:
            return 0
        self.set[parameter] = value
        return 1


TRIM, TOP_PAD, MMAP = -1, -2, -3  # <malloc.h>
GIB, MIB = 1 << 30, 1 << 20


def test_the_allocator_is_set_to_keep_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    allocator = Mallopt(set())
    monkeypatch.setattr(ctypes, "CDLL", lambda name: allocator)
    assert tune_malloc()
    assert allocator.set == {MMAP: GIB, TRIM: GIB, TOP_PAD: 64 * MIB}


def test_an_older_allocator_gets_a_lower_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    allocator = Mallopt({(MMAP, GIB)})
    monkeypatch.setattr(ctypes, "CDLL", lambda name: allocator)
    assert tune_malloc()
    assert allocator.set == {MMAP: 32 * MIB, TRIM: GIB, TOP_PAD: 64 * MIB}


@pytest.mark.parametrize("problem", [OSError("no C library"), TypeError("Windows"), AttributeError("musl")])
def test_other_allocators_are_not_changed(problem: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: object) -> None:
        raise problem

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    assert tune_malloc() is False


def test_tuning_the_allocator_of_this_system_works() -> None:
    assert tune_malloc() in {True, False}


def test_the_speedup_compares_the_best_times(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = {torch.float32: iter([9.0, 4.0, 5.0, 4.0, 6.0, 4.5]), torch.bfloat16: iter([9.0, 2.0, 8.0, 2.5, 2.0, 3.0])}
    monkeypatch.setattr(module, "_matmul_seconds", lambda dtype: next(taken[dtype]))
    assert module._bf16_speedup.__wrapped__() == 2.0


def test_the_speedup_is_measured_once() -> None:
    assert 0.01 < module._bf16_speedup() < 100
    assert module._bf16_speedup() == module._bf16_speedup()
