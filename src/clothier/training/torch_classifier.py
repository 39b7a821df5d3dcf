"""A torch network behind the ``Classifier`` protocol, for validation and for the parity check."""

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

BATCH_SIZE = 1_000  # pictures a pass; bounds memory, and changes no answer


class ExportModule(nn.Module):
    """What a bundle holds: bytes in, preprocessing inside, logits and embedding out."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(N, H, W) or (N, H, W, C) uint8 to (N, K) logits and the (N, D) embedding: what enters ``head``.

        A network of the user's own without a module of that name has its logits for an embedding.
        """
        with _capture_inputs(getattr(self.network, "head", None)) as entered:
            logits = self.network(to_float(images))
        return logits, entered[-1].flatten(1) if entered else logits.clone()


class TorchClassifier:
    """Runs a network on a device; float32 unless the device says otherwise. The network's mode comes back."""

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
        """Looks at (N, H, W) or (N, H, W, C) uint8 pictures."""
        parts = torch.split(torch.as_tensor(images), BATCH_SIZE)
        with inference_mode(self._export_module, self._device):
            answers = [self._export_module(part.to(self._device.torch_device)) for part in parts]
        logits, embeddings = (torch.cat(column).float().cpu().numpy() for column in zip(*answers, strict=True))
        return ModelOutput(logits, embeddings)


@contextmanager
def _capture_inputs(module: object) -> Iterator[list[torch.Tensor]]:
    """What enters ``module`` within the block; nothing, if it is no module."""
    entered: list[torch.Tensor] = []
    if not isinstance(module, nn.Module):
        yield entered
        return
    watch = module.register_forward_pre_hook(lambda _, inputs: entered.extend(inputs[:1]))
    try:
        yield entered
    finally:
        watch.remove()


def to_float(images: torch.Tensor) -> torch.Tensor:
    """(N, H, W) or (N, H, W, C) uint8 to (N, C, H, W) float32 in [0, 1]; C is 1 for grey."""
    planes = images.unsqueeze(1) if images.ndim == 3 else images.permute(0, 3, 1, 2)
    return planes.float() / 255


@contextmanager
def inference_mode(network: nn.Module, device: Device) -> Iterator[None]:
    """Evaluation mode, no gradients, the device's precision; the mode that was comes back afterwards."""
    was_training = network.training
    network.eval()
    try:
        with torch.no_grad(), device.autocast():
            yield
    finally:
        network.train(was_training)
