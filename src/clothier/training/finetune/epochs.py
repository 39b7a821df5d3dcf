"""Fine-tuning of the backbone's later stages: one network for each fold and a final one, epoch by epoch.

The output of the frozen stages is the same for all networks. So each epoch augments every photo once, runs the frozen
stages on it once, and then trains every network for an epoch on that output.

Legend: N photos, F folds, C channels, H, W.
"""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F

from clothier.errors import DataError
from clothier.metrics import evaluate_logits
from clothier.selective.temperature import fit_temperature
from clothier.system import parallel_map
from clothier.training import checkpoint
from clothier.training.finetune.features import gather_batch, predict
from clothier.training.optimizers import ADAMW_BETAS
from clothier.training.schedules import best_epoch, linear_warmup_decay, should_stop
from clothier.types import EpochRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clothier.data.photo_table import PhotoTable
    from clothier.recipes.photo import PhotoRecipe
    from clothier.runs import Run
    from clothier.training.finetune.data import Indices
    from clothier.training.finetune.efficientnet_lite import EfficientNetLite
    from clothier.training.finetune.features import Float16Array, LinearProbe
    from clothier.training.schedules import TimeBudget
    from clothier.types import Evaluation, Labels, Progress

WARMUP_START = 0.1  # of the peak learning rate
SAVED = ("network", "ema", "best_ema", "optimizer")  # of each state, in a checkpoint


@dataclass(slots=True, eq=False)
class FineTuneState:
    """One network in training."""

    network: EfficientNetLite
    ema: EfficientNetLite  # exponential moving average of its weights
    best_ema: EfficientNetLite  # the result: `ema` after the best epoch so far
    train_indices: Indices
    optimizer: torch.optim.Optimizer  # of the later stages and the head
    steps: int = 0
    loss: float = 0.0  # mean over the last epoch's batches, nats, label smoothing included
    accuracy: float = 0.0  # on the last epoch's batches, before each step; 0 to 1


def init_fine_tune_state(
    initial: EfficientNetLite, probe: LinearProbe, train_indices: Indices, recipe: PhotoRecipe
) -> FineTuneState:
    """A copy of a network with the linear probe as its head.

    A random head would distort the pretrained features first (arXiv 2202.10054).
    """
    network = copy.deepcopy(initial)
    network.head = torch.nn.Linear(probe.weight.shape[1], len(probe.bias))
    with torch.no_grad():
        network.head.weight.copy_(torch.as_tensor(probe.weight))
        network.head.bias.copy_(torch.as_tensor(probe.bias))
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # documented, not in the stubs
    network.requires_grad_(False)
    body = [*network.tail(recipe.frozen_stages), network.conv_head]
    for module in (*body, network.head):
        module.requires_grad_(True)
    weights = [weight for module in body for weight in module.parameters()]
    optimizer = _build_optimizer(weights, list(network.head.parameters()), recipe)
    return FineTuneState(network, copy.deepcopy(network), copy.deepcopy(network), train_indices, optimizer)


def _build_optimizer(
    body: Sequence[torch.nn.Parameter], head: Sequence[torch.nn.Parameter], recipe: PhotoRecipe
) -> torch.optim.Optimizer:
    """AdamW; the head has its own learning rate, biases and norms have no weight decay."""
    groups = [
        {"params": [weight for weight in body if weight.ndim > 1], "lr": recipe.learning_rate},
        {"params": [weight for weight in body if weight.ndim < 2], "lr": recipe.learning_rate, "weight_decay": 0.0},
        {"params": head, "lr": recipe.head_learning_rate},
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay, betas=ADAMW_BETAS)
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"]
    return optimizer


def train_epoch(
    state: FineTuneState,
    features: Float16Array,
    labels: Labels,
    recipe: PhotoRecipe,
    progress_range: tuple[float, float],
    rng: np.random.Generator,
) -> None:
    """Trains one network for one epoch, on (N, C, H, W) features of the augmented photos.

    ``progress_range`` is the progress of the whole training, 0 to 1, at the start and the end of the epoch.
    """
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
    embedding = network.embed(network.forward_tail(x, recipe.frozen_stages))
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


@dataclass(slots=True, eq=False)
class FineTuner:
    """The fine-tuning of F + 1 networks on N photos."""

    recipe: PhotoRecipe
    seed: int  # of order, dropout and augmentation
    table: PhotoTable
    grouped_by: str  # what is in one fold only, such as "photographer"
    features: Float16Array  # (N, C, H, W), output of the frozen stages for the photos as they are
    augmented_features: Callable[[int, Callable[[int], None]], Float16Array]  # of those that an epoch augments
    tested: Sequence[Indices]  # the test photos of each of F folds
    states: Sequence[FineTuneState]  # each fold's network, then the final one, which is trained on all photos
    order_digest: str  # of the photos in their order, to which `train_indices` refer
    progress: float = 0.0  # of the whole training, 0 to 1

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        states = [
            {name: getattr(state, name).state_dict() for name in SAVED}
            | {"steps": state.steps, "train_indices": torch.as_tensor(state.train_indices)}
            for state in self.states
        ]
        return {"progress": self.progress, "states": states, "order_digest": self.order_digest}

    def load_state_dict(self, content: dict[str, Any]) -> None:
        """Restores a checkpoint.

        Raises:
            DataError: the networks were trained on other photos than they would be now.
        """
        self._require_same_folds(content)
        for state, values in zip(self.states, content["states"], strict=True):
            for name in SAVED:
                getattr(state, name).load_state_dict(values[name])
            state.steps = values["steps"]
        self.progress = float(content["progress"])

    def _require_same_folds(self, content: dict[str, Any]) -> None:
        """Checks that no network would be tested on photos that it was trained on before the interruption."""
        pairs = zip(self.states, content["states"], strict=False)  # another number of folds has other folds, too
        is_same = all(np.array_equal(state.train_indices, saved["train_indices"].numpy()) for state, saved in pairs)
        if content["order_digest"] != self.order_digest or not is_same:
            raise DataError(
                "the photos, their groups or their order have changed since the run was started, so photos would be in "
                "other folds. Restore the old table, or start a new run."
            )

    def run_epoch(self, epoch: int, end: float, on_progress: Progress) -> EpochRecord:
        """Trains every network on its photos once and evaluates the folds' networks on their test photos.

        ``epoch`` counts from 1; ``end`` is the progress of the whole training after it.
        """
        started = time.perf_counter()
        task, n = f"epoch {epoch}, photos", len(self.table)
        on_progress(task, 0, n)
        features = self.augmented_features(epoch, lambda done: on_progress(task, done, n))
        self._train_networks(features, epoch, end, on_progress)
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

    def _train_networks(self, features: Float16Array, epoch: int, end: float, on_progress: Progress) -> None:
        """One epoch of every network, one on each core with one thread."""
        n, labels, span = len(self.states), self.table.labels, (self.progress, end)
        threads, task = torch.get_num_threads(), f"epoch {epoch}, networks"
        on_progress(task, 0, n)

        def train(index: int) -> None:
            rng = np.random.default_rng([self.seed, epoch, index])
            train_epoch(self.states[index], features, labels, self.recipe, span, rng)

        torch.set_num_threads(1)
        try:
            parallel_map(train, range(n), lambda done: on_progress(task, done, n))
        finally:
            torch.set_num_threads(threads)

    def evaluate(self) -> Evaluation:
        """Metrics of the averaged weights over the test photos of all folds, at the best temperature for them.

        Label smoothing lowers the confidence of the networks by a different amount each epoch; with a fitted
        temperature the losses of epochs are comparable.
        """
        pairs = zip(self.states, self.tested, strict=False)  # the final network has no test photos
        logits = np.concatenate(
            [predict(state.ema, self.features, test, self.recipe.frozen_stages).logits for state, test in pairs]
        )
        labels = self.table.labels[np.concatenate(self.tested)]
        return evaluate_logits(logits / fit_temperature(logits, labels), labels, self.table.classes)


def fine_tune(run: Run, tuner: FineTuner, budget: TimeBudget, on_progress: Progress) -> list[EpochRecord]:
    """Trains until the recipe's end, its patience or the time limit, and saves a checkpoint after every epoch.

    Each state's ``best_ema`` is then that of the epoch with the lowest loss on the folds' test photos.

    Raises:
        DataError: the run has epochs, but with other folds: the photos, their groups or their order have changed.
        ModelError: the run has epochs, but its checkpoint is missing, damaged or of other networks.
    """
    recipe, states, records = tuner.recipe, tuner.states, checkpoint.resume(run, tuner)
    passes_per_epoch = sum(len(state.train_indices) for state in states) / len(tuner.table)
    while tuner.progress < 1 and not should_stop(records, recipe.patience):
        left = budget.remaining_epochs(recipe.epochs - len(records), records, passes_per_epoch, time.perf_counter())
        if left < 1:
            break
        epoch = len(records) + 1
        end = tuner.progress + (1 - tuner.progress) / left if left > 1 else 1.0
        records.append(tuner.run_epoch(epoch, end, on_progress))
        if best_epoch(records) == epoch:
            for state in states:
                state.best_ema.load_state_dict(state.ema.state_dict())
        checkpoint.save(run, tuner, records)
        run.append_result(records[-1])
        percent = 100 * (records[-1].validation_accuracy or 0)
        note = f"accuracy on unseen {tuner.grouped_by}s {percent:.1f} %"
        on_progress("train photo", epoch, epoch + left - 1, note)
    return records
