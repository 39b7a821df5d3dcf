"""The memory that a training needs, known before any of it is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from clothier import system
from clothier.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

COPIES = 5  # of every weight: itself, its gradient, two moments of the optimizer, and the checkpoint that is written
FLOAT_BYTES = 4


def require_memory(make_network: Callable[[], nn.Module], image_shape: tuple[int, ...], batch_size: int) -> None:
    """Checks that a network and the outputs of its layers for a batch of (H, W) images fit into memory.

    Raises:
        UsageError: they do not; the message says how much they need.
    """
    outputs = 0

    def count(_module: nn.Module, _inputs: object, output: torch.Tensor) -> None:
        nonlocal outputs
        outputs += output.numel()

    with torch.device("meta"), torch.no_grad():  # shapes only
        network = make_network().eval()
        for module in network.modules():
            if not [*module.children()]:
                module.register_forward_hook(count)
        network(torch.zeros(1, 1, *image_shape))
    weights = sum(value.numel() for value in network.state_dict().values())
    needed, available = FLOAT_BYTES * (COPIES * weights + batch_size * outputs), system.available_memory()
    if available is not None and needed > available:
        raise UsageError(
            f"the recipe's network has {weights:,} weights and needs about {needed / 1e9:,.1f} GB with batches of "
            f"{batch_size:,}; this machine has {available / 1e9:,.1f} GB. Give the recipe a smaller network or batch."
        )
