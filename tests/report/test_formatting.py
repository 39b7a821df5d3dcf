"""Numbers as people read them, limits that are computed, and the original study's figures."""

from __future__ import annotations

import pytest

from clothier.report import formatting
from clothier.report.limitations import error_fraction_within, limitations
from clothier.report.reference_study import REFERENCE_RESULTS
from clothier.taxonomy import UPPER_BODY_CLASSES


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(4.23, "4.2 s"), (63.4, "63 s"), (99.9, "100 s"), (119.6, "2 min 0 s"), (303.2, "5 min 3 s"), (7260, "2 h 1 min")],
)
def test_durations(seconds: float, said: str) -> None:
    assert formatting.format_duration(seconds) == said


def test_shares_and_points() -> None:
    assert formatting.format_percent(0.93421, 2) == "93.42\N{NO-BREAK SPACE}%"
    assert formatting.format_points(0.0025) == "0.25"
    assert formatting.format_count(262_890) == "262,890"


def test_settings_become_rows_and_what_is_empty_is_left_out() -> None:
    nested = {"a": {"b": 0.001, "c": None}, "d": (1, "x"), "e": "", "f": False, "g": []}
    assert formatting.flatten(nested) == [("a.b", "0.001"), ("d", "1, x"), ("f", "False")]


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"cpu": {"model": "A", "cores_available": 2}}, "A, 2 cores"),
        ({"cpu": {"model": None, "cores_available": 1}}, "1 core"),
        ({}, ""),
    ],
)
def test_the_machine_in_a_line(environment: dict[str, object], said: str) -> None:
    assert formatting.cpu_summary(environment) == said


def evaluation(names: tuple[str, ...], confusion: list[list[int]]) -> dict[str, object]:
    right = sum(confusion[k][k] for k in range(len(names)))
    scores = [
        {"class": name, "recall": row[k] / sum(row)}
        for k, (name, row) in enumerate(zip(names, confusion, strict=False))
    ]
    return {"accuracy": right / sum(map(sum, confusion)), "confusion": confusion, "per_class": scores}


def test_errors_among_a_group_count_both_ends() -> None:
    found = evaluation(("Coat", "Shirt", "Bag"), [[5, 3, 1], [2, 5, 0], [0, 4, 9]])
    assert error_fraction_within(found, ("Coat", "Shirt")) == pytest.approx(5 / 10)
    assert error_fraction_within(evaluation(("Coat", "Bag"), [[1, 0], [0, 1]]), ("Coat", "Bag")) == 0


def test_limits_name_the_weakest_class_of_each_model() -> None:
    found = evaluation(("Coat", "Bag"), [[9, 1], [4, 6]])
    named = {limit.name: limit.text for limit in limitations("mine", [("M", found)])}
    assert named["M: weakest at Bag"].replace("\N{NO-BREAK SPACE}", " ") == (
        "It finds 60 % of the images of Bag, its weakest class."
    )


def test_limits_among_tops_are_counted_where_there_are_tops() -> None:
    names = (*UPPER_BODY_CLASSES, "Bag")
    confusion = [[8, 2, 0, 0, 0, 0], *[[0] * k + [10] + [0] * (5 - k) for k in range(1, 5)], [2, 0, 0, 0, 0, 8]]
    text = next(limit.text for limit in limitations("mine", [("M", evaluation(names, confusion))]) if ":" in limit.name)
    assert "50\N{NO-BREAK SPACE}% of its errors fall among T-shirt/top, Pullover, Dress, Coat and Shirt." in text


def test_a_faultless_model_has_no_weakest_class() -> None:
    found = evaluation(("Coat", "Bag"), [[1, 0], [0, 1]])
    assert not any(":" in limit.name for limit in limitations("mine", [("M", found)]))


def test_a_model_that_abstains_is_not_said_to_answer_always() -> None:
    found = evaluation(("Coat", "Bag"), [[9, 1], [4, 6]])
    plain, abstaining = (
        [limit.name for limit in limitations("mine", [("M", one)])] for one in (found, {**found, "coverage": 0.8})
    )
    assert plain[-2] == "There is no “none of these”"
    assert abstaining[-2] == "What it promises, it promises of such photos"


def test_the_original_figures_carry_the_spread_they_lacked() -> None:
    assert REFERENCE_RESULTS["dnn"].standard_error == pytest.approx(0.0032, abs=5e-5)
    assert all(len(original.f1) == 10 for original in REFERENCE_RESULTS.values())
