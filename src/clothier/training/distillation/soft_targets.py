"""The teachers' probabilities for a training set, computed once for every augmented view that a student may see.

Running the teachers at every training step would cost far more. Shifts by at most one pixel and flips give 18 views of
an image, so a table of all of them is small, and a student looks its targets up.
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
    from torch import nn

    from clothier.recipes import Augment
    from clothier.training.device import Device
    from clothier.types import Images

    ProbabilityTable = npt.NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class SoftTargets:
    """A table of class probabilities.

    Attributes:
        probabilities: (V, N, K) float16, for each view of each training image, in the order of
            :func:`augmented_views`.
        max_shift: largest shift of a view, pixels.
    """

    probabilities: torch.Tensor
    max_shift: int

    def lookup(self, indices: torch.Tensor, flips: torch.Tensor | None, offsets: torch.Tensor | None) -> torch.Tensor:
        """The probabilities for augmented images.

        Args:
            indices: (n,) int64, of the images in the training set.
            flips: (n,) bool, which are flipped; None for none.
            offsets: (2, n) int64, from :func:`augment.random_offsets`; None for no shifts.

        Returns:
            (n, K) float32.
        """
        side, table = 2 * self.max_shift + 1, self.probabilities
        view = torch.zeros_like(indices) if offsets is None else offsets[0] * side + offsets[1]
        if flips is not None:
            view = view + side * side * flips
        return table[view.to(table.device), indices.to(table.device)].float().to(indices.device)


def augmented_views(images: torch.Tensor, augmentation: Augment) -> Iterator[torch.Tensor]:
    """Every shifted and flipped view of (N, H, W) images by ``augmentation``, in the table's order: V times (N, H, W).

    Cutout and mixing are left out: a teacher's output for an image with its middle removed teaches nothing.
    """
    side = 2 * augmentation.shift + 1
    for flip in range(1 + augmentation.flip):
        flipped = images.flip(-1) if flip else images
        for place in range(side * side):
            down, right = divmod(place, side)
            offsets = torch.tensor([[down], [right]], device=images.device).expand(2, len(images))
            yield augment.translate(flipped, offsets, augmentation.shift) if augmentation.shift else flipped


def compute_soft_targets(
    network: nn.Module, images: Images, augmentation: Augment, classes: tuple[str, ...], device: Device
) -> ProbabilityTable:
    """A network's probabilities for every view of (N, H, W) uint8 ``images`` by ``augmentation``.

    Args:
        network: the teacher.
        images: the training images.
        augmentation: the student's.
        classes: the K classes.
        device: where to compute, and in which precision.

    Returns:
        (V, N, K) float16.
    """
    teacher = TorchClassifier(network.to(device.torch_device), classes, device=device)
    views = augmented_views(torch.as_tensor(images), augmentation)
    return np.stack([softmax(teacher.run(view.numpy()).logits).astype(np.float16) for view in views])
