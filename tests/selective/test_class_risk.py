"""Which classes keep the risk guarantee alone; in simulated catalogs hardly any is named that does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from clothier.errors import DataError
from clothier.selective.class_risk import guaranteed_classes
from clothier.selective.risk_control import ROUNDING, find_threshold
from clothier.selective.thresholds import classes_alone

if TYPE_CHECKING:
    import numpy.typing as npt

    Catalog = tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.bool_], npt.NDArray[np.int64]]

RISK, CONFIDENCE = 0.05, 0.95
N_SIMULATIONS = 80
# of a wrong tag of each class, relative to those of the confidence; the last three classes exceed the risk
LOG_ODDS = np.array([-3.0, -2.0, -1.0, 0.8, 1.0, 2.0])


def draw_catalog(n_groups: int, std: float, generator: np.random.Generator) -> Catalog:
    """Confidences, predicted classes, which tags are right, and their groups, of uneven sizes."""
    groups = np.repeat(np.arange(n_groups), generator.choice([1, 2, 3, 8, 25, 60], n_groups))
    predictions = generator.integers(len(LOG_ODDS), size=len(groups))
    confidence = generator.beta(2.2, 0.45, len(groups)).clip(1e-9, 1 - 1e-9)
    difficulty = generator.normal(0, std, n_groups)[groups] + LOG_ODDS[predictions]
    odds = (1 - confidence) / confidence * np.exp(difficulty)
    return confidence, predictions, generator.random(len(groups)) >= odds / (1 + odds), groups


@pytest.mark.parametrize("std", [0.5, 1.0])
def test_all_named_classes_keep_the_risk_at_once(std: float) -> None:
    generator = np.random.default_rng(0)
    confidence, predictions, correct, _ = draw_catalog(30_000, std, generator)
    n_kept, n_named = 0, 0
    for _ in range(N_SIMULATIONS):
        scores, classes, right, groups = draw_catalog(400, std, generator)
        threshold = find_threshold(scores, right, groups, risk=RISK)
        named = guaranteed_classes(threshold, scores, classes, right, groups, risk=RISK, confidence_level=CONFIDENCE)
        risks = [1 - correct[(predictions == label) & (confidence >= threshold)].mean() for label in named]
        n_kept += all(risk <= RISK for risk in risks)
        n_named += len(named)
    assert n_kept >= CONFIDENCE * N_SIMULATIONS
    assert n_named >= 2 * N_SIMULATIONS  # it does not hold by naming none


def test_a_class_needs_enough_photos_few_errors_and_several_groups() -> None:
    predictions = np.repeat([0, 1, 2, 3], [300, 300, 20, 300])
    correct = np.ones(len(predictions), bool)
    correct[300:330] = False  # of class 1, as confident as all others
    groups = np.where(predictions == 3, -1, np.arange(len(predictions)))  # class 3 comes from one photographer
    confidence = np.full(len(predictions), 0.99)
    named = guaranteed_classes(
        0.99 - ROUNDING, confidence, predictions, correct, groups, risk=0.05, confidence_level=0.95
    )
    assert named == {0}


def test_a_class_that_is_wrong_below_the_strict_thresholds_is_not_named() -> None:
    predictions = np.repeat([0, 1], 400)
    confidence = np.tile(np.linspace(0.6, 0.999, 400), 2)
    correct = (predictions == 0) | (confidence > 0.8)
    common = {"risk": 0.05, "confidence_level": 0.95}
    strict, lenient = (float(np.quantile(confidence, level, method="higher")) - ROUNDING for level in (0.5, 0.0))
    arguments = confidence, predictions, correct, np.arange(800)
    assert guaranteed_classes(strict, *arguments, **common) == {0, 1}
    assert guaranteed_classes(lenient, *arguments, **common) == {0}


def test_nothing_is_named_where_nothing_is_accepted() -> None:
    correct, labels = np.ones(400, bool), np.zeros(400, int)
    common = {"risk": 0.05, "confidence_level": 0.95}
    assert not guaranteed_classes(None, np.ones(400), labels, correct, np.arange(400), **common)
    with pytest.raises(DataError, match="got 0 predictions"):
        guaranteed_classes(None, [], labels[:0], [], [], **common)


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ([], ""),
        (["Pants"], "The guarantee also holds for Pants alone."),
        (["Hat", "Pants"], "The guarantee also holds for Hat alone and for Pants alone."),
        (["Hat", "Pants", "Skirt"], "The guarantee also holds for Hat alone, for Pants alone and for Skirt alone."),
    ],
)
def test_sentence(names: list[str], sentence: str) -> None:
    others = [{"name": "Dress", "guaranteed": False}]
    assert classes_alone({"per_class": others + [{"name": name, "guaranteed": True} for name in names]}) == sentence
