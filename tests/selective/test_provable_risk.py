"""What is proven where a risk is chosen after the data were seen; checked on simulated catalogs."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from scipy.stats import beta

from clothier.selective.provable_risk import (
    MAX_RISK,
    MIN_COVERAGE,
    RISK_GRID,
    control_risk,
    provable_risks,
    strictest_risk,
)
from clothier.selective.risk_control import ROUNDING
from clothier.selective.thresholds import AUTO_RISK, RiskGuarantee, attainable

from .test_risk_control import CONFIDENCE, SIZES, Population

N_SIMULATIONS = 100
POPULATIONS = [
    pytest.param(Population(SIZES, 1.0), 60, id="uneven and different"),
    pytest.param(Population(np.array([3, 4, 5]), 0.7, 0.5), 70, id="products, overconfident"),
    pytest.param(Population(np.array([1]), 0.5), 280, id="280 independent photos"),
]


@pytest.mark.parametrize(("population", "n_groups"), POPULATIONS)
def test_what_is_chosen_after_seeing_the_data_holds(population: Population, n_groups: int) -> None:
    """The strictest risk holds, and so do all rows of the table at once."""
    generator = np.random.default_rng(0)
    confidence, wrong, _ = population.draw(60_000, generator)
    order = np.argsort(-confidence)
    risks = np.cumsum(wrong[order]) / np.arange(1, len(order) + 1)

    def holds(threshold: float | None, risk: float) -> bool:
        n_accepted = 0 if threshold is None else int((confidence >= threshold).sum())
        return not n_accepted or bool(risks[n_accepted - 1] <= risk)

    n_strictest = n_table = n_useful = 0
    for _ in range(N_SIMULATIONS):
        scores, errors, groups = population.draw(n_groups, generator)
        strictest = strictest_risk(scores, ~errors, groups, confidence_level=CONFIDENCE)
        n_useful += strictest is not None
        n_strictest += strictest is None or holds(strictest.min_probability, strictest.risk)
        table = provable_risks(scores, ~errors, groups, confidence_level=CONFIDENCE)
        n_table += all(holds(row.min_probability, row.risk) for row in table)
    monte_carlo = math.sqrt(CONFIDENCE * (1 - CONFIDENCE) / N_SIMULATIONS)
    assert n_strictest / N_SIMULATIONS >= CONFIDENCE - 2 * monte_carlo
    assert n_table / N_SIMULATIONS >= CONFIDENCE - 2 * monte_carlo
    assert n_useful / N_SIMULATIONS >= 0.9, "a procedure that proves nothing holds, but is useless"


def test_reading_thresholds_off_the_data_would_not_hold() -> None:
    """Why the threshold is chosen without labels: the lowest of all bounds is exceeded too often."""
    population, generator, n_broken = Population(np.array([1]), 0.5), np.random.default_rng(0), 0
    confidence, wrong, _ = population.draw(60_000, generator)
    for _ in range(N_SIMULATIONS):
        scores, errors, _ = population.draw(280, generator)
        thresholds = np.quantile(scores, np.arange(0, 0.51, 0.01))
        bounds = [
            beta.ppf(CONFIDENCE, errors[kept].sum() + 1, max((~errors[kept]).sum(), 1))
            for kept in (scores >= threshold for threshold in thresholds)
        ]
        best = int(np.argmin(bounds))
        n_broken += wrong[confidence >= thresholds[best]].mean() > bounds[best]
    assert n_broken / N_SIMULATIONS > 1 - CONFIDENCE


def make_photos(n: int = 280, n_wrong: int = 21) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Independent photos; the wrong ones are more frequent at low confidences."""
    correct = np.ones(n, bool)
    correct[((n - 1) * np.linspace(0.03, 1, n_wrong) ** 0.6).astype(int)] = False
    return np.linspace(0.999, 0.8, n), correct, np.arange(n)


def guarantee_of(photos: tuple[np.ndarray, ...], risk: float | str) -> tuple[float | None, RiskGuarantee]:
    scores, correct, groups = photos
    options: dict[str, Any] = {"risk": risk, "confidence_level": 0.95, "grouped_by": "product"}
    return control_risk(scores, np.zeros(len(scores), np.int64), correct, groups, ["hat"], **options)


def test_auto_takes_the_strictest_risk_with_half_accepted() -> None:
    threshold, guarantee = guarantee_of(make_photos(), AUTO_RISK)
    assert guarantee.strictest is not None
    assert (threshold, guarantee.risk) == (guarantee.strictest.min_probability, guarantee.strictest.risk)
    assert guarantee.is_strictest
    assert MIN_COVERAGE <= guarantee.coverage == guarantee.strictest.coverage
    n_wrong = round(guarantee.n_accepted * (guarantee.empirical_risk or 0))
    bound = beta.ppf(0.95, n_wrong + 1, guarantee.n_accepted - n_wrong)
    assert bound <= guarantee.risk <= bound + 0.002, "the Clopper-Pearson bound, rounded up"
    assert attainable(guarantee.to_json()) == ""


def test_a_risk_that_is_not_proven_names_what_is() -> None:
    threshold, guarantee = guarantee_of(make_photos(), 0.05)
    assert threshold is None
    assert guarantee.strictest is not None
    assert guarantee.more_photos is not None
    sentence = attainable(guarantee.to_json())
    found = f"at most {100 * guarantee.strictest.risk:g} % wrong at {100 * guarantee.strictest.coverage:.0f} % coverage"
    assert sentence == (
        f"With these 280 photos, {found} can be proven (--risk auto). For at most 5 %, about "
        f"{guarantee.more_photos:,} more reviewed photos are needed."
    )
    enough = make_photos(280 + guarantee.more_photos, round(21 / 280 * (280 + guarantee.more_photos)))
    assert guarantee_of(enough, 0.05)[0] is not None
    third = make_photos(280 + guarantee.more_photos // 3, round(21 / 280 * (280 + guarantee.more_photos // 3)))
    fewer = guarantee_of(third, 0.05)[1].strictest
    assert fewer is not None
    assert 0.05 < fewer.risk < guarantee.strictest.risk


def test_more_photos_do_not_help_a_model_that_is_wrong_too_often() -> None:
    _, guarantee = guarantee_of(make_photos(), 0.02)
    assert guarantee.more_photos is None
    assert attainable(guarantee.to_json()).endswith("more photos are not enough: the model must become more accurate.")


def test_the_table_is_ordered_and_stricter_than_a_single_test() -> None:
    _, guarantee = guarantee_of(make_photos(n_wrong=4), 0.05)
    assert [row.risk for row in guarantee.provable] == list(RISK_GRID)
    coverages = [row.coverage for row in guarantee.provable]
    assert coverages == sorted(coverages)
    assert coverages[-1] == 1
    five = guarantee.provable[RISK_GRID.index(0.05)]
    assert five.coverage <= guarantee.coverage
    assert all((row.min_probability is None) == (row.coverage == 0) for row in guarantee.provable)
    assert {row.more_photos for row in guarantee.provable if row.coverage} == {0}
    assert asdict(five) == guarantee.to_json()["provable"][RISK_GRID.index(0.05)]


@pytest.mark.parametrize("risk", [0.05, AUTO_RISK])
def test_nothing_is_proven(risk: float | str) -> None:
    """All wrong, and one group: no bound for others."""
    for correct, groups in ((np.zeros(300, bool), np.arange(300)), (np.ones(300, bool), np.zeros(300, int))):
        threshold, guarantee = guarantee_of((np.full(300, 0.99), correct, groups), risk)
        assert (threshold, guarantee.strictest, guarantee.coverage) == (None, None, 0)
        assert guarantee.risk == (MAX_RISK if risk == AUTO_RISK else risk)
        assert attainable(guarantee.to_json()).startswith("With these 300 photos, no risk can be proven with half")


def test_fewer_than_half_may_be_accepted() -> None:
    scores = np.where(np.arange(300) < 100, 0.99, -np.inf)
    assert strictest_risk(scores, np.ones(300, bool), np.arange(300), confidence_level=0.95) is None
    threshold, guarantee = guarantee_of((scores, np.ones(300, bool), np.arange(300)), 0.05)
    assert (threshold, guarantee.more_photos) == (0.99 - ROUNDING, 0)
