"""A PyTorch network as a ``Classifier``, for validation and for the parity check."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import nn

from clothier.training.device import select_device
from clothier.types import InputSpec, ModelOutput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clothier.training.device import Device
    from clothier.types import Images

BATCH_SIZE = 1_000  # images per pass; limits memory and does not change the output


class ExportModule(nn.Module):
    """What a bundle's graph computes: from uint8 images to logits and embeddings, with the preprocessing.

    Attributes:
        output_names: of the results. ``early_features`` is among them if the network has an ``early_block``.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        early = getattr(network, "early_block", None)
        self._early_block = [early] if isinstance(early, nn.Module) else []  # a list, as it is no module of this one
        self.output_names = ("logits", "embedding", *(["early_features"] if self._early_block else []))

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """(N, H, W) or (N, H, W, C) uint8 to (N, K) logits, (N, D) embeddings and, where there are, early features.

        The embedding is the input of ``head``; that of a user's network without ``head`` is its logits.
        """
        inputs: list[torch.Tensor] = []
        early: list[torch.Tensor] = []
        head = getattr(self.network, "head", None)
        hooked = head if isinstance(head, nn.Module) else nn.Identity()
        block = self._early_block[0] if self._early_block else nn.Identity()
        with (
            hooked.register_forward_pre_hook(lambda _, given: inputs.extend(given[:1])),
            block.register_forward_hook(lambda *given: early.append(pool_channels(given[2]))),
        ):
            logits = self.network(to_float(images))
        return logits, inputs[-1].flatten(1) if inputs else logits.clone(), *early


class TorchClassifier:
    """Runs a network on a device, by default in float32 on the CPU. The network's mode is restored."""

    def __init__(
        self,
        network: nn.Module,
        classes: tuple[str, ...],
        *,
        input_spec: InputSpec | None = None,
        device: Device | None = None,
        name: str = "torch",
    ) -> None:
        self.name = name
        self.classes = classes
        self.input_spec = input_spec or InputSpec()
        self._export_module = ExportModule(network)
        self._device = device or select_device("float32", "cpu")

    def run(self, images: Images) -> ModelOutput:
        """Logits and embeddings of (N, H, W) or (N, H, W, C) uint8 images."""
        parts = torch.split(torch.as_tensor(images), BATCH_SIZE)
        with inference_mode(self._export_module, self._device):
            outputs = [self._export_module(part.to(self._device.torch_device)) for part in parts]
        return ModelOutput(*(torch.cat(column).float().cpu().numpy() for column in zip(*outputs, strict=True)))


def to_float(images: torch.Tensor) -> torch.Tensor:
    """(N, H, W) or (N, H, W, C) uint8 to (N, C, H, W) float32 in [0, 1]; C is 1 for grayscale."""
    planes = images.unsqueeze(1) if images.ndim == 3 else images.permute(0, 3, 1, 2)
    return planes.float() / 255


def pool_channels(x: torch.Tensor) -> torch.Tensor:
    """Mean and standard deviation of each channel: (N, C, H, W) to (N, 2 C)."""
    mean = x.mean((2, 3))
    variance = (x * x).mean((2, 3)) - mean * mean
    return torch.cat([mean, variance.clamp(min=0).sqrt()], dim=1)


@contextmanager
def inference_mode(network: nn.Module, device: Device) -> Iterator[None]:
    """Evaluation mode, no gradients, and the device's precision; the network's mode is restored afterwards."""
    was_training = network.training
    network.eval()
    try:
        with torch.no_grad(), device.autocast():
            yield
    finally:
        network.train(was_training)
