"""Learning-rate schedules, as functions of the training's progress from 0 to 1; early stopping and time limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clothier.recipes import Optimizer
    from clothier.types import EpochRecord

SAFETY_FACTOR = 1.15  # an epoch may take this much longer than the one before without exceeding the time limit
TRAIN_COST, FINALIZE_COST = 2.3, 4.0  # of training on all photos once, and of finalizing, in passes over all photos


def linear_warmup_decay(progress: float, warmup: float, start: float = 0.0) -> float:
    """Rises linearly from ``start`` to 1 over the first ``warmup`` of training, then falls linearly to exactly 0."""
    if progress < warmup:
        return start + (1 - start) * progress / warmup
    return max(0.0, (1 - progress) / (1 - warmup))


def lr_factor(optimizer: Optimizer, progress: float) -> float:
    """The factor on every initial learning rate."""
    return 1.0 if optimizer.schedule == "constant" else linear_warmup_decay(progress, optimizer.warmup)


def best_epoch(records: Sequence[EpochRecord]) -> int:
    """The epoch with the lowest validation loss, the first if several have it; 0 without epochs."""
    losses = [record.validation_loss or 0.0 for record in records]
    return losses.index(min(losses)) + 1 if losses else 0


def should_stop(records: Sequence[EpochRecord], patience: int) -> bool:
    """Whether ``patience`` epochs have passed since the best one."""
    return len(records) - best_epoch(records) >= patience


@dataclass(frozen=True, slots=True)
class TimeBudget:
    """The time limit of a training.

    Attributes:
        started: start of the work, by ``time.perf_counter``.
        limit: seconds for everything; None for no limit.
        pass_seconds: measured seconds of one pass of all photos through the frozen network.
    """

    started: float
    limit: float | None
    pass_seconds: float

    def remaining_epochs(
        self, max_epochs: int, records: Sequence[EpochRecord], passes_per_epoch: float, now: float
    ) -> int:
        """The number of epochs that fit into the time limit, at most ``max_epochs``; time to finalize is reserved.

        Before the first epoch, its duration is estimated from ``passes_per_epoch``: the training photos of all
        networks in an epoch, divided by the number of photos.
        """
        if self.limit is None:
            return max_epochs
        epoch = records[-1].seconds if records else self.pass_seconds * (1 + TRAIN_COST * passes_per_epoch)
        left = self.limit - (now - self.started) - FINALIZE_COST * self.pass_seconds
        return max(0, min(max_epochs, int(left / (SAFETY_FACTOR * epoch))))
