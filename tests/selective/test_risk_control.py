"""The promise: kept in simulated catalogues, at the bound's published values, and never bolder than it may be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.stats import beta

from clothier.errors import DataError
from clothier.selective.risk_control import (
    METHOD,
    MIN_ACCEPTED,
    control_risk,
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
# Photos by photographer in the development data, in steps: 307 people, median 3, and a few who sent hundreds.
SIZES = np.repeat(
    [1, 2, 3, 5, 8, 14, 25, 40, 62, 84, 110, 155, 261, 263, 408],
    [92, 50, 40, 40, 30, 20, 13, 9, 4, 3, 2, 1, 1, 1, 1],
)


@dataclass(frozen=True)
class Population:
    """Photographers without end, whose photos are more or less hard for the model.

    Attributes:
        sizes: photos that a photographer may send.
        std: standard deviation of a photographer's log odds of a wrong tag, around what confidence says.
        shift: their mean; below 0 the model is better than it says.
    """

    sizes: npt.NDArray[np.int64]
    std: float
    shift: float = 0.0

    def draw(self, photographers: int, generator: np.random.Generator) -> Draw:
        """Confidences, whether each tag is wrong, and who took the photo."""
        sizes = generator.choice(self.sizes, photographers)
        groups = np.repeat(np.arange(photographers), sizes)
        confidence = generator.beta(2.2, 0.45, len(groups)).clip(1e-9, 1 - 1e-9)
        harder = generator.normal(self.shift, self.std, photographers)[groups]
        odds = (1 - confidence) / confidence * np.exp(harder)
        return confidence, generator.random(len(groups)) < odds / (1 + odds), groups


@pytest.mark.parametrize(
    ("population", "photographers", "useful"),
    [
        pytest.param(Population(SIZES, 0.5), len(SIZES), 0.5, id="uneven"),
        pytest.param(Population(SIZES, 1.0), len(SIZES), 0.35, id="uneven and unlike each other"),
        pytest.param(Population(np.array([1]), 0.5, -1.0), 300, 0.5, id="300 photos of 300 people"),
    ],
)
def test_guarantee_holds_for_unseen_photographers(population: Population, photographers: int, useful: float) -> None:
    generator = np.random.default_rng(0)
    confidence, wrong, _ = population.draw(60_000, generator)
    order = np.argsort(-confidence)
    risks = np.cumsum(wrong[order]) / np.arange(1, len(order) + 1)
    kept, coverage = 0, 0.0
    for _ in range(N_SIMULATIONS):
        seen, missed, groups = population.draw(photographers, generator)
        threshold = find_threshold(seen, ~missed, groups)
        taken = 0 if threshold is None else int((confidence >= threshold).sum())
        kept += not taken or risks[taken - 1] <= RISK
        coverage += taken / len(confidence) / N_SIMULATIONS
    monte_carlo = math.sqrt(CONFIDENCE * (1 - CONFIDENCE) / N_SIMULATIONS)
    assert kept / N_SIMULATIONS >= CONFIDENCE - 2 * monte_carlo
    assert coverage >= useful, "a promise that accepts nothing is kept, and of no use"


def test_assuming_independent_photos_is_too_optimistic() -> None:
    """Why groups count: Clopper-Pearson over photos, and the same data."""
    population, generator, broken = Population(SIZES, 1.0), np.random.default_rng(0), [0, 0]
    confidence, wrong, _ = population.draw(60_000, generator)
    true = float(wrong[confidence >= 0.8].mean())
    for _ in range(N_SIMULATIONS):
        seen, missed, groups = population.draw(len(SIZES), generator)
        taken = missed[seen >= 0.8], groups[seen >= 0.8]
        correlation = intraclass_correlation(missed, groups)
        broken[0] += beta.ppf(CONFIDENCE, taken[0].sum() + 1, (~taken[0]).sum()) < true
        broken[1] += risk_upper_bound(*taken, CONFIDENCE, correlation) < true
    assert broken[0] / N_SIMULATIONS > 0.15
    assert broken[1] / N_SIMULATIONS < 0.09


@pytest.mark.parametrize(("wrong", "n"), [(0, 59), (3, 120), (20, 300)])
def test_of_independent_photos_the_bound_is_clopper_and_pearsons(wrong: int, n: int) -> None:
    flags = np.arange(n) < wrong
    share = wrong / n
    effect = max(n / (n - 1), 1.0) if wrong else 1.0  # the linearised variance divides by G - 1
    expected = beta.ppf(0.95, share * n / effect + 1, (1 - share) * n / effect)
    assert risk_upper_bound(flags, np.arange(n)) == pytest.approx(expected, rel=1e-6)
    assert risk_upper_bound(flags, np.arange(n)) == pytest.approx(beta.ppf(0.95, wrong + 1, n - wrong), rel=0.01)


def test_59_correct_tags_are_the_fewest_that_prove_5_percent() -> None:
    bounds = [risk_upper_bound(np.zeros(n, bool), np.arange(n)) for n in (MIN_ACCEPTED - 1, MIN_ACCEPTED)]
    assert bounds[0] > 0.05 >= bounds[1]
    assert bounds[1] == pytest.approx(1 - 0.05 ** (1 / 59))


def test_correlated_photos_widen_the_bound() -> None:
    groups = np.repeat(np.arange(20), 10)
    alike = np.repeat(np.arange(20) == 0, 10)
    spread = np.tile(np.arange(10) == 0, 20) & (np.arange(200) < 100)
    assert alike.sum() == spread.sum() == 10
    assert risk_upper_bound(alike, groups) > 1.5 * risk_upper_bound(spread, groups)
    assert intraclass_correlation(alike, groups) > 0.9
    assert intraclass_correlation(spread, groups) == 0
    none = np.zeros(200, bool)
    assert risk_upper_bound(none, groups, correlation=0.5) > 3 * risk_upper_bound(none, groups)
    assert intraclass_correlation(none, groups) == intraclass_correlation(~none, groups) == 0


def test_a_single_group_gives_no_bound() -> None:
    assert risk_upper_bound(np.zeros(500, bool), np.zeros(500, np.int64)) == 1
    assert risk_upper_bound(np.ones(50, bool), np.arange(50)) == 1
    assert find_threshold(np.full(500, 0.99), np.ones(500, bool), np.zeros(500, np.int64)) is None


def test_infinite_confidence_never_counts_as_accepted() -> None:
    n = 400
    confidence = np.where(np.arange(n) % 2 == 0, 0.99, -np.inf)
    right = confidence > 0
    threshold, promise = control_risk(
        confidence,
        np.zeros(n, np.int64),
        right,
        np.arange(n),
        ["hat"],
        risk=0.05,
        confidence_level=0.95,
        grouped_by="photo",
    )
    assert threshold == 0.99
    assert (promise.n_accepted, promise.coverage, promise.empirical_risk, promise.n_groups) == (200, 0.5, 0, n)
    assert promise.method == METHOD
    assert find_threshold(np.full(n, -np.inf), right, np.arange(n)) is None


def test_classes_are_named_from_59_accepted_photos_on() -> None:
    answers = np.repeat([0, 1, 2], [58, 59, 200])
    right = np.ones(len(answers), bool)
    right[-40:] = False
    confidence = np.where(right, 0.99, 0.6)
    confidence[-12:] = 0.99  # twelve of them with confidence
    _, promise = control_risk(
        confidence,
        answers,
        right,
        np.arange(len(answers)),
        ["hat", "boot", "skirt"],
        risk=0.08,
        confidence_level=0.95,
        grouped_by="photographer",
    )
    assert [(one.name, one.n_accepted, one.n_errors, one.holds) for one in promise.per_class] == [
        ("boot", 59, 0, True),
        ("skirt", 172, 12, False),
    ]


def test_a_model_that_is_always_wrong_may_accept_nothing() -> None:
    generator = np.random.default_rng(0)
    confidence = generator.random(500)
    threshold, promise = control_risk(
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
    assert (promise.bound, promise.empirical_risk, promise.coverage, promise.per_class) == (None, None, 0, ())


def test_mismatched_lengths() -> None:
    with pytest.raises(DataError, match="got 2 answers, 2 verdicts and 1 groups"):
        find_threshold([0.5, 0.6], [True, True], [0])
    with pytest.raises(DataError, match="a bound wants answers, and got none"):
        risk_upper_bound([], [])
