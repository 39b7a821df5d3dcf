"""What teachers say of a training set, asked once for every view that a student may see.

A student that asked its teachers at every step would pay for all of them at every step. Mirrored or not, and moved by a
pixel or not at all, a picture has 18 views; so its answers are a table, and a student looks them up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from clothier.metrics import softmax
from clothier.training import augment
from clothier.training.torch_classifier import TorchClassifier

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from clothier.recipes import Augment
    from clothier.training.device import Device
    from clothier.training.networks import AnyNetwork
    from clothier.types import Images

    ProbabilityTable = npt.NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class SoftTargets:
    """A table of answers.

    Attributes:
        probabilities: (V, N, K) float16, the probabilities of the classes for each view of each picture; V as
            :func:`views` orders them.
        max_shift: largest move, pixels.
    """

    probabilities: torch.Tensor
    max_shift: int

    def lookup(self, indices: torch.Tensor, flips: torch.Tensor | None, offsets: torch.Tensor | None) -> torch.Tensor:
        """The answers for some pictures as they are varied.

        Args:
            indices: (n,) int64, where the pictures stand in the training set.
            flips: (n,) bool, which are mirrored; None for none.
            offsets: (2, n) int64, as :func:`augment.moves` says; None for not at all.

        Returns:
            (n, K) float32.
        """
        side = 2 * self.max_shift + 1
        view = torch.zeros_like(indices) if offsets is None else offsets[0] * side + offsets[1]
        if flips is not None:
            view = view + side * side * flips
        return (
            self.probabilities[view.to(self.probabilities.device), indices.to(self.probabilities.device)]
            .float()
            .to(indices.device)
        )


def augmented_views(images: torch.Tensor, augmentation: Augment) -> Iterator[torch.Tensor]:
    """Every view of (N, H, W) pictures that ``augmentation`` may show, in the order of the table: V times (N, H, W).

    What blanks or mixes is left out: a teacher's answer to a picture without its middle teaches nothing.
    """
    side = 2 * augmentation.shift + 1
    for flip in range(1 + augmentation.flip):
        seen = images.flip(-1) if flip else images
        for place in range(side * side):
            down, right = divmod(place, side)
            moved = torch.tensor([[down], [right]], device=images.device).expand(2, len(images))
            yield augment.translate(seen, moved, augmentation.shift) if augmentation.shift else seen


def compute_soft_targets(
    network: AnyNetwork, images: Images, augmentation: Augment, classes: tuple[str, ...], device: Device
) -> ProbabilityTable:
    """What a network says of every view of (N, H, W) uint8 ``images`` that ``augmentation`` may show.

    Args:
        network: the teacher.
        images: the pictures to learn from.
        augmentation: the student's variations.
        classes: the K classes.
        device: where to ask, and in which precision.

    Returns:
        (V, N, K) float16 probabilities.
    """
    teacher = TorchClassifier(network.to(device.torch_device), classes, device=device)
    seen = augmented_views(torch.as_tensor(images), augmentation)
    return np.stack([softmax(teacher.run(view.numpy()).logits).astype(np.float16) for view in seen])


def soft_targets_from(table: ProbabilityTable, augmentation: Augment) -> SoftTargets:
    """Answers by a table, (V, N, K), that :func:`ask` made for the variations of ``augmentation``."""
    return SoftTargets(torch.from_numpy(table), augmentation.shift)
