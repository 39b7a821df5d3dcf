"""The table of probabilities for every augmented view."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from clothier.recipes import Augment, PcaMlp
from clothier.training.augment import hflip, random_offsets, translate
from clothier.training.distillation.soft_targets import SoftTargets, augmented_views, compute_soft_targets
from clothier.training.networks import build_network

if TYPE_CHECKING:
    from clothier.data.dataset import LabeledImages
    from clothier.training.device import Device

CLASSES = tuple("abcdefghij")


@pytest.mark.parametrize(
    ("how", "count"),
    [(Augment(), 1), (Augment(flip=True), 2), (Augment(shift=1), 9), (Augment(shift=2, flip=True), 50)],
)
def test_one_view_for_every_shift_and_flip(garments: LabeledImages, how: Augment, count: int) -> None:
    images = torch.as_tensor(garments.images[:3])
    seen = [*augmented_views(images, how)]
    assert len(seen) == count
    assert any(torch.equal(view, images) for view in seen)
    assert len({view.numpy().tobytes() for view in seen}) == count


def test_lookup_returns_the_probabilities_of_the_view(garments: LabeledImages, cpu: Device) -> None:
    how, images = Augment(shift=1, flip=True), garments.images[:40]
    network = build_network(PcaMlp(components=20), garments.images, len(CLASSES), 0).eval()
    soft_targets = SoftTargets(torch.from_numpy(compute_soft_targets(network, images, how, CLASSES, cpu)), how.shift)
    generator = torch.Generator().manual_seed(0)
    indices = torch.randperm(40, generator=generator)[:25]
    flips, offsets = torch.arange(25) % 2 == 0, random_offsets(25, 1, generator)
    shown = translate(hflip(torch.as_tensor(images)[indices], flips), offsets, 1)
    with torch.no_grad():
        expected = network(shown[:, None].float() / 255).softmax(1)
    assert torch.allclose(soft_targets.lookup(indices, flips, offsets), expected, atol=1e-3)  # float16
    assert not torch.allclose(soft_targets.lookup(indices, ~flips, offsets), expected, atol=1e-3)


def test_a_table_holds_probabilities(garments: LabeledImages, cpu: Device) -> None:
    network = build_network(PcaMlp(components=20), garments.images, len(CLASSES), 0)
    table = compute_soft_targets(network, garments.images[:10], Augment(flip=True), CLASSES, cpu)
    assert (table.shape, table.dtype) == ((2, 10, 10), np.float16)
    assert np.allclose(table.astype(np.float64).sum(axis=2), 1, atol=2e-3)
