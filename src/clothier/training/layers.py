"""The layers of a network as a table: what each is, the shape of its output, and how many parameters it trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from clothier.training.networks import PcaProjection, WhiteningStem, count_parameters

if TYPE_CHECKING:
    from collections.abc import Sequence

FITTED = (PcaProjection, WhiteningStem)  # to data, before training
HIDDEN = (nn.Identity, nn.Flatten)  # these change no value


def layer_table(network: nn.Module, image_shape: Sequence[int]) -> list[dict[str, Any]]:
    """One row for each layer, in the order in which an image passes through them.

    Args:
        network: from (N, 1, H, W) float32 to logits.
        image_shape: (H, W).

    Returns:
        Rows of ``layer``, ``output`` (the shape for one image) and ``parameters`` (trained ones).
    """
    rows: list[dict[str, Any]] = []

    def record(layer: nn.Module, _: Any, output: Any) -> None:
        if isinstance(output, torch.Tensor):
            name, shape = _describe(layer), list(output.shape[1:])
            rows.append({"layer": name, "output": shape, "parameters": count_parameters(layer)})

    layers = [one for one in network.modules() if not list(one.children()) and not isinstance(one, HIDDEN)]
    hooks = [layer.register_forward_hook(record) for layer in layers]
    was_training = network.training
    try:
        with torch.inference_mode():
            example = next((one for one in network.parameters()), torch.zeros(()))
            network.eval()(torch.zeros(1, 1, *image_shape, device=example.device))
    finally:
        network.train(was_training)
        for hook in hooks:
            hook.remove()
    return rows


def _describe(layer: nn.Module) -> str:
    """Its class in PyTorch, and the size of its filters."""
    if isinstance(layer, FITTED):
        return "PCA (fitted)" if isinstance(layer, PcaProjection) else "Whitening filters (fitted)"
    size = getattr(layer, "kernel_size", None)
    sides = (size, size) if isinstance(size, int) else size
    return type(layer).__name__ + (f" {sides[0]}x{sides[1]}" if sides and len(sides) == 2 else "")
