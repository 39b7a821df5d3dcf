import pytest

from clothier.recipes import Optimizer
from clothier.training.schedules import TimeBudget, best_epoch, linear_warmup_decay, lr_factor, should_stop
from clothier.types import EpochRecord


@pytest.mark.parametrize("progress", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_a_constant_schedule_is_1_throughout(progress: float) -> None:
    assert lr_factor(Optimizer(schedule="constant"), progress) == 1.0


@pytest.mark.parametrize(
    ("progress", "without_warmup", "with_fifth"),
    [(0.0, 1.0, 0.0), (0.1, 0.9, 0.5), (0.2, 0.8, 1.0), (0.6, 0.4, 0.5), (1.0, 0.0, 0.0)],
)
def test_linear_warmup_decay(progress: float, without_warmup: float, with_fifth: float) -> None:
    assert linear_warmup_decay(progress, 0.0) == pytest.approx(without_warmup)
    assert linear_warmup_decay(progress, 0.2) == pytest.approx(with_fifth)
    assert lr_factor(Optimizer(schedule="linear", warmup=0.2), progress) == linear_warmup_decay(progress, 0.2)


@pytest.mark.parametrize(("progress", "factor"), [(0, 0.1), (0.05, 0.55), (0.1, 1.0), (0.55, 0.5), (1.0, 0.0)])
def test_warmup_may_start_above_zero(progress: float, factor: float) -> None:
    assert linear_warmup_decay(progress, 0.1, start=0.1) == pytest.approx(factor)


def test_linear_warmup_decay_ends_at_exactly_zero_and_stays_there() -> None:
    assert linear_warmup_decay(1.0, 0.1) == 0.0
    assert linear_warmup_decay(1.5, 0.1) == 0.0


def test_time_limit_reduces_epochs() -> None:
    record = EpochRecord(1, 1.0, 0.5, 1.0, 0.5, 1e-3, seconds=20.0)
    budget = TimeBudget(started=5.0, limit=100.0, pass_seconds=2.0)
    assert budget.remaining_epochs(4, [record], passes_per_epoch=5.0, now=15.0) == 3  # 82 s left, 23 s an epoch
    assert budget.remaining_epochs(4, [record], passes_per_epoch=5.0, now=85.0) == 0
    assert budget.remaining_epochs(4, [], passes_per_epoch=5.0, now=15.0) == 2  # 25 s estimated for the first epoch
    assert TimeBudget(5.0, None, 2.0).remaining_epochs(4, [record], 5.0, 85.0) == 4


@pytest.mark.parametrize(
    ("losses", "best", "stop"),
    [([], 0, False), ([0.9], 1, False), ([0.9, 0.8, 0.85], 2, False), ([0.9, 0.8, 0.85, 0.8], 2, True)],
)
def test_early_stopping_after_patience(losses: list[float], best: int, stop: bool) -> None:
    records = [EpochRecord(epoch, 1.0, 0.5, loss, 0.5, 1e-3, 1.0) for epoch, loss in enumerate(losses, 1)]
    assert best_epoch(records) == best
    assert should_stop(records, patience=2) == stop
