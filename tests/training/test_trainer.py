from __future__ import annotations

import itertools
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn

from clothier.data.dataset import LabeledImages
from clothier.errors import UsageError
from clothier.recipes import Augment, HardExampleMining, Optimizer, PcaMlp, Recipe
from clothier.taxonomy import FASHION_MNIST_CLASSES
from clothier.training import checkpoint
from clothier.training.device import Device, select_device
from clothier.training.networks import build_network
from clothier.training.torch_classifier import TorchClassifier
from clothier.training.trainer import TrainState, eval_loss, fit, init_state
from tests.synthetic import draw_garments

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clothier.runs import Run
    from clothier.types import EpochRecord

PLAIN = Recipe(model="dnn", preset="fast", network=PcaMlp(components=20), epochs=3, batch_size=50)


def fresh_state(recipe: Recipe, train: LabeledImages, device: Device, seed: int = 0) -> TrainState:
    return init_state(build_network(recipe.network, train.images, 10, seed), recipe, device)


def run_fit(
    state: TrainState, recipe: Recipe, train: LabeledImages, validation: LabeledImages, device: Device, **options: Any
) -> Iterator[EpochRecord]:
    return fit(state.network, train, validation, recipe, state=state, device=device, **options)


def without_seconds(records: list[EpochRecord]) -> list[EpochRecord]:
    return [replace(record, seconds=0) for record in records]


def same_weights(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().items(), other.state_dict().items(), strict=True)
    return all(name == its_name and torch.equal(value, its) for (name, value), (its_name, its) in pairs)


def test_every_network_can_memorize_32_images(recipe: Recipe, cpu: Device) -> None:
    few = draw_garments(32, seed=3)
    recipe = replace(
        recipe,
        epochs=60,
        batch_size=32,
        augment=Augment(),
        hard_example_mining=HardExampleMining(),
        label_smoothing=0.0,
    )
    if isinstance(recipe.network, PcaMlp):
        recipe = replace(recipe, network=replace(recipe.network, components=20, dropout=0.0))
    training = fresh_state(recipe, few, cpu)
    for record in run_fit(training, recipe, few, few, cpu):
        if record.validation_accuracy == 1.0:
            break
    assert eval_loss(training.network, few, cpu)[1] == 1.0


def test_the_seed_decides_the_weights_bit_for_bit(
    recipe: Recipe, cpu: Device, garments: LabeledImages, others: LabeledImages
) -> None:
    recipe = replace(recipe, epochs=2)
    one, again, other = (fresh_state(recipe, garments, cpu) for _ in range(3))
    records = [
        list(run_fit(training, recipe, garments, others, cpu, seed=seed))
        for training, seed in ((one, 0), (again, 0), (other, 1))
    ]
    assert same_weights(one.network, again.network)
    assert without_seconds(records[0]) == without_seconds(records[1])
    assert not same_weights(one.network, other.network)


def test_a_resumed_training_has_the_same_weights_bit_for_bit(
    recipe: Recipe, cpu: Device, garments: LabeledImages, others: LabeledImages, run: Run
) -> None:
    straight, killed = fresh_state(recipe, garments, cpu), fresh_state(recipe, garments, cpu)
    expected = list(run_fit(straight, recipe, garments, others, cpu))

    records = list(itertools.islice(run_fit(killed, recipe, garments, others, cpu), 2))
    checkpoint.save(run, killed, records)
    torch.manual_seed(12345)  # another state of the global generator
    resumed = fresh_state(recipe, garments, cpu, seed=99)
    records = checkpoint.restore(run, resumed)
    records += run_fit(resumed, recipe, garments, others, cpu)

    assert without_seconds(records) == without_seconds(expected)
    assert same_weights(resumed.network, straight.network)


def test_a_finished_training_does_not_change(cpu: Device, garments: LabeledImages, others: LabeledImages) -> None:
    training = fresh_state(PLAIN, garments, cpu)
    assert [record.epoch for record in run_fit(training, PLAIN, garments, others, cpu)] == [1, 2, 3]
    before = eval_loss(training.network, others, cpu)
    training.network.train()
    assert list(run_fit(training, PLAIN, garments, others, cpu)) == []
    assert eval_loss(training.network, others, cpu) == before
    assert not training.network.training


def test_select_best_restores_the_best_epoch(cpu: Device, garments: LabeledImages) -> None:
    # Labels that are all wrong: the better the network, the worse it does here, so the first epochs are the best
    wrong = LabeledImages(garments.images, (garments.labels + 1) % 10)
    recipe = replace(PLAIN, epochs=6, optimizer=Optimizer(learning_rate=3e-3))
    accuracies, last = {}, {}
    for keep in ("best", "last"):
        chosen = replace(recipe, select=keep)
        training = fresh_state(chosen, garments, cpu)
        accuracies[keep] = [record.validation_accuracy for record in run_fit(training, chosen, garments, wrong, cpu)]
        last[keep] = eval_loss(training.network, wrong, cpu)[1]
    assert accuracies["best"] == accuracies["last"]
    assert last["best"] == max(accuracies["best"]) > accuracies["best"][-1]
    assert last["last"] == accuracies["last"][-1]


def test_validation_does_not_change_the_weights(
    cpu: Device, garments: LabeledImages, others: LabeledImages, recipe: Recipe
) -> None:
    recipe = replace(recipe, select="last", epochs=2)
    with_it, without = (build_network(recipe.network, garments.images, 10, 0) for _ in range(2))
    list(fit(with_it, garments, others, recipe, device=cpu))
    records = list(fit(without, garments, None, recipe, device=cpu))
    assert all(record.validation_loss is None and record.validation_accuracy is None for record in records)
    assert all(torch.equal(one, two) for one, two in zip(with_it.parameters(), without.parameters(), strict=True))
    assert not without.training


def test_select_best_needs_validation_images(cpu: Device, garments: LabeledImages) -> None:
    network = build_network(PLAIN.network, garments.images, 10, 0)
    with pytest.raises(UsageError, match=r"select = .best. needs validation images"):
        next(fit(network, garments, None, replace(PLAIN, select="best"), device=cpu))


def test_hard_example_mining_selects_hard_images_and_resumes(
    cpu: Device, garments: LabeledImages, others: LabeledImages, run: Run
) -> None:
    recipe = replace(
        PLAIN, epochs=4, hard_example_mining=HardExampleMining(start_epoch=3, fraction=0.5, random_fraction=0.2)
    )
    straight = fresh_state(recipe, garments, cpu)
    records = []
    for record in run_fit(straight, recipe, garments, others, cpu):
        records.append(record)
        if record.epoch == 2:
            assert straight.example_losses.isfinite().all()
            before = straight.example_losses.clone()
            checkpoint.save(run, straight, records)
        if record.epoch == 3:
            seen = straight.example_losses != before
            assert seen.sum() == 150
            assert before[seen].median() > before[~seen].quantile(0.9)
    resumed = fresh_state(recipe, garments, cpu)
    again = checkpoint.restore(run, resumed)
    again += run_fit(resumed, recipe, garments, others, cpu)
    assert without_seconds(again) == without_seconds(records)
    assert same_weights(resumed.network, straight.network)


def test_mixed_images_do_not_update_the_losses(cpu: Device, garments: LabeledImages, others: LabeledImages) -> None:
    recipe = replace(PLAIN, epochs=2, augment=Augment(cutmix=1.0, mix_off_epochs=1))
    training = fresh_state(recipe, garments, cpu)
    epochs = run_fit(training, recipe, garments, others, cpu)
    next(epochs)
    assert training.example_losses.isinf().all()  # mixed: as if never seen
    next(epochs)
    assert training.example_losses.isfinite().all()


def test_break_leaves_the_network_in_evaluation_mode(
    cpu: Device, garments: LabeledImages, others: LabeledImages
) -> None:
    network = build_network(PLAIN.network, garments.images, 10, 0)
    accuracies = []
    for record in fit(network, garments, others, PLAIN, device=cpu):
        assert not network.training
        accuracies.append(record.validation_accuracy)
        break
    logits = TorchClassifier(network, FASHION_MNIST_CLASSES).run(others.images).logits
    assert (logits.argmax(1) == others.labels).mean() == accuracies[0]


def test_records_hold_recomputable_metrics(cpu: Device, garments: LabeledImages, others: LabeledImages) -> None:
    still = replace(PLAIN, epochs=2, optimizer=Optimizer(learning_rate=1e-12))  # weights that do not move
    training = fresh_state(still, garments, cpu)
    records = list(run_fit(training, still, garments, others, cpu))
    for part, accuracy, loss in (
        (garments, records[1].train_accuracy, records[1].train_loss),
        (others, records[1].validation_accuracy, records[1].validation_loss),
    ):
        logits = TorchClassifier(training.network, FASHION_MNIST_CLASSES).run(part.images).logits
        log_probabilities = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        assert accuracy == pytest.approx((logits.argmax(1) == part.labels).mean(), abs=1e-6)
        assert loss == pytest.approx(-log_probabilities[np.arange(len(part)), part.labels].mean(), rel=1e-4)
    assert [record.epoch for record in records] == [1, 2]
    assert all(record.seconds > 0 for record in records)
    assert records[1].learning_rate == 1e-12


def test_learning_rates_follow_the_schedule(cpu: Device, garments: LabeledImages, others: LabeledImages) -> None:
    optimizer = Optimizer(kind="adamw", learning_rate=1e-3, schedule="linear", warmup=0.5)
    recipe = replace(PLAIN, optimizer=optimizer, epochs=4)  # 6 steps an epoch: 300 images in batches of 50
    records = list(run_fit(fresh_state(recipe, garments, cpu), recipe, garments, others, cpu))
    last_steps = [5 / 24, 11 / 24, 17 / 24, 23 / 24]
    expected = [1e-3 * min(2 * step, 2 - 2 * step) for step in last_steps]
    assert [record.learning_rate for record in records] == pytest.approx(expected)


def test_every_group_has_its_own_learning_rate(
    cpu: Device, garments: LabeledImages, others: LabeledImages, recipe: Recipe
) -> None:
    training = fresh_state(recipe, garments, cpu)
    record = next(run_fit(training, recipe, garments, others, cpu))
    groups = [group for optimizer in training.optimizers for group in optimizer.param_groups]
    factor = record.learning_rate / recipe.optimizer.learning_rate
    assert [group["lr"] for group in groups] == pytest.approx([group["initial_lr"] * factor for group in groups])


def test_a_time_limit_shortens_the_schedule(cpu: Device, garments: LabeledImages, others: LabeledImages) -> None:
    recipe = replace(PLAIN, epochs=100_000, optimizer=Optimizer(kind="adamw", schedule="linear"))
    training = fresh_state(recipe, garments, cpu)
    started = time.perf_counter()
    records = list(run_fit(training, recipe, garments, others, cpu, time_limit=0.5))
    assert time.perf_counter() - started < 2  # 0.5 and whatever a busy machine adds
    assert 1 <= len(records) < 100_000
    assert records[-1].learning_rate < 0.3 * recipe.optimizer.learning_rate
    assert training.seconds >= 0.5
    assert list(run_fit(training, recipe, garments, others, cpu, time_limit=0.5)) == []


def test_a_long_time_limit_changes_nothing(cpu: Device, garments: LabeledImages, others: LabeledImages) -> None:
    limited, free = fresh_state(PLAIN, garments, cpu), fresh_state(PLAIN, garments, cpu)
    records = list(run_fit(limited, PLAIN, garments, others, cpu, time_limit=3600))
    assert without_seconds(records) == without_seconds(list(run_fit(free, PLAIN, garments, others, cpu)))
    assert same_weights(limited.network, free.network)


def test_a_diverged_training_is_an_error(cpu: Device, garments: LabeledImages, others: LabeledImages) -> None:
    wild = replace(PLAIN, network=PcaMlp(components=20, hidden=(8,) * 8), optimizer=Optimizer(learning_rate=1e6))
    sentence = r"^Training diverged in epoch 1: the loss is NaN"
    with pytest.raises(UsageError, match=sentence):
        list(run_fit(fresh_state(wild, garments, cpu), wild, garments, others, cpu))


def test_a_custom_network_is_trained(cpu: Device, garments: LabeledImages, others: LabeledImages) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    records = list(fit(network, garments, others, replace(PLAIN, epochs=8), device=cpu))
    assert records[-1].train_loss < records[0].train_loss
    assert records[-1].validation_accuracy > 0.5


def test_the_default_device_is_the_best_one(garments: LabeledImages, others: LabeledImages) -> None:
    network = build_network(PLAIN.network, garments.images, 10, 0)
    next(fit(network, garments, others, PLAIN))
    assert next(network.parameters()).device.type == select_device().type


def test_bfloat16_learns_like_float32(garments: LabeledImages, others: LabeledImages, recipe: Recipe) -> None:
    recipe = replace(recipe, epochs=3)
    accuracies = {}
    for precision in ("float32", "bfloat16"):
        device = Device("cpu", 2, precision, "the tests ask for it")
        training = fresh_state(recipe, garments, device)
        records = list(run_fit(training, recipe, garments, others, device))
        accuracies[precision] = records[-1].validation_accuracy
        assert {weight.dtype for weight in training.network.parameters()} == {torch.float32}
    assert accuracies["bfloat16"] == pytest.approx(accuracies["float32"], abs=0.15)


def test_eval_loss_keeps_the_mode_of_the_network(cpu: Device, garments: LabeledImages) -> None:
    network = build_network(PLAIN.network, garments.images, 10, 0)
    for mode in (True, False):
        network.train(mode)
        loss, accuracy = eval_loss(network, garments, cpu)
        assert network.training is mode
        assert 1.5 < loss < 4
        assert 0 <= accuracy <= 0.4
