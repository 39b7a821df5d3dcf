"""Fine-tuning of the backbone's later blocks: one network for each fold and a final one, epoch by epoch.

The output of the frozen blocks is the same for all networks. So each epoch augments every photo once, runs the frozen
blocks on it once, and then trains every network for an epoch on that output.

Legend: N photos, F folds, C channels, H, W, K classes, D embedding.
"""

from __future__ import annotations

import copy
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F

from clothier.metrics import evaluate_logits
from clothier.selective.temperature import fit_temperature
from clothier.system import available_cores
from clothier.training import checkpoint
from clothier.training.finetune.efficientnet_lite import pretrained
from clothier.training.finetune.features import extract_augmented, gather_batch, predict
from clothier.training.optimizers import ADAMW_BETAS
from clothier.training.schedules import best_epoch, linear_warmup_decay, should_stop
from clothier.types import EpochRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import nn

    from clothier.recipes.photo import PhotoRecipe
    from clothier.runs import Run
    from clothier.training.finetune.data import Fold, Indices, PhotoTrainingData
    from clothier.training.finetune.efficientnet_lite import EfficientNetLite0
    from clothier.training.finetune.features import Float16Array, FrozenFeatureExtractor, LinearProbe
    from clothier.training.schedules import TimeBudget
    from clothier.types import Evaluation, Labels, Progress

WARMUP_START = 0.1  # of the peak learning rate


@dataclass(slots=True, eq=False)
class FineTuneState:
    """One network in training.

    Attributes:
        network: what is trained.
        ema: exponential moving average of its weights.
        best_ema: the result: ``ema`` at the last :meth:`update_best`.
        train_indices: (M,) indices of its training photos.
        optimizer: of its later blocks and its head.
        steps: so far.
        loss: mean over the last epoch's batches, nats, label smoothing included.
        accuracy: on the last epoch's batches, before each step; 0 to 1.
    """

    network: EfficientNetLite0
    ema: EfficientNetLite0
    best_ema: EfficientNetLite0
    train_indices: Indices
    optimizer: torch.optim.Optimizer
    steps: int = 0
    loss: float = 0.0
    accuracy: float = 0.0

    def update_best(self) -> None:
        """Copies ``ema`` to ``best_ema``."""
        self.best_ema.load_state_dict(self.ema.state_dict())

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        modules = {name: getattr(self, name).state_dict() for name in ("network", "ema", "best_ema", "optimizer")}
        return {**modules, "steps": self.steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores a checkpoint."""
        for name in ("network", "ema", "best_ema", "optimizer"):
            getattr(self, name).load_state_dict(state[name])
        self.steps = state["steps"]


def init_fine_tune_state(probe: LinearProbe, train_indices: Indices, recipe: PhotoRecipe) -> FineTuneState:
    """A network with ImageNet's weights and the linear probe as its head.

    A random head would distort the pretrained features first (arXiv 2202.10054).
    """
    network = _build_network(probe, recipe)
    optimizer = _build_optimizer(network, recipe)
    return FineTuneState(network, copy.deepcopy(network), copy.deepcopy(network), train_indices, optimizer)


def _build_network(probe: LinearProbe, recipe: PhotoRecipe) -> EfficientNetLite0:
    network = pretrained()
    network.dropout = recipe.dropout
    network.head = torch.nn.Linear(probe.weight.shape[1], len(probe.bias))
    with torch.no_grad():
        network.head.weight.copy_(torch.as_tensor(probe.weight))
        network.head.bias.copy_(torch.as_tensor(probe.bias))
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # documented, not in the stubs
    network.requires_grad_(False)
    for module in _trainable_modules(network, recipe):
        module.requires_grad_(True)
    return network


def _trainable_modules(network: EfficientNetLite0, recipe: PhotoRecipe) -> list[nn.Module]:
    return [*network.blocks[recipe.frozen_blocks :], network.conv_head, network.head]


def _build_optimizer(network: EfficientNetLite0, recipe: PhotoRecipe) -> torch.optim.Optimizer:
    """AdamW; the head has its own learning rate, biases and norms have no weight decay."""
    body = [weight for part in _trainable_modules(network, recipe)[:-1] for weight in part.parameters()]
    groups = [
        {"params": [weight for weight in body if weight.ndim > 1], "lr": recipe.learning_rate},
        {"params": [weight for weight in body if weight.ndim < 2], "lr": recipe.learning_rate, "weight_decay": 0.0},
        {"params": list(network.head.parameters()), "lr": recipe.head_learning_rate},
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay, betas=ADAMW_BETAS)
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"]
    return optimizer


def train_epoch(
    states: Sequence[FineTuneState],
    features: Float16Array,
    labels: Labels,
    recipe: PhotoRecipe,
    *,
    progress_range: tuple[float, float],
    seed: tuple[int, int],
) -> Iterator[int]:
    """Trains every network for one epoch, one on each core; yields the number of finished networks.

    Args:
        states: the networks.
        features: (N, C, H, W) float16, output of the frozen blocks for the augmented photos.
        labels: (N,) int64.
        recipe: of the training.
        progress_range: progress of the whole training, 0 to 1, at the start and the end of the epoch.
        seed: of the run, and the epoch's number.
    """

    def train(index: int) -> None:
        rng = np.random.default_rng([*seed, index])
        _train_network(states[index], features, labels, recipe, progress_range, rng)

    with _single_threaded(), ThreadPoolExecutor(available_cores()) as pool:
        try:
            for done, _ in enumerate(pool.map(train, range(len(states))), 1):
                yield done
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _train_network(
    state: FineTuneState,
    features: Float16Array,
    labels: Labels,
    recipe: PhotoRecipe,
    progress_range: tuple[float, float],
    rng: np.random.Generator,
) -> None:
    order, size = rng.permutation(state.train_indices), recipe.batch_size
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    start, stop = progress_range
    totals = np.zeros(2)
    for step, indices in enumerate(batches):
        factor = linear_warmup_decay(start + (stop - start) * step / len(batches), recipe.warmup, WARMUP_START)
        for group in state.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * factor
        totals += _train_step(state, gather_batch(features, indices), torch.as_tensor(labels[indices]), recipe, rng)
    state.loss, state.accuracy = (totals / len(order)).tolist()


def _train_step(
    state: FineTuneState, x: torch.Tensor, labels: torch.Tensor, recipe: PhotoRecipe, rng: np.random.Generator
) -> tuple[float, float]:
    """One step on (n, C, H, W) features; the sum of the batch's losses and the number of correct predictions."""
    network = state.network
    embedding = network.embed(network.forward_tail(x, recipe.frozen_blocks))
    mask = torch.as_tensor(rng.random(embedding.shape, np.float32) >= recipe.dropout)
    logits = network.head(embedding * mask / (1 - recipe.dropout))
    loss = F.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)
    state.optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    state.optimizer.step()
    state.steps += 1
    _update_ema(state, recipe.ema_decay)
    return len(labels) * float(loss.detach()), float((logits.argmax(1) == labels).sum())


@torch.no_grad()
def _update_ema(state: FineTuneState, decay: float) -> None:
    """Moves the average towards the current weights; faster during the first steps, which it averages over."""
    weight = 1 - min(decay, state.steps / (state.steps + 10))
    pairs = zip(state.ema.parameters(), state.network.parameters(), strict=True)
    trained = [(average, current) for average, current in pairs if current.requires_grad]
    torch._foreach_lerp_([average for average, _ in trained], [current for _, current in trained], weight)


@contextmanager
def _single_threaded() -> Iterator[None]:
    """PyTorch uses one thread for an operation: the networks are distributed over the cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@dataclass(slots=True, eq=False)
class FineTuner:
    """The fine-tuning of F + 1 networks on N photos.

    Attributes:
        recipe: of the training.
        seed: of order, dropout and augmentation.
        photos: the photos.
        extractor: the frozen blocks.
        features: (N, C, H, W) float16, their output for the photos as they are.
        folds: F pairs of training and test indices.
        states: each fold's network, then the final one, which is trained on all photos.
        progress: of the whole training, 0 to 1.
    """

    recipe: PhotoRecipe
    seed: int
    photos: PhotoTrainingData
    extractor: FrozenFeatureExtractor
    features: Float16Array
    folds: Sequence[Fold]
    states: Sequence[FineTuneState]
    progress: float = 0.0

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"progress": self.progress, "states": [state.state_dict() for state in self.states]}

    def load_state_dict(self, content: dict[str, Any]) -> None:
        """Restores a checkpoint."""
        for state, values in zip(self.states, content["states"], strict=True):
            state.load_state_dict(values)
        self.progress = float(content["progress"])

    def run_epoch(self, epoch: int, end: float, on_progress: Progress) -> EpochRecord:
        """Trains every network on its photos once and evaluates the folds' networks on their test photos.

        Args:
            epoch: 1 for the first.
            end: progress of the whole training after this epoch.
            on_progress: receives photos and networks.
        """
        started, recipe, seed = time.perf_counter(), self.recipe, (self.seed, epoch)
        features = extract_augmented(self.photos, self.extractor, recipe.augment, seed, on_progress)
        span = (self.progress, end)
        labels = self.photos.table.labels
        for done in train_epoch(self.states, features, labels, recipe, progress_range=span, seed=seed):
            on_progress(f"epoch {epoch}, networks", done, len(self.states))
        self.progress = end
        validation = self.evaluate()
        return EpochRecord(
            epoch=epoch,
            train_loss=float(np.mean([state.loss for state in self.states])),
            train_accuracy=float(np.mean([state.accuracy for state in self.states])),
            validation_loss=validation.nll,
            validation_accuracy=validation.accuracy,
            learning_rate=self.states[-1].optimizer.param_groups[0]["lr"],
            seconds=round(time.perf_counter() - started, 3),
        )

    def evaluate(self) -> Evaluation:
        """Metrics of the averaged weights over the test photos of all folds, at the best temperature for them.

        Label smoothing lowers the confidence of the networks by a different amount each epoch; with a fitted
        temperature the losses of epochs are comparable.
        """
        tested = [test for _, test in self.folds]
        pairs = zip(self.states, tested, strict=False)  # the final network has no test photos
        logits = np.concatenate(
            [predict(state.ema, self.features, test, self.recipe.frozen_blocks).logits for state, test in pairs]
        )
        labels = self.photos.table.labels[np.concatenate(tested)]
        return evaluate_logits(logits / fit_temperature(logits, labels), labels, self.photos.table.classes)


def fine_tune(run: Run, tuner: FineTuner, budget: TimeBudget, on_progress: Progress) -> list[EpochRecord]:
    """Trains until the recipe's end, its patience or the time limit, and saves a checkpoint after every epoch.

    Each state's ``best_ema`` is then that of the epoch with the lowest loss on the folds' test photos.

    Raises:
        ModelError: the run has epochs, but its checkpoint is missing, damaged or of other networks.
    """
    recipe, states, records = tuner.recipe, tuner.states, checkpoint.resume(run, tuner)
    passes_per_epoch = sum(len(state.train_indices) for state in states) / len(tuner.photos.table)
    while tuner.progress < 1 and not should_stop(records, recipe.patience):
        left = budget.remaining_epochs(recipe.epochs - len(records), records, passes_per_epoch, time.perf_counter())
        if left < 1:
            break
        epoch = len(records) + 1
        end = tuner.progress + (1 - tuner.progress) / left if left > 1 else 1.0
        records.append(tuner.run_epoch(epoch, end, on_progress))
        if best_epoch(records) == epoch:
            for state in states:
                state.update_best()
        checkpoint.save(run.checkpoint, tuner, records)
        run.append_result(records[-1])
        percent = 100 * (records[-1].validation_accuracy or 0)
        note = f"accuracy on unseen {tuner.photos.grouped_by}s {percent:.1f} %"
        on_progress("train photo", epoch, epoch + left - 1, note)
    return records
