"""Floating-point operations of a training, and the throughput of the machine."""

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
REPEATS = 5  # the median counts


def matmul_throughput(device: Device, size: int = MATRIX_SIZE) -> float:
    """Operations per second of a square matrix product in the device's precision; the median of five."""
    square = torch.rand(size, size).to(device.torch_device, device.dtype)
    seconds = []
    for _ in range(1 + REPEATS):
        started = time.perf_counter()
        float(torch.mm(square, square)[0, 0])  # waits for an accelerator, which computes asynchronously
        seconds.append(time.perf_counter() - started)
    return 2 * size**3 / statistics.median(seconds[1:])


def training_flops(network: nn.Module, images: Images) -> int:
    """Operations of one forward and backward pass, counted by torch: two for each multiply-add.

    Matrix products and convolutions count; the optimizer does not. The network is not changed.

    Args:
        network: on the CPU.
        images: (N, H, W) uint8, one batch.
    """
    trained = copy.deepcopy(network).train()
    with FlopCounterMode(display=False) as counter:
        logits = trained(to_float(torch.as_tensor(images)))
        torch.autograd.backward(F.cross_entropy(logits, logits.detach().argmax(1)))
    return int(counter.get_total_flops())
