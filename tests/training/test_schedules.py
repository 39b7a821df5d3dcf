import pytest

from clothier.recipes import Optimizer
from clothier.training.schedules import linear_warmup_decay, lr_factor


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
