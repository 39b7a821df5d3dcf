"""Operations counted by torch against operations counted by hand, and the throughput of a matrix product."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from benchmarks import throughput
from benchmarks.throughput import matmul_throughput, training_flops
from clothier.recipes import WhitenedCnn
from clothier.training.device import Device
from clothier.training.networks import WhitenedCnnNetwork
from tests.synthetic import draw_garments

if TYPE_CHECKING:
    import pytest


def test_operations_of_one_training_step() -> None:
    network = WhitenedCnnNetwork(WhitenedCnn(patch=4, widths=(8,), depths=(2,)), 10)
    stem = 25 * 25 * 16 * 32
    first, second, head = 12 * 12 * 9 * 32 * 8, 12 * 12 * 9 * 8 * 8, 8 * 10
    multiply_adds = stem + 2 * first + 3 * (second + head)  # no gradient of the first layer's input
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert training_flops(network, draw_garments(5, seed=0).images) == 2 * 5 * multiply_adds
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert all(weight.grad is None for weight in network.parameters())


def test_throughput_is_operations_per_second(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(float(second) for second in range(12))  # each product takes one second
    monkeypatch.setattr(throughput.time, "perf_counter", lambda: next(clock))
    assert matmul_throughput(Device("cpu", 1, "float32", "test"), 16) == 2 * 16**3
