"""The risk guarantee holds in simulated catalogs; the bounds match published values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.stats import beta

from clothier.errors import DataError
from clothier.selective import risk_control
from clothier.selective.provable_risk import control_risk
from clothier.selective.risk_control import (
    METHOD,
    ROUNDING,
    coverage_thresholds,
    find_threshold,
    intraclass_correlation,
    risk_upper_bound,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    Doubles = npt.NDArray[np.float64]
    Draw = tuple[Doubles, npt.NDArray[np.bool_], npt.NDArray[np.int64]]

RISK, CONFIDENCE = 0.05, 0.95
N_SIMULATIONS = 150
# Photos per photographer, as in the development data: 307 people, median 3, and a few with hundreds.
SIZES = np.repeat(
    [1, 2, 3, 5, 8, 14, 25, 40, 62, 84, 110, 155, 261, 263, 408],
    [92, 50, 40, 40, 30, 20, 13, 9, 4, 3, 2, 1, 1, 1, 1],
)


@dataclass(frozen=True)
class Population:
    """An infinite number of photographers, whose photos are more or less difficult for the model.

    Attributes:
        sizes: possible numbers of photos of a photographer.
        std: standard deviation of a photographer's log odds of a wrong tag, relative to those of the confidence.
        shift: their mean; below 0, the model is underconfident.
    """

    sizes: npt.NDArray[np.int64]
    std: float
    shift: float = 0.0

    def draw(self, photographers: int, generator: np.random.Generator) -> Draw:
        """Confidences, whether each tag is wrong, and the photographer."""
        sizes = generator.choice(self.sizes, photographers)
        groups = np.repeat(np.arange(photographers), sizes)
        confidence = generator.beta(2.2, 0.45, len(groups)).clip(1e-9, 1 - 1e-9)
        difficulty = generator.normal(self.shift, self.std, photographers)[groups]
        odds = (1 - confidence) / confidence * np.exp(difficulty)
        return confidence, generator.random(len(groups)) < odds / (1 + odds), groups


@pytest.mark.parametrize(
    ("population", "photographers", "useful"),
    [
        pytest.param(Population(SIZES, 0.5), len(SIZES), 0.5, id="uneven"),
        pytest.param(Population(SIZES, 1.0), len(SIZES), 0.35, id="uneven and different"),
        pytest.param(Population(np.array([1]), 0.5, -1.0), 300, 0.5, id="300 photos of 300 people"),
    ],
)
def test_guarantee_holds_for_unseen_photographers(population: Population, photographers: int, useful: float) -> None:
    generator = np.random.default_rng(0)
    confidence, wrong, _ = population.draw(60_000, generator)
    order = np.argsort(-confidence)
    risks = np.cumsum(wrong[order]) / np.arange(1, len(order) + 1)
    n_held, coverage = 0, 0.0
    for _ in range(N_SIMULATIONS):
        calibration, errors, groups = population.draw(photographers, generator)
        threshold = find_threshold(calibration, ~errors, groups)
        n_accepted = 0 if threshold is None else int((confidence >= threshold).sum())
        n_held += not n_accepted or risks[n_accepted - 1] <= RISK
        coverage += n_accepted / len(confidence) / N_SIMULATIONS
    monte_carlo = math.sqrt(CONFIDENCE * (1 - CONFIDENCE) / N_SIMULATIONS)
    assert n_held / N_SIMULATIONS >= CONFIDENCE - 2 * monte_carlo
    assert coverage >= useful, "a guarantee that accepts nothing holds, but is useless"


def test_assuming_independent_photos_is_too_optimistic() -> None:
    """Why groups matter: Clopper-Pearson over photos, on the same data."""
    population, generator, n_broken = Population(SIZES, 1.0), np.random.default_rng(0), [0, 0]
    confidence, wrong, _ = population.draw(60_000, generator)
    true = float(wrong[confidence >= 0.8].mean())
    for _ in range(N_SIMULATIONS):
        calibration, errors, groups = population.draw(len(SIZES), generator)
        accepted = errors[calibration >= 0.8], groups[calibration >= 0.8]
        correlation = intraclass_correlation(errors, groups)
        n_broken[0] += beta.ppf(CONFIDENCE, accepted[0].sum() + 1, (~accepted[0]).sum()) < true
        n_broken[1] += risk_upper_bound(*accepted, CONFIDENCE, correlation) < true
    assert n_broken[0] / N_SIMULATIONS > 0.15
    assert n_broken[1] / N_SIMULATIONS < 0.09


@pytest.mark.parametrize(("wrong", "n"), [(0, 59), (3, 120), (20, 300)])
def test_for_independent_photos_the_bound_is_that_of_clopper_and_pearson(wrong: int, n: int) -> None:
    flags = np.arange(n) < wrong
    rate = wrong / n
    effect = max(n / (n - 1), 1.0) if wrong else 1.0  # the linearised variance divides by G - 1
    expected = beta.ppf(0.95, rate * n / effect + 1, (1 - rate) * n / effect)
    assert risk_upper_bound(flags, np.arange(n)) == pytest.approx(expected, rel=1e-6)
    assert risk_upper_bound(flags, np.arange(n)) == pytest.approx(beta.ppf(0.95, wrong + 1, n - wrong), rel=0.01)


def test_59_correct_tags_are_the_fewest_that_prove_5_percent() -> None:
    bounds = [risk_upper_bound(np.zeros(n, bool), np.arange(n)) for n in (58, 59)]
    assert bounds[0] > 0.05 >= bounds[1]
    assert bounds[1] == pytest.approx(1 - 0.05 ** (1 / 59))


def test_correlated_photos_widen_the_bound() -> None:
    groups = np.repeat(np.arange(20), 10)
    clustered = np.repeat(np.arange(20) == 0, 10)
    scattered = np.tile(np.arange(10) == 0, 20) & (np.arange(200) < 100)
    assert clustered.sum() == scattered.sum() == 10
    assert risk_upper_bound(clustered, groups) > 1.5 * risk_upper_bound(scattered, groups)
    assert intraclass_correlation(clustered, groups) > 0.9
    assert intraclass_correlation(scattered, groups) == 0
    none = np.zeros(200, bool)
    assert risk_upper_bound(none, groups, correlation=0.5) > 3 * risk_upper_bound(none, groups)
    assert intraclass_correlation(none, groups) == intraclass_correlation(~none, groups) == 0


def test_a_single_group_gives_no_bound() -> None:
    assert risk_upper_bound(np.zeros(500, bool), np.zeros(500, np.int64)) == 1
    assert risk_upper_bound(np.ones(50, bool), np.arange(50)) == 1
    assert find_threshold(np.full(500, 0.99), np.ones(500, bool), np.zeros(500, np.int64)) is None


def test_a_model_accepts_what_its_calibration_accepted() -> None:
    """It computes in single precision, and the threshold is at the probability of one of the photos."""
    scores = np.random.default_rng(0).beta(2, 0.5, 1000)
    for threshold in coverage_thresholds(scores):
        assert (scores.astype(np.float32) >= threshold).sum() == (scores >= threshold).sum()


def test_predictions_with_minus_infinity_are_never_accepted() -> None:
    n = 400
    confidence = np.where(np.arange(n) % 2 == 0, 0.99, -np.inf)
    correct = confidence > 0
    threshold, guarantee = control_risk(
        confidence,
        np.zeros(n, np.int64),
        correct,
        np.arange(n),
        ["hat"],
        risk=0.05,
        confidence_level=0.95,
        grouped_by="photo",
    )
    assert threshold == 0.99 - ROUNDING
    assert (guarantee.n_accepted, guarantee.coverage, guarantee.empirical_risk, guarantee.n_groups) == (200, 0.5, 0, n)
    assert guarantee.method == METHOD
    assert find_threshold(np.full(n, -np.inf), correct, np.arange(n)) is None


def test_accepted_tags_and_errors_by_class() -> None:
    predictions = np.repeat([0, 1, 2, 3], [58, 59, 200, 10])
    correct = np.ones(len(predictions), bool)
    correct[-50:] = False
    confidence = np.where(correct, 0.99, 0.6)
    confidence[-22:-10] = 0.99  # twelve confident errors
    _, guarantee = control_risk(
        confidence,
        predictions,
        correct,
        np.arange(len(predictions)),
        ["hat", "boot", "skirt", "shirt"],
        risk=0.08,
        confidence_level=0.95,
        grouped_by="photographer",
    )
    assert [(one.name, one.n_accepted, one.n_errors) for one in guarantee.per_class] == [
        ("hat", 58, 0),
        ("boot", 59, 0),
        ("skirt", 172, 12),
    ]


def test_the_tested_thresholds_do_not_depend_on_the_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the errors follow the groups or not, the test starts at the same threshold."""
    tested: list[Doubles] = []
    original = risk_control.fixed_sequence

    def record(*arguments: Any) -> Doubles:
        tested.append(original(*arguments))
        return tested[-1]

    monkeypatch.setattr(risk_control, "fixed_sequence", record)
    confidence, groups = np.random.default_rng(0).beta(2.2, 0.45, 600), np.arange(600) // 20
    for wrong in (np.zeros(600, bool), np.arange(600) % 4 == 0, np.arange(600) < 200):
        find_threshold(confidence, ~wrong, groups)
    assert len({sequence[0] for sequence in tested}) == 1


def test_a_model_that_is_always_wrong_may_accept_nothing() -> None:
    generator = np.random.default_rng(0)
    confidence = generator.random(500)
    threshold, guarantee = control_risk(
        confidence,
        np.zeros(500, np.int64),
        np.zeros(500, bool),
        np.arange(500) // 5,
        ["hat"],
        risk=0.05,
        confidence_level=0.95,
        grouped_by="photographer",
    )
    assert threshold is None
    assert (guarantee.empirical_risk, guarantee.coverage, guarantee.per_class) == (None, 0, ())


def test_mismatched_lengths() -> None:
    with pytest.raises(DataError, match="got 2 predictions, 2 labels and 1 groups"):
        find_threshold([0.5, 0.6], [True, True], [0])
    with pytest.raises(DataError, match="got none"):
        risk_upper_bound([], [])
