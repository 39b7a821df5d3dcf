"""The baseline of inference: plain PyTorch as a reader of the study would run it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load

from clothier.recipes import Recipe, from_values
from clothier.training.networks import build_network
from clothier.training.torch_classifier import to_float

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import nn

    from clothier.bundle import Bundle, BundleMetadata
    from clothier.types import Floats, Images


def eager(network: nn.Module) -> Callable[[Images], Floats]:
    """(N, H, W) uint8 images to (N, K) float32 logits: evaluation mode, no gradients, float32, NCHW, on the CPU.

    It includes the conversion from bytes, as an exported graph does.
    """
    network = network.cpu().eval()

    def run(images: Images) -> Floats:
        with torch.no_grad():
            logits: Floats = network(to_float(torch.from_numpy(images))).numpy()
        return logits

    return run


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Sets PyTorch's number of threads within the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def load_network(bundle: Bundle, images: Images) -> nn.Module:
    """The network that a bundle was exported from, with the bundle's weights in float32.

    Args:
        bundle: a bundle of a recipe's network.
        images: (N, H, W) uint8; the network is built from them, and what is fitted to them is overwritten.

    Raises:
        UsageError: the card's recipe is not valid in this version.
    """
    network = build_network(recipe_from_card(bundle.metadata).network, images, len(bundle.metadata.classes), seed=0)
    network.load_state_dict(load(bundle.weights.read_bytes()))
    return network


def recipe_from_card(card: BundleMetadata) -> Recipe:
    """The recipe of a bundle.

    Raises:
        UsageError: the card's recipe is not valid in this version.
    """
    return from_values(Recipe, {name: value for name, value in card.recipe.items() if name != "seed"})
