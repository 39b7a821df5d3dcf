"""Learning-rate schedules: functions of the training's progress, from 0 (start) to 1 (end)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clothier.recipes import Optimizer


def linear_warmup_decay(progress: float, warmup: float, start: float = 0.0) -> float:
    """Rises linearly from ``start`` to 1 over the first ``warmup`` of training, then falls linearly to exactly 0."""
    if progress < warmup:
        return start + (1 - start) * progress / warmup
    return max(0.0, (1 - progress) / (1 - warmup))


def lr_factor(optimizer: Optimizer, progress: float) -> float:
    """The factor on every initial learning rate at ``progress``, by the recipe's schedule."""
    return 1.0 if optimizer.schedule == "constant" else linear_warmup_decay(progress, optimizer.warmup)
