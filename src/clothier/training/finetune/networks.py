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

from clothier.system import usable_cores
from clothier.training.finetune.efficientnet_lite import pretrained
from clothier.training.optimizers import ADAMW_BETAS
from clothier.types import Outputs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from clothier.recipes.photo import PhotoRecipe
    from clothier.training.finetune.efficientnet_lite import EfficientNetLite0
    from clothier.training.finetune.features import Halves
    from clothier.training.finetune.linear_probe import Probe
    from clothier.types import Labels

    Rows = npt.NDArray[np.intp]

LOOK = 64  # photos a pass without gradients


@dataclass(slots=True, eq=False)
class Learner:
    """One network and the photos that it learns from.

    Attributes:
        network: what is trained.
        kept: the running mean of its weights along the way.
        best: what will answer: ``kept`` as it was when :meth:`remember` was last called; before, as it began.
        rows: (M,) places of its photos.
        optimizer: how its later blocks and its head move.
        steps: done so far.
        loss: mean over the latest epoch's batches, nats, label smoothing included.
        right: share of right answers on the latest epoch's batches, before each step.
    """

    network: EfficientNetLite0
    kept: EfficientNetLite0
    best: EfficientNetLite0
    rows: Rows
    optimizer: torch.optim.Optimizer
    steps: int = 0
    loss: float = 0.0
    right: float = 0.0

    def remember(self) -> None:
        """Lets the running mean of now be what will answer."""
        self.best.load_state_dict(self.kept.state_dict())

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "network": self.network.state_dict(),
            "kept": self.kept.state_dict(),
            "best": self.best.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "steps": self.steps,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes up a checkpoint."""
        self.network.load_state_dict(state["network"])
        self.kept.load_state_dict(state["kept"])
        self.best.load_state_dict(state["best"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.steps = state["steps"]


def begin_learner(probe: Probe, rows: Rows, recipe: PhotoRecipe) -> Learner:
    """A network with ImageNet's weights and the probe for its head: it begins where a frozen backbone ends.

    A head that starts at random would first spoil what the backbone knows (arXiv 2202.10054).
    """
    network, kept, best = (_with_head(probe, recipe) for _ in range(3))
    return Learner(network, kept, best, rows, _optimizer(network, recipe))


def _with_head(probe: Probe, recipe: PhotoRecipe) -> EfficientNetLite0:
    network = pretrained(len(probe.bias))
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # documented, not in the stubs
    network.dropout = recipe.dropout
    with torch.no_grad():
        network.head.weight.copy_(torch.as_tensor(probe.weight))
        network.head.bias.copy_(torch.as_tensor(probe.bias))
    network.requires_grad_(False)
    for part in _trained(network, recipe):
        part.requires_grad_(True)
    return network


def _trained(network: EfficientNetLite0, recipe: PhotoRecipe) -> list[nn.Module]:
    return [*network.blocks[recipe.frozen :], network.last, network.head]


def _optimizer(network: EfficientNetLite0, recipe: PhotoRecipe) -> torch.optim.Optimizer:
    """AdamW; the head has its own rate, biases and norms are not decayed. Groups remember their peak rate."""
    body = [weight for part in _trained(network, recipe)[:-1] for weight in part.parameters()]
    groups = [
        {"params": [weight for weight in body if weight.ndim > 1], "lr": recipe.learning_rate},
        {"params": [weight for weight in body if weight.ndim < 2], "lr": recipe.learning_rate, "weight_decay": 0.0},
        {"params": list(network.head.parameters()), "lr": recipe.head_learning_rate},
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay, betas=ADAMW_BETAS)
    for group in optimizer.param_groups:
        group["peak"] = group["lr"]
    return optimizer


def train_epoch(
    learners: Sequence[Learner],
    early: Halves,
    labels: Labels,
    recipe: PhotoRecipe,
    *,
    span: tuple[float, float],
    seed: tuple[int, int],
) -> Iterator[int]:
    """Trains every network for one epoch, as many at a time as there are cores; yields how many are done.

    Args:
        learners: the networks.
        early: (N, C, H, W) float16, what the frozen blocks make of the varied photos.
        labels: (N,) int64.
        recipe: the numbers.
        span: progress of the whole training, 0 to 1, at the epoch's begin and end.
        seed: of the run, and the epoch's number.
    """
    with one_thread_each(), ThreadPoolExecutor(usable_cores()) as pool:
        work = [
            pool.submit(_one_epoch, learner, early, labels, recipe, span, np.random.default_rng([*seed, place]))
            for place, learner in enumerate(learners)
        ]
        try:
            for done, one in enumerate(work, 1):
                one.result()
                yield done
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _one_epoch(
    learner: Learner,
    early: Halves,
    labels: Labels,
    recipe: PhotoRecipe,
    span: tuple[float, float],
    chance: np.random.Generator,
) -> None:
    order, size = chance.permutation(learner.rows), recipe.batch_size
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    totals = np.zeros(2)
    for place, rows in enumerate(batches):
        progress = span[0] + (span[1] - span[0]) * place / len(batches)
        for group in learner.optimizer.param_groups:
            group["lr"] = group["peak"] * rate(progress, recipe.warmup)
        totals += _step(learner, opened(early, rows), torch.as_tensor(labels[rows]), recipe, chance)
    learner.loss, learner.right = (totals / len(order)).tolist()


def _step(
    learner: Learner, x: torch.Tensor, labels: torch.Tensor, recipe: PhotoRecipe, chance: np.random.Generator
) -> tuple[float, float]:
    """One batch: forward, backward, move, and a step of the running mean. BatchNorm keeps ImageNet's statistics.

    Returns:
        The loss summed over the batch, and the number of right answers.
    """
    network = learner.network
    embedding = network.embed(network.late(x, recipe.frozen))
    kept = chance.random(embedding.shape, np.float32) >= recipe.dropout
    logits = network.head(embedding * torch.as_tensor(kept) / (1 - recipe.dropout))
    loss = F.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)
    learner.optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    learner.optimizer.step()
    learner.steps += 1
    _average(learner, recipe.averaging)
    return len(labels) * float(loss.detach()), float((logits.argmax(1) == labels).sum())


@torch.no_grad()
def _average(learner: Learner, decay: float) -> None:
    """Moves the kept weights towards the present ones; quicker at the start, where there is little to remember."""
    share = 1 - min(decay, learner.steps / (learner.steps + 10))
    pairs = zip(learner.kept.parameters(), learner.network.parameters(), strict=True)
    moving = [(kept, now) for kept, now in pairs if now.requires_grad]
    torch._foreach_lerp_([kept for kept, _ in moving], [now for _, now in moving], share)


def rate(progress: float, warmup: float) -> float:
    """Share of the peak rate: up over ``warmup`` from a tenth, then down to 0 in a straight line."""
    if progress < warmup:
        return 0.1 + 0.9 * progress / warmup
    return (1 - progress) / (1 - warmup)


def answers(network: EfficientNetLite0, early: Halves, rows: Rows, frozen: int) -> Outputs:
    """What a network says of the photos at ``rows``, from what the frozen blocks made of them."""
    network.eval()
    logits, embeddings = [], []
    with torch.no_grad():
        for start in range(0, len(rows), LOOK):
            embedding = network.embed(network.late(opened(early, rows[start : start + LOOK]), frozen))
            embeddings.append(embedding)
            logits.append(network.head(embedding))
    return Outputs(torch.cat(logits).numpy(), torch.cat(embeddings).numpy())


def opened(early: Halves, rows: Rows) -> torch.Tensor:
    """The rows as (n, C, H, W) float32, channels last in memory."""
    return torch.as_tensor(early[rows]).float().contiguous(memory_format=torch.channels_last)


class one_thread_each:  # noqa: N801 - reads as what it does
    """Within it, PyTorch works with one thread an operation: the networks are shared out among the cores."""

    def __enter__(self) -> None:
        self._before = torch.get_num_threads()
        torch.set_num_threads(1)

    def __exit__(self, *_: object) -> None:
        torch.set_num_threads(self._before)
