from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from clothier.errors import ModelError
from clothier.recipes.presets import BEST_PHOTO
from clothier.runs import Run
from clothier.training import checkpoint
from clothier.training.finetune.efficientnet_lite import pretrained
from clothier.training.finetune.epochs import FineTuner, fine_tune, init_fine_tune_state, train_epoch
from clothier.training.finetune.features import fit_linear_probe, predict
from clothier.training.schedules import TimeBudget
from clothier.types import EpochRecord, no_progress

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.training.finetune.epochs import FineTuneState
    from clothier.training.finetune.features import FrozenFeatureExtractor

N = 12
RECIPE = replace(BEST_PHOTO, frozen_stages=6, batch_size=6, dropout=0.1)
LABELS = np.arange(N) % 2
Extracted = tuple[np.ndarray, np.ndarray]  # features and embeddings


@pytest.fixture(scope="module")
def extracted(frozen_extractor: FrozenFeatureExtractor) -> Extracted:
    """Of red and of blue noisy images."""
    side = frozen_extractor.side
    noise = np.random.default_rng(0).integers(0, 90, (N, side, side, 3))
    color = np.where(LABELS[:, None] == 0, [120, 0, 0], [0, 0, 120])
    images = (noise + color[:, None, None]).astype(np.uint8)
    features, embeddings = frozen_extractor.extract(
        ("features", "embeddings"), N, lambda index: images[index], lambda _: None
    )
    return features, embeddings


def make_state(embeddings: np.ndarray) -> FineTuneState:
    probe = fit_linear_probe(embeddings, LABELS, 2, 1e-5)
    return init_fine_tune_state(pretrained("lite0"), probe, np.arange(N), RECIPE)


def make_tuner(states: list[FineTuneState]) -> FineTuner:
    table: Any = range(N)
    unused: Any = None
    return FineTuner(RECIPE, 0, table, "photographer", unused, unused, [], states, "digest of the order")


def train_epochs(state: FineTuneState, features: np.ndarray, epochs: range, n_epochs: int = 4) -> FineTuneState:
    for epoch in epochs:
        span = (epoch / n_epochs, (epoch + 1) / n_epochs)
        train_epoch(state, features, LABELS, RECIPE, span, np.random.default_rng([0, epoch]))
    return state


def test_fine_tuning_starts_from_the_linear_probe(extracted: Extracted) -> None:
    features, embeddings = extracted
    probe = fit_linear_probe(embeddings, LABELS, 2, 1e-5)
    output = predict(make_state(embeddings).ema, features, np.arange(N), RECIPE.frozen_stages)
    assert output.embeddings.shape == (N, 1280)
    assert output.logits == pytest.approx(probe.logits(embeddings), abs=5e-2)  # float16 in between


def test_training_lowers_the_loss_and_leaves_frozen_stages_alone(extracted: Extracted) -> None:
    features, embeddings = extracted
    state = train_epochs(make_state(embeddings), features, range(1))
    first = state.loss
    train_epochs(state, features, range(1, 4))
    assert state.loss < first
    assert state.steps == 8
    trained, original = state.network.state_dict(), pretrained("lite0").state_dict()
    frozen = [name for name in original if name.startswith(("stem", *(f"blocks.{index}." for index in range(15))))]
    statistics = [name for name in original if "running" in name]
    assert all(torch.equal(trained[name], original[name]) for name in frozen + statistics)
    assert not torch.equal(trained["conv_head.0.weight"], original["conv_head.0.weight"])


def test_resumed_training_equals_uninterrupted_training(extracted: Extracted, run: Run) -> None:
    features, embeddings = extracted
    uninterrupted = train_epochs(make_state(embeddings), features, range(4))
    half = make_tuner([train_epochs(make_state(embeddings), features, range(2))])
    half.progress = 0.5
    checkpoint.save(run, half, [])
    resumed = make_tuner([make_state(embeddings)])
    assert checkpoint.restore(run, resumed) == []
    assert resumed.progress == 0.5
    (state,) = resumed.states
    train_epochs(state, features, range(2, 4))
    for name, value in uninterrupted.ema.state_dict().items():
        assert torch.equal(value, state.ema.state_dict()[name]), name


def test_checkpoint_of_other_folds_is_refused(extracted: Extracted, run: Run) -> None:
    states = [make_state(extracted[1]) for _ in range(2)]
    checkpoint.save(run, make_tuner(states), [])
    with pytest.raises(ModelError, match=r"last\.pt is of another network"):
        checkpoint.restore(run, make_tuner(states[:1]))


def test_missing_checkpoint_of_a_started_run_is_refused(tmp_path: Path) -> None:
    """Without it, resuming would silently begin again and empty results.csv."""
    run = Run(tmp_path)
    run.write_results([EpochRecord(1, 1.0, 0.5, 1.0, 0.5, 1e-3, 1.0)])
    with pytest.raises(ModelError, match=r"no checkpoint .*last\.pt"):
        fine_tune(run, make_tuner([]), TimeBudget(0.0, None, 1.0), no_progress)
    assert len(run.read_results()) == 1


def test_early_stopping_keeps_the_best_epoch(extracted: Extracted, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of nine epochs has the lowest loss, so training stops after two more."""
    state = make_state(extracted[1])

    def get_worse(tuner: FineTuner, epoch: int, end: float, on_progress: object) -> EpochRecord:
        tuner.progress = end
        torch.nn.init.constant_(tuner.states[0].ema.head.bias, float(epoch))
        return EpochRecord(epoch, 1.0, 0.5, float(epoch), 0.5, 1e-3, 1.0)

    monkeypatch.setattr(FineTuner, "run_epoch", get_worse)
    tuner = make_tuner([state])
    tuner.recipe = replace(RECIPE, epochs=9)
    records = fine_tune(run, tuner, TimeBudget(0.0, None, 1.0), no_progress)
    assert [record.epoch for record in records] == [1, 2, 3]
    assert state.best_ema.head.bias.tolist() == [1, 1]
    assert run.read_results() == records
