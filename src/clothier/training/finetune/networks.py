"""Fine-tuning of the backbone's later blocks: several networks at once, on the same varied photos.

What the frozen blocks make of a photo is the same for every fold, so each epoch varies all photos once, sends them
through the frozen blocks once, and then trains each fold's network, and the final one, for an epoch on what came out.

Legend: N photos, C channels, H, W, K classes, D embedding.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from clothier.system import available_cores
from clothier.training.finetune.efficientnet_lite import pretrained
from clothier.training.optimizers import ADAMW_BETAS
from clothier.training.schedules import linear_warmup_decay
from clothier.types import ModelOutput

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from clothier.recipes.photo import PhotoRecipe
    from clothier.training.finetune.efficientnet_lite import EfficientNetLite0
    from clothier.training.finetune.features import Float16Array
    from clothier.training.finetune.linear_probe import LinearProbe
    from clothier.types import Labels

    Indices = npt.NDArray[np.intp]

WARMUP_START = 0.1  # of the initial learning rate
EVAL_BATCH = 64  # photos a pass without gradients


@dataclass(slots=True, eq=False)
class FineTuneState:
    """One network and the photos that it learns from.

    Attributes:
        network: what is trained.
        ema: the running mean of its weights along the way.
        best_ema: what will answer: ``ema`` as it was when :meth:`remember` was last called; before, as it began.
        train_indices: (M,) places of its photos.
        optimizer: how its later blocks and its head move.
        steps: done so far.
        loss: mean over the latest epoch's batches, nats, label smoothing included.
        accuracy: share of right answers on the latest epoch's batches, before each step.
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
        """Lets the running mean of now be what will answer."""
        self.best_ema.load_state_dict(self.ema.state_dict())

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "network": self.network.state_dict(),
            "ema": self.ema.state_dict(),
            "best": self.best_ema.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "steps": self.steps,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes up a checkpoint."""
        self.network.load_state_dict(state["network"])
        self.ema.load_state_dict(state["ema"])
        self.best_ema.load_state_dict(state["best"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.steps = state["steps"]


def init_fine_tune_state(probe: LinearProbe, train_indices: Indices, recipe: PhotoRecipe) -> FineTuneState:
    """A network with ImageNet's weights and the probe for its head: it begins where a frozen backbone ends.

    A head that starts at random would first spoil what the backbone knows (arXiv 2202.10054).
    """
    network, kept, best = (_build_network(probe, recipe) for _ in range(3))
    return FineTuneState(network, kept, best, train_indices, _optimizer(network, recipe))


def _build_network(probe: LinearProbe, recipe: PhotoRecipe) -> EfficientNetLite0:
    network = pretrained(len(probe.bias))
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # documented, not in the stubs
    network.dropout = recipe.dropout
    with torch.no_grad():
        network.head.weight.copy_(torch.as_tensor(probe.weight))
        network.head.bias.copy_(torch.as_tensor(probe.bias))
    network.requires_grad_(False)
    for part in _trainable_modules(network, recipe):
        part.requires_grad_(True)
    return network


def _trainable_modules(network: EfficientNetLite0, recipe: PhotoRecipe) -> list[nn.Module]:
    return [*network.blocks[recipe.frozen_blocks :], network.conv_head, network.head]


def _optimizer(network: EfficientNetLite0, recipe: PhotoRecipe) -> torch.optim.Optimizer:
    """AdamW; the head has its own rate, biases and norms are not decayed. Groups remember their peak rate."""
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
    """Trains every network for one epoch, as many at a time as there are cores; yields how many are done.

    Args:
        states: the networks.
        features: (N, C, H, W) float16, what the frozen blocks make of the varied photos.
        labels: (N,) int64.
        recipe: the numbers.
        progress_range: progress of the whole training, 0 to 1, at the epoch's begin and end.
        seed: of the run, and the epoch's number.
    """
    with single_threaded(), ThreadPoolExecutor(available_cores()) as pool:
        work = [
            pool.submit(
                _train_one_network,
                learner,
                features,
                labels,
                recipe,
                progress_range,
                np.random.default_rng([*seed, place]),
            )
            for place, learner in enumerate(states)
        ]
        try:
            for done, one in enumerate(work, 1):
                one.result()
                yield done
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _train_one_network(
    state: FineTuneState,
    features: Float16Array,
    labels: Labels,
    recipe: PhotoRecipe,
    progress_range: tuple[float, float],
    rng: np.random.Generator,
) -> None:
    order, size = rng.permutation(state.train_indices), recipe.batch_size
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    totals = np.zeros(2)
    for place, rows in enumerate(batches):
        progress = progress_range[0] + (progress_range[1] - progress_range[0]) * place / len(batches)
        for group in state.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * linear_warmup_decay(progress, recipe.warmup, WARMUP_START)
        totals += _step(state, gather_batch(features, rows), torch.as_tensor(labels[rows]), recipe, rng)
    state.loss, state.accuracy = (totals / len(order)).tolist()


def _step(
    state: FineTuneState, x: torch.Tensor, labels: torch.Tensor, recipe: PhotoRecipe, rng: np.random.Generator
) -> tuple[float, float]:
    """One batch: forward, backward, move, and a step of the running mean. BatchNorm keeps ImageNet's statistics.

    Returns:
        The loss summed over the batch, and the number of right answers.
    """
    network = state.network
    embedding = network.embed(network.forward_tail(x, recipe.frozen_blocks))
    kept = rng.random(embedding.shape, np.float32) >= recipe.dropout
    logits = network.head(embedding * torch.as_tensor(kept) / (1 - recipe.dropout))
    loss = F.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)
    state.optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    state.optimizer.step()
    state.steps += 1
    _update_ema(state, recipe.ema_decay)
    return len(labels) * float(loss.detach()), float((logits.argmax(1) == labels).sum())


@torch.no_grad()
def _update_ema(state: FineTuneState, decay: float) -> None:
    """Moves the kept weights towards the present ones; quicker at the start, where there is little to remember."""
    share = 1 - min(decay, state.steps / (state.steps + 10))
    pairs = zip(state.ema.parameters(), state.network.parameters(), strict=True)
    moving = [(kept, now) for kept, now in pairs if now.requires_grad]
    torch._foreach_lerp_([kept for kept, _ in moving], [now for _, now in moving], share)


def predict(network: EfficientNetLite0, features: Float16Array, indices: Indices, frozen_blocks: int) -> ModelOutput:
    """What a network says of the photos at ``indices``, from what the frozen blocks made of them."""
    network.eval()
    logits, embeddings = [], []
    with torch.no_grad():
        for start in range(0, len(indices), EVAL_BATCH):
            embedding = network.embed(
                network.forward_tail(gather_batch(features, indices[start : start + EVAL_BATCH]), frozen_blocks)
            )
            embeddings.append(embedding)
            logits.append(network.head(embedding))
    return ModelOutput(torch.cat(logits).numpy(), torch.cat(embeddings).numpy())


def gather_batch(features: Float16Array, indices: Indices) -> torch.Tensor:
    """The rows as (n, C, H, W) float32, channels last in memory."""
    return torch.as_tensor(features[indices]).float().contiguous(memory_format=torch.channels_last)


class single_threaded:  # noqa: N801 - reads as what it does
    """Within it, PyTorch works with one thread an operation: the networks are shared out among the cores."""

    def __enter__(self) -> None:
        self._previous_threads = torch.get_num_threads()
        torch.set_num_threads(1)

    def __exit__(self, *_: object) -> None:
        torch.set_num_threads(self._previous_threads)
