"""Operations counted by torch against operations counted by hand, and the rate of a product."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from benchmarks.throughput import matmul_throughput, training_flops
from clothier.data.synthetic import draw_garments
from clothier.recipes import WhitenedCnn
from clothier.training.networks import WhitenedCnnNetwork

if TYPE_CHECKING:
    from clothier.training.device import Device


def test_a_passs_operations_are_three_for_every_trained_product_and_one_for_the_frozen_stem() -> None:
    network = WhitenedCnnNetwork(WhitenedCnn(patch=4, widths=(8,), depths=(2,)), 10)
    stem = 25 * 25 * 16 * 32
    first, second, head = 12 * 12 * 9 * 32 * 8, 12 * 12 * 9 * 8 * 8, 8 * 10
    multiply_adds = stem + 2 * first + 3 * (second + head)  # nothing needs the gradient of what enters the first
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert training_flops(network, draw_garments(5, seed=0).images) == 2 * 5 * multiply_adds
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert all(weight.grad is None for weight in network.parameters())


def test_the_rate_of_a_product_is_its_operations_by_its_seconds(cpu: Device) -> None:
    assert 1e8 < matmul_throughput(cpu, 256) < 1e14
