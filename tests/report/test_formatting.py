"""Numbers as text, computed limitations, and the results of the reference study."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clothier.metrics import wilson_interval
from clothier.report import formatting
from clothier.report.limitations import error_fraction_within, limitations
from clothier.report.reference_study import REFERENCE_RESULTS
from clothier.report.sections import Provenance
from clothier.taxonomy import UPPER_BODY_CLASSES


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(4.23, "4.2 s"), (63.4, "63 s"), (99.9, "100 s"), (119.6, "2 min 0 s"), (303.2, "5 min 3 s"), (7260, "2 h 1 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert formatting.format_duration(seconds) == text


def test_percentages() -> None:
    assert formatting.format_percent(0.93421, 2) == "93.42\N{NO-BREAK SPACE}%"
    assert formatting.format_points(0.0025) == "0.25"


@pytest.mark.parametrize(
    ("accuracy", "error", "n", "text"),
    [
        (0.9, 0.0134, 500, "± 1.34"),
        (1.0, 0.0, 90, "(95 % interval 95.9 to 100.0)"),
        (0.0, 0.0, 10, "(95 % interval 0.0 to 27.8)"),
        (0.5, 0.0, 4, "(95 % interval 15.0 to 85.0)"),
        (1.0, 0.0, 1, "(95 % interval 20.7 to 100.0)"),
    ],
)
def test_the_spread_of_an_accuracy(accuracy: float, error: float, n: int, text: str) -> None:
    assert formatting.format_spread(accuracy, error, n) == text
    if error == 0:
        low, high = wilson_interval(np.array([accuracy]), np.array([n]))
        assert text == f"(95 % interval {100 * low[0]:.1f} to {100 * high[0]:.1f})"


@pytest.mark.parametrize(("groups", "low"), [({"n_groups": 1}, "20.7"), ({"n_groups": None}, "95.9"), ({}, "95.9")])
def test_groups_are_what_counts(groups: dict[str, Any], low: str) -> None:
    evaluation = {"accuracy": 1.0, "standard_error": 0.0, "n": 90, **groups}
    assert formatting.spread_of(evaluation) == f"(95 % interval {low} to 100.0)"


def test_settings_become_rows_without_empty_values() -> None:
    nested = {"a": {"b": 0.001, "c": None}, "d": (1, "x"), "e": "", "f": False, "g": []}
    assert formatting.flatten(nested) == [("a.b", "0.001"), ("d", "1, x"), ("f", "False")]


@pytest.mark.parametrize(
    ("environment", "text"),
    [
        ({"cpu": {"model": "A", "cores_available": 2}}, "A, 2 cores"),
        ({"cpu": {"model": None, "cores_available": 1}}, "1 core"),
        ({}, ""),
    ],
)
def test_the_processor_in_one_line(environment: dict[str, object], text: str) -> None:
    assert Provenance("", environment).cpu == text


def evaluation(names: tuple[str, ...], confusion: list[list[int]]) -> dict[str, object]:
    right = sum(confusion[k][k] for k in range(len(names)))
    scores = [
        {"class": name, "recall": row[k] / sum(row), "n": sum(row)}
        for k, (name, row) in enumerate(zip(names, confusion, strict=False))
    ]
    return {"accuracy": right / sum(map(sum, confusion)), "confusion": confusion, "per_class": scores}


def test_errors_within_a_group_need_both_classes_in_it() -> None:
    found = evaluation(("Coat", "Shirt", "Bag"), [[5, 3, 1], [2, 5, 0], [0, 4, 9]])
    assert error_fraction_within(found, ("Coat", "Shirt")) == pytest.approx(5 / 10)
    assert error_fraction_within(evaluation(("Coat", "Bag"), [[1, 0], [0, 1]]), ("Coat", "Bag")) == 0


def test_limitations_name_the_weakest_class_of_each_model() -> None:
    found = evaluation(("Coat", "Bag"), [[9, 1], [4, 6]])
    named = {limit.name: limit.text for limit in limitations("mine", [("M", found)])}
    assert named["M: weakest at Bag"].replace("\N{NO-BREAK SPACE}", " ") == (
        "Recall is 60 % on Bag, its weakest class."
    )


def test_errors_among_upper_body_garments_are_counted() -> None:
    names = (*UPPER_BODY_CLASSES, "Bag")
    confusion = [[8, 2, 0, 0, 0, 0], *[[0] * k + [10] + [0] * (5 - k) for k in range(1, 5)], [2, 0, 0, 0, 0, 8]]
    text = next(limit.text for limit in limitations("mine", [("M", evaluation(names, confusion))]) if ":" in limit.name)
    assert "50\N{NO-BREAK SPACE}% of its errors are among T-shirt/top, Pullover, Dress, Coat and Shirt." in text


def test_a_model_without_errors_has_no_weakest_class() -> None:
    found = evaluation(("Coat", "Bag"), [[1, 0], [0, 1]])
    assert not any(":" in limit.name for limit in limitations("mine", [("M", found)]))


def test_a_model_that_abstains_has_a_guarantee_scope() -> None:
    found = evaluation(("Coat", "Bag"), [[9, 1], [4, 6]])
    always, selective = (
        [limit.name for limit in limitations("mine", [("M", one)])] for one in (found, {**found, "coverage": 0.8})
    )
    assert always[-2] == "There is no “none of these” class"
    assert selective[-2] == "The guarantee is for photos like these that show one of the classes"


def test_reference_results_have_a_standard_error() -> None:
    assert REFERENCE_RESULTS["dnn"].standard_error == pytest.approx(0.0032, abs=5e-5)
    assert all(len(original.f1) == 10 for original in REFERENCE_RESULTS.values())
