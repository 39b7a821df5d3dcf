from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from clothier.recipes.photo import PhotoAugment
from clothier.recipes.presets import BEST_PHOTO
from clothier.training import checkpoint
from clothier.training.finetune.augment import augment_photo
from clothier.training.finetune.efficientnet_lite import pretrained
from clothier.training.finetune.features import FrozenFeatureExtractor
from clothier.training.finetune.linear_probe import fit_linear_probe
from clothier.training.finetune.networks import FineTuneState, init_fine_tune_state, predict, train_epoch

if TYPE_CHECKING:
    from pathlib import Path

SIDE = 64  # pixels; small, so that a test takes a second
N = 12
RECIPE = replace(BEST_PHOTO, frozen_blocks=14, batch_size=6, dropout=0.1)
LABELS = np.arange(N) % 2


def make_images() -> np.ndarray:
    """Red ones and blue ones, noisy."""
    noise = np.random.default_rng(0).integers(0, 90, (N, SIDE, SIDE, 3))
    colour = np.where(LABELS[:, None] == 0, [120, 0, 0], [0, 0, 120])
    return (noise + colour[:, None, None]).astype(np.uint8)


@pytest.fixture(scope="module")
def looked() -> tuple[np.ndarray, np.ndarray]:
    images = make_images()
    return FrozenFeatureExtractor(pretrained(), RECIPE.frozen_blocks, SIDE).extract(
        N, lambda row: images[row], lambda _: None
    )


def make_state(looked: tuple[np.ndarray, np.ndarray]) -> FineTuneState:
    return init_fine_tune_state(fit_linear_probe(looked[1], LABELS, 2, 1e-5), np.arange(N), RECIPE)


def train_epochs(state: FineTuneState, features: np.ndarray, epochs: range, n_epochs: int = 4) -> FineTuneState:
    for epoch in epochs:
        span = (epoch / n_epochs, (epoch + 1) / n_epochs)
        assert list(train_epoch([state], features, LABELS, RECIPE, progress_range=span, seed=(0, epoch))) == [1]
    return state


def test_extractor_matches_the_torch_network(looked: tuple[np.ndarray, np.ndarray]) -> None:
    network = pretrained()
    x = torch.as_tensor(make_images()).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        early = network.forward_stem(x, RECIPE.frozen_blocks)
        embeddings = network.embed(network.forward_tail(early, RECIPE.frozen_blocks))
    assert looked[0].dtype == np.float16
    assert np.abs(looked[0] - early.numpy()).max() < 2e-2
    assert np.abs(looked[1] - embeddings.numpy()).max() < 1e-4


def test_linear_probe_equals_logistic_regression() -> None:
    chance = np.random.default_rng(0)
    labels = np.arange(60) % 3
    rows = (chance.normal(size=(60, 5)) * [1, 2, 3, 4, 5] + labels[:, None]).astype(np.float32)
    standard = (rows - rows.mean(0)) / rows.std(0)
    wanted = LogisticRegression(C=0.1, max_iter=500).fit(standard, labels).decision_function(standard)
    assert fit_linear_probe(rows, labels, 3, 0.1).logits(rows) == pytest.approx(wanted, abs=1e-3)


def test_linear_probe_never_predicts_an_absent_class() -> None:
    rows = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    logits = fit_linear_probe(rows, np.where(rows[:, 0] > 0, 2, 0), 4, 1.0).logits(rows)
    assert set(logits.argmax(1)) == {0, 2}


def test_fine_tuning_starts_from_the_linear_probe(looked: tuple[np.ndarray, np.ndarray]) -> None:
    early, embeddings = looked
    probe = fit_linear_probe(embeddings, LABELS, 2, 1e-5)
    found = predict(make_state(looked).ema, early, np.arange(N), RECIPE.frozen_blocks)
    assert found.embeddings.shape == (N, 1280)
    assert found.logits == pytest.approx(probe.logits(embeddings), abs=5e-2)  # float16 in between


def test_training_lowers_the_loss_and_leaves_frozen_blocks_alone(looked: tuple[np.ndarray, np.ndarray]) -> None:
    one = train_epochs(make_state(looked), looked[0], range(1))
    first = one.loss
    train_epochs(one, looked[0], range(1, 4))
    assert one.loss < first
    assert one.steps == 8
    ours, theirs = one.network.state_dict(), pretrained().state_dict()
    frozen = [name for name in theirs if name.startswith(("stem", *(f"blocks.{place}." for place in range(14))))]
    statistics = [name for name in theirs if "running" in name]
    assert all(torch.equal(ours[name], theirs[name]) for name in frozen + statistics)
    assert not torch.equal(ours["conv_head.0.weight"], theirs["conv_head.0.weight"])


def test_resumed_training_equals_uninterrupted_training(looked: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    straight = train_epochs(make_state(looked), looked[0], range(4))
    half = train_epochs(make_state(looked), looked[0], range(2))
    checkpoint.save(tmp_path / "last.pt", half, [])
    resumed = make_state(looked)
    assert checkpoint.restore(tmp_path / "last.pt", resumed) == []
    train_epochs(resumed, looked[0], range(2, 4))
    for name, value in straight.ema.state_dict().items():
        assert torch.equal(value, resumed.ema.state_dict()[name]), name


def test_augmentation_is_deterministic_per_seed() -> None:
    image = make_images()[0]
    first, second, other = (augment_photo(image, 32, PhotoAugment(), np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.shape == (32, 32, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_zero_augmentation_only_resizes_and_flips() -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    image[:, :4] = 200
    still = PhotoAugment(min_area=1.0, aspect=0.0, brightness=0.0, color_gain=0.0)
    for seed in range(4):
        seen = augment_photo(image, 8, still, np.random.default_rng(seed))
        assert np.array_equal(seen, image) or np.array_equal(seen, image[:, ::-1])
