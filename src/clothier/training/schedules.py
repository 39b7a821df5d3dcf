"""Learning-rate schedules: functions of how far training has come, from 0 (begin) to 1 (end)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clothier.recipes import Optimizer


def constant(progress: float) -> float:
    """1 throughout."""
    del progress
    return 1.0


def linear_warmup_decay(progress: float, warmup: float) -> float:
    """Linearly up from 0 to 1 over the first ``warmup`` of training, then linearly down to exactly 0 at its end."""
    if progress < warmup:
        return progress / warmup
    return max(0.0, (1 - progress) / (1 - warmup))


def lr_factor(optimizer: Optimizer, progress: float) -> float:
    """The factor on every peak learning rate at ``progress``, by the recipe's schedule."""
    if optimizer.schedule == "constant":
        return constant(progress)
    return linear_warmup_decay(progress, optimizer.warmup)
