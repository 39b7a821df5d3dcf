"""How much arithmetic a training does, and how much the machine could do at most."""

from __future__ import annotations

import copy
import statistics
import time
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from clothier.training.torch_classifier import to_float

if TYPE_CHECKING:
    from torch import nn

    from clothier.training.device import Device
    from clothier.types import Images

MATRIX_SIZE = 4_096  # rows and columns of the matrices
REPEATS = 5  # timed; the median counts


def matmul_throughput(device: Device, size: int = MATRIX_SIZE) -> float:
    """Operations a second of a square matrix product in the device's precision: the median of five, warmed up."""
    square = torch.rand(size, size).to(device.torch_device, device.dtype)
    seconds = []
    for _ in range(1 + REPEATS):
        started = time.perf_counter()
        float(torch.mm(square, square)[0, 0])  # an accelerator answers at once and computes later
        seconds.append(time.perf_counter() - started)
    return 2 * size**3 / statistics.median(seconds[1:])


def training_flops(network: nn.Module, images: Images) -> int:
    """Operations of one forward and backward pass, by torch's own counter: two for each multiply-add.

    Products and convolutions count; what the optimizer multiplies does not. The network stays as it is.

    Args:
        network: on the CPU.
        images: (N, H, W) uint8, one batch.
    """
    trained = copy.deepcopy(network).train()
    with FlopCounterMode(display=False) as counter:
        logits = trained(to_float(torch.as_tensor(images)))
        torch.autograd.backward(F.cross_entropy(logits, logits.detach().argmax(1)))
    return int(counter.get_total_flops())
