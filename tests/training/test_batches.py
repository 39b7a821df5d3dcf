"""Which images are in which batch: all in random order, or hard examples more often."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from clothier.data.dataset import LabeledImages
from clothier.errors import UsageError
from clothier.recipes import Augment, HardExampleMining, PcaMlp, Recipe
from clothier.training.batches import BatchLoader, select_hard_examples
from clothier.training.ddp import ProcessGroup
from clothier.training.distillation.soft_targets import SoftTargets, augmented_views

if TYPE_CHECKING:
    from clothier.training.device import Device

BASE_RECIPE = Recipe(model="dnn", preset="fast", network=PcaMlp(components=20), epochs=3, batch_size=50)
UNSEEN_LOSSES = torch.full((300,), torch.inf)


def select_with_seed(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_before_the_start_epoch_all_images_are_used() -> None:
    losses = torch.arange(10.0)
    places = select_hard_examples(losses, HardExampleMining(start_epoch=3, fraction=0.5), 2, select_with_seed(0))
    assert sorted(places.tolist()) == list(range(10))


def test_the_hardest_images_and_a_random_sample_are_used() -> None:
    losses = torch.arange(100.0).flip(0)  # the first is the hardest
    focus = HardExampleMining(fraction=0.4, random_fraction=0.25)
    lots = [set(select_hard_examples(losses, focus, 2, select_with_seed(seed)).tolist()) for seed in range(40)]
    assert all(len(lot) == 40 for lot in lots)
    assert all(set(range(30)) <= lot for lot in lots)
    assert set.union(*lots) == set(range(100))  # nobody is forgotten
    assert len(set.intersection(*lots)) < 35


def test_the_order_depends_on_the_generator() -> None:
    losses = torch.arange(100.0)
    one, same, other = (
        select_hard_examples(losses, HardExampleMining(fraction=0.4), 2, select_with_seed(seed)) for seed in (0, 0, 1)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert set(one.tolist()) == set(other.tolist()) == set(range(60, 100))


def test_progress_counts_steps_and_not_epochs(cpu: Device, garments: LabeledImages) -> None:
    recipe = replace(BASE_RECIPE, epochs=4, hard_example_mining=HardExampleMining(start_epoch=3, fraction=0.5))
    batches = BatchLoader(garments, recipe, 0, cpu, ProcessGroup())
    assert [batches.steps(number) for number in (1, 2, 3, 4)] == [6, 6, 3, 3]
    assert [batches.progress(*place) for place in ((1, 0), (2, 3), (3, 0), (4, 3))] == [0, 0.5, 12 / 18, 1]


@pytest.mark.parametrize(("n_images", "size", "steps"), [(300, 64, 4), (300, 60, 5), (100, 500, 1)])
def test_images_after_the_last_full_batch_are_not_used(
    cpu: Device, garments: LabeledImages, n_images: int, size: int, steps: int
) -> None:
    numbered = LabeledImages(garments.images[:n_images], np.arange(n_images))
    batches = BatchLoader(numbered, replace(BASE_RECIPE, batch_size=size), 0, cpu, ProcessGroup())
    seen = [torch.cat([batch.labels for batch in batches.epoch(number, UNSEEN_LOSSES[:n_images])]) for number in (1, 2)]
    assert [batches.steps(number) for number in (1, 2)] == [steps, steps]
    for labels in seen:
        assert len(labels) == len(labels.unique()) == steps * min(size, n_images)
    assert not torch.equal(*seen)


def test_labels_stay_with_their_images(cpu: Device, garments: LabeledImages) -> None:
    batches = BatchLoader(garments, replace(BASE_RECIPE, augment=Augment(flip=True)), 0, cpu, ProcessGroup())
    originals: dict[bytes, int] = {}
    for image, label in zip(garments.images, garments.labels, strict=True):
        originals[image.tobytes()] = originals[image[:, ::-1].tobytes()] = int(label)
    for places, images, labels, targets, _, mixed in batches.epoch(1, UNSEEN_LOSSES):
        assert not mixed
        assert labels.tolist() == targets.tolist() == garments.labels[places].tolist()
        assert [originals[image.numpy().tobytes()] for image in images] == labels.tolist()


def test_ranks_shard_the_batches_of_a_single_process(cpu: Device, garments: LabeledImages, recipe: Recipe) -> None:
    alone = list(BatchLoader(garments, recipe, 5, cpu, ProcessGroup()).epoch(2, UNSEEN_LOSSES))
    shared = [
        list(BatchLoader(garments, recipe, 5, cpu, ProcessGroup(rank, 3)).epoch(2, UNSEEN_LOSSES)) for rank in range(3)
    ]
    for step, whole in enumerate(alone):
        for rank in range(3):
            assert shared[rank][step].is_mixed == whole.is_mixed
            for part, all_of_it in zip(shared[rank][step][:-2], whole[:-2], strict=True):
                assert torch.equal(part, all_of_it[rank::3])


def test_shards_are_equal_and_ranks_have_different_dropout(cpu: Device, garments: LabeledImages) -> None:
    seeds = []
    for rank in range(3):
        batches = BatchLoader(garments, replace(BASE_RECIPE, batch_size=50), 5, cpu, ProcessGroup(rank, 3))
        assert {len(batch.labels) for batch in batches.epoch(1, UNSEEN_LOSSES)} == {16}
        seeds.append(torch.initial_seed())
    assert len(set(seeds)) == 3


def test_a_batch_too_small_for_the_processes_is_refused(cpu: Device, garments: LabeledImages) -> None:
    with pytest.raises(UsageError, match=r"^5 images are too few in a batch for 3 processes"):
        BatchLoader(garments, replace(BASE_RECIPE, batch_size=5), 0, cpu, ProcessGroup(0, 3))


@pytest.mark.parametrize(("n_images", "fraction", "n_selected"), [(60, 0.02, 1), (100, 0.07, 7)])
def test_an_epoch_of_hard_examples_too_small_for_the_processes_is_refused(
    cpu: Device, garments: LabeledImages, n_images: int, fraction: float, n_selected: int
) -> None:
    few = garments.subset(np.arange(n_images))
    recipe = replace(BASE_RECIPE, hard_example_mining=HardExampleMining(start_epoch=3, fraction=fraction))
    group = ProcessGroup(0, 1 if n_selected == 1 else 4)
    message = f"^{n_selected} images are too few in a batch for {group.world_size} processes.* a larger fraction in"
    with pytest.raises(UsageError, match=message):
        BatchLoader(few, recipe, 0, cpu, group)
    BatchLoader(few, replace(recipe, epochs=2), 0, cpu, group)  # ends before the mining starts


def test_shards_of_few_hard_examples_are_equal(cpu: Device, garments: LabeledImages) -> None:
    recipe = replace(BASE_RECIPE, batch_size=100, hard_example_mining=HardExampleMining(start_epoch=2, fraction=0.3))
    few = garments.subset(np.arange(100))
    for rank in range(4):
        (batch,) = BatchLoader(few, recipe, 0, cpu, ProcessGroup(rank, 4)).epoch(2, UNSEEN_LOSSES[:100])
        assert len(batch.labels) == 7


CUTMIX_RECIPE = replace(BASE_RECIPE, augment=Augment(shift=1, flip=True, cutmix=1.0, mix_off_epochs=1))


def test_mixed_batches_have_probabilities_until_mixing_is_off(cpu: Device, garments: LabeledImages) -> None:
    batches = BatchLoader(garments, CUTMIX_RECIPE, 0, cpu, ProcessGroup())
    early, late = ([*batches.epoch(number, UNSEEN_LOSSES)] for number in (2, 3))
    for batch in early:
        assert batch.targets.shape == (50, garments.labels.max() + 1)
        assert torch.allclose(batch.targets.sum(1), torch.ones(50))
        assert (batch.targets.argmax(1) == batch.labels).float().mean() > 0.4  # most keep the larger part
        assert (batch.targets > 0).sum(1).max() == 2
        assert batch.is_mixed
    assert all(torch.equal(batch.targets, batch.labels) and not batch.is_mixed for batch in late)


def test_images_are_erased_until_mixing_is_off(cpu: Device, garments: LabeledImages) -> None:
    recipe = replace(BASE_RECIPE, augment=Augment(erasing=0.5, mix_off_epochs=1))
    batches = BatchLoader(garments, recipe, 0, cpu, ProcessGroup())
    for number, expected in ((2, 0.5), (3, 0.0)):
        for batch in batches.epoch(number, UNSEEN_LOSSES):
            is_erased = (batch.images != torch.as_tensor(garments.images)[batch.indices]).any(2).any(1)
            assert float(is_erased.float().mean()) == pytest.approx(expected, abs=0.3 if expected else 0)
            assert torch.equal(batch.targets, batch.labels)
            assert not batch.is_mixed  # one image and one label, so the loss tells how hard it is


def test_with_cutmix_and_mixup_every_batch_has_one_of_them(cpu: Device, garments: LabeledImages) -> None:
    recipe = replace(BASE_RECIPE, epochs=20, augment=Augment(cutmix=0.5, mixup=0.4))
    batches = BatchLoader(garments, recipe, 0, cpu, ProcessGroup())
    seen = [batch for number in range(1, 21) for batch in batches.epoch(number, UNSEEN_LOSSES)]
    rectangles = [float((batch.targets[range(50), batch.labels] < 0.5).float().mean()) > 0 for batch in seen]
    assert 0.25 < sum(rectangles) / len(seen) < 0.75  # only CutMix can replace more than half of an image


def test_cutmix_of_one_half_mixes_half_of_the_batches(cpu: Device, garments: LabeledImages) -> None:
    recipe = replace(BASE_RECIPE, epochs=60, augment=Augment(cutmix=0.5))
    batches = BatchLoader(garments, recipe, 0, cpu, ProcessGroup())
    mixed = [batch.targets.ndim == 2 for number in range(1, 61) for batch in batches.epoch(number, UNSEEN_LOSSES)]
    assert len(mixed) == 360
    assert 0.4 < sum(mixed) / 360 < 0.6  # 0.5 and almost four standard deviations


def test_soft_targets_are_those_of_the_augmented_view(cpu: Device, garments: LabeledImages) -> None:
    how = Augment(shift=1, flip=True)
    seen = [*augmented_views(torch.as_tensor(garments.images), how)]
    weights = torch.rand(28, 28, generator=select_with_seed(0)) / 255

    def checksum(view: torch.Tensor) -> torch.Tensor:
        return (view * weights).mean((1, 2))  # different for every view

    checksums = torch.stack([checksum(view) for view in seen])
    soft_targets = SoftTargets(torch.stack((checksums, 1 - checksums), dim=2).half(), how.shift)
    batches = BatchLoader(garments, replace(BASE_RECIPE, augment=how), 0, cpu, ProcessGroup(), soft_targets)
    different = 0
    for number in (1, 2):
        for batch in batches.epoch(number, UNSEEN_LOSSES):
            expected = checksum(batch.images)
            assert torch.allclose(batch.targets[:, 0], expected, atol=2e-4)
            as_they_are = checksum(torch.as_tensor(garments.images)[batch.indices])
            different += int(((expected - as_they_are).abs() > 4e-4).sum())
    assert different > 200  # of 600: views differ, so that a wrong one would have been noticed


def test_a_time_limit_keeps_the_unmixed_end(cpu: Device, garments: LabeledImages) -> None:
    recipe = replace(BASE_RECIPE, epochs=10, augment=Augment(cutmix=1.0, mix_off_epochs=4))
    batches = BatchLoader(garments, recipe, 0, cpu, ProcessGroup())
    spent = iter([0.0, 0.3, 0.59, 0.6, 0.9, 1.0])  # 60 % of the steps are mixed, and so 60 % of the time
    mixed = [batch.is_mixed for batch in batches.epoch(1, UNSEEN_LOSSES, lambda: next(spent))]
    assert mixed == [True, True, True, False, False]  # and the epoch ends with the time
