"""Who is in which batch: everybody in turn, and, where a recipe focuses, the hard ones more often."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from clothier.data.dataset import Labelled
from clothier.errors import UsageError
from clothier.recipes import Augment, DenseOnPca, Focus, Recipe
from clothier.training.batches import Batches, chosen
from clothier.training.ddp import Team
from clothier.training.distillation.soft_targets import Answers, views

if TYPE_CHECKING:
    from clothier.training.device import Device

PLAIN = Recipe(model="dnn", preset="fast", network=DenseOnPca(components=20), epochs=3, batch_size=50)
UNSEEN = torch.full((300,), torch.inf)


def drawn_by(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_before_its_start_a_focus_leaves_nobody_out() -> None:
    losses = torch.arange(10.0)
    places = chosen(losses, Focus(start=3, share=0.5), 2, drawn_by(0))
    assert sorted(places.tolist()) == list(range(10))


def test_the_hardest_are_taken_and_the_rest_by_lot() -> None:
    losses = torch.arange(100.0).flip(0)  # the first is the hardest
    focus = Focus(share=0.4, drawn=0.25)
    lots = [set(chosen(losses, focus, 2, drawn_by(seed)).tolist()) for seed in range(40)]
    assert all(len(lot) == 40 for lot in lots)
    assert all(set(range(30)) <= lot for lot in lots)
    assert set.union(*lots) == set(range(100))  # nobody is forgotten
    assert len(set.intersection(*lots)) < 35


def test_the_order_is_random_and_the_generators_own() -> None:
    losses = torch.arange(100.0)
    one, same, other = (chosen(losses, Focus(share=0.4), 2, drawn_by(seed)) for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert set(one.tolist()) == set(other.tolist()) == set(range(60, 100))


def test_progress_counts_steps_and_not_epochs(cpu: Device, garments: Labelled) -> None:
    recipe = replace(PLAIN, epochs=4, focus=Focus(start=3, share=0.5))
    batches = Batches(garments, recipe, 0, cpu, Team())
    assert [batches.steps(number) for number in (1, 2, 3, 4)] == [6, 6, 3, 3]
    assert [batches.progress(*place) for place in ((1, 0), (2, 3), (3, 0), (4, 3))] == [0, 0.5, 12 / 18, 1]


@pytest.mark.parametrize(("pictures", "size", "steps"), [(300, 64, 4), (300, 60, 5), (100, 500, 1)])
def test_pictures_that_fill_no_batch_sit_an_epoch_out(
    cpu: Device, garments: Labelled, pictures: int, size: int, steps: int
) -> None:
    numbered = Labelled(garments.images[:pictures], np.arange(pictures))
    batches = Batches(numbered, replace(PLAIN, batch_size=size), 0, cpu, Team())
    seen = [torch.cat([batch.labels for batch in batches.epoch(number, UNSEEN[:pictures])]) for number in (1, 2)]
    assert [batches.steps(number) for number in (1, 2)] == [steps, steps]
    for labels in seen:
        assert len(labels) == len(labels.unique()) == steps * min(size, pictures)
    assert not torch.equal(*seen)


def test_labels_stay_with_their_pictures(cpu: Device, garments: Labelled) -> None:
    batches = Batches(garments, replace(PLAIN, augment=Augment(flip=True)), 0, cpu, Team())
    originals: dict[bytes, int] = {}
    for image, label in zip(garments.images, garments.labels, strict=True):
        originals[image.tobytes()] = originals[image[:, ::-1].tobytes()] = int(label)
    for places, images, labels, targets, mixed in batches.epoch(1, UNSEEN):
        assert not mixed
        assert labels.tolist() == targets.tolist() == garments.labels[places].tolist()
        assert [originals[image.numpy().tobytes()] for image in images] == labels.tolist()


def test_a_team_shares_the_batches_of_one(cpu: Device, garments: Labelled, recipe: Recipe) -> None:
    alone = list(Batches(garments, recipe, 5, cpu, Team()).epoch(2, UNSEEN))
    shared = [list(Batches(garments, recipe, 5, cpu, Team(rank, 3)).epoch(2, UNSEEN)) for rank in range(3)]
    for step, whole in enumerate(alone):
        for rank in range(3):
            assert shared[rank][step].mixed == whole.mixed
            for part, all_of_it in zip(shared[rank][step][:-1], whole[:-1], strict=True):
                assert torch.equal(part, all_of_it[rank::3])


def test_shares_are_equal_and_each_rank_drops_out_units_of_its_own(cpu: Device, garments: Labelled) -> None:
    seeds = []
    for rank in range(3):
        batches = Batches(garments, replace(PLAIN, batch_size=50), 5, cpu, Team(rank, 3))
        assert {len(batch.labels) for batch in batches.epoch(1, UNSEEN)} == {16}
        seeds.append(torch.initial_seed())
    assert len(set(seeds)) == 3


def test_a_batch_too_small_for_its_team_is_refused(cpu: Device, garments: Labelled) -> None:
    sentence = (
        r"^a batch of 5 pictures is too small for 3 processes: each needs 2 or more at a step\. "
        r"Give more pictures or larger batches, or start fewer processes\.$"
    )
    with pytest.raises(UsageError, match=sentence):
        Batches(garments, replace(PLAIN, batch_size=5), 0, cpu, Team(0, 3))


MIXED = replace(PLAIN, augment=Augment(shift=1, flip=True, cutmix=1.0, plain=1))


def test_a_mixed_batch_asks_for_shares_until_the_plain_epochs(cpu: Device, garments: Labelled) -> None:
    batches = Batches(garments, MIXED, 0, cpu, Team())
    early, late = ([*batches.epoch(number, UNSEEN)] for number in (2, 3))
    for batch in early:
        assert batch.targets.shape == (50, garments.labels.max() + 1)
        assert torch.allclose(batch.targets.sum(1), torch.ones(50))
        assert (batch.targets.argmax(1) == batch.labels).float().mean() > 0.4  # most keep the larger part
        assert (batch.targets > 0).sum(1).max() == 2
        assert batch.mixed
    assert all(torch.equal(batch.targets, batch.labels) and not batch.mixed for batch in late)


def test_batches_that_are_not_cut_are_blended_where_a_recipe_does_both(cpu: Device, garments: Labelled) -> None:
    recipe = replace(PLAIN, epochs=20, augment=Augment(cutmix=0.5, mixup=0.4))
    batches = Batches(garments, recipe, 0, cpu, Team())
    seen = [batch for number in range(1, 21) for batch in batches.epoch(number, UNSEEN)]
    rectangles = [float((batch.targets[range(50), batch.labels] < 0.5).float().mean()) > 0 for batch in seen]
    assert 0.25 < sum(rectangles) / len(seen) < 0.75  # only a rectangle may take more than half of a picture


def test_half_of_the_batches_are_mixed_where_half_is_asked(cpu: Device, garments: Labelled) -> None:
    recipe = replace(PLAIN, epochs=60, augment=Augment(cutmix=0.5))
    batches = Batches(garments, recipe, 0, cpu, Team())
    mixed = [batch.targets.ndim == 2 for number in range(1, 61) for batch in batches.epoch(number, UNSEEN)]
    assert len(mixed) == 360
    assert 0.4 < sum(mixed) / 360 < 0.6  # 0.5 and almost four standard deviations


def test_a_student_is_asked_for_what_its_teachers_said_of_the_very_picture_that_it_sees(
    cpu: Device, garments: Labelled
) -> None:
    how = Augment(shift=1, flip=True)
    seen = [*views(torch.as_tensor(garments.images), how)]
    weights = torch.rand(28, 28, generator=drawn_by(0)) / 255

    def told_of(pictures: torch.Tensor) -> torch.Tensor:
        return (pictures * weights).mean((1, 2))  # an answer that gives the view away

    told = torch.stack([told_of(view) for view in seen])
    answers = Answers(torch.stack((told, 1 - told), dim=2).half(), how.shift)
    batches = Batches(garments, replace(PLAIN, augment=how), 0, cpu, Team(), answers)
    different = 0
    for number in (1, 2):
        for batch in batches.epoch(number, UNSEEN):
            expected = told_of(batch.images)
            assert torch.allclose(batch.targets[:, 0], expected, atol=2e-4)
            as_they_are = told_of(torch.as_tensor(garments.images)[batch.places])
            different += int(((expected - as_they_are).abs() > 4e-4).sum())
    assert different > 200  # of 600: views differ, so that a wrong one would have been noticed
