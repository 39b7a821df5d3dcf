"""Tables of metrics."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from clothier.cli import metrics_tables
from clothier.selective.thresholds import RiskGuarantee

METRICS: dict[str, Any] = {
    "data": "synthetic",
    "n": 100,
    "accuracy": 0.9,
    "standard_error": 0.03,
    "macro_f1": 0.88,
    "macro_recall": 0.87,
    "per_class": [{"class": "Shirt", "precision": 0.8, "recall": 0.7, "f1": 0.75, "n": 100}],
    "ece": 0.034,
    "nll": 0.256,
}


def make_evaluation(model: str, **more: Any) -> dict[str, Any]:
    return {"model": model, **METRICS, **more}


def rendered_lines(*results: dict[str, Any]) -> list[str]:
    """The lines of the tables, with single blanks."""
    console = Console(width=120, highlight=False, markup=False)
    with console.capture() as capture:
        console.print(metrics_tables.evaluations_table(results))
    return [" ".join(line.split()) for line in capture.get().splitlines()]


def test_corruptions_have_a_row_each_and_models_a_column() -> None:
    first = make_evaluation(
        "first",
        corruptions={"shot_noise": [0.9, 0.7], "rotate": [0.5, 0.1]},
        mean_corruption_accuracy=0.55,
        relative_corruption_error=1.0,
    )
    second = make_evaluation(
        "second",
        corruptions={"shot_noise": [0.8, 0.6], "rotate": [0.6, 0.2]},
        mean_corruption_accuracy=0.551,
        relative_corruption_error=1.2143,
    )
    lines = rendered_lines(first, second)
    assert "Corruption first second" in lines
    assert "shot noise 80.0 % 70.0 %" in lines
    assert "rotate 30.0 % 40.0 %" in lines
    assert "mean accuracy 55.0 % 55.1 %" in lines
    assert "error / error of first 1.00 1.21" in lines


def test_macro_recall_is_next_to_accuracy() -> None:
    assert "Model Accuracy Macro F1 Macro recall ECE NLL Images" in rendered_lines(make_evaluation("a"))


GUARANTEE = RiskGuarantee(
    risk=0.05,
    confidence_level=0.95,
    empirical_risk=0.03,
    coverage=0.7,
    n=400,
    n_accepted=280,
    n_groups=31,
    grouped_by="photographer",
    method="cluster bootstrap",
)


def test_model_that_abstains() -> None:
    selective = {
        "coverage": 0.71,
        "n_accepted": 71,
        "selective_risk": 0.04,
        "selective_risk_open": 0.06,
        "n_ood": 20,
        "n_ood_accepted": 9,
        "novelty_auroc": 0.81,
    }
    guarantee = {**GUARANTEE.to_json(), "user_calibrated": False}
    wrong = "at most 5.0 % of the accepted tags wrong, 95.0 % confidence"
    assert " ".join(rendered_lines(make_evaluation("photo", **selective, guarantee=guarantee))[-6:]) == " ".join(
        [
            "photo accepts 71.0 % of the photos; 4.0 % of those tags are wrong",
            "Outside the classes: 9 of 20 photos are accepted; counting them, 6.0 % of the accepted tags are wrong",
            f"Guarantee on photos of its classes: {wrong}; not calibrated on your photos",
            "The guarantee holds on these photos: 4.0 % of the accepted tags are wrong, 5.0 % was the limit",
            "OOD detection AUROC: 0.810",
        ]
    )


def test_an_unlike_catalogue_says_that_nothing_is_accepted() -> None:
    shift = {"n": 92, "unlike": True, "p_value": 0.0077, "share": 0.35, "expected_share": 0.05}
    counts = {"coverage": 0.9, "n_accepted": 83, "n_ood": 0, "novelty_auroc": None, "guarantee": None}
    evaluation = make_evaluation("photo", **counts, selective_risk=0.0)
    text = " ".join(rendered_lines({**evaluation, "catalogue": shift}))
    assert "35 % of these photos look unlike the training photos; 5 % expected (p = 0.0077)." in text
    assert "accept none of them without --trust-model; the lines below are with it photo accepts 90.0 %" in text
    for like in ({**shift, "unlike": False}, {**shift, "unlike": None, "p_value": None, "share": None}):
        assert "trust-model" not in " ".join(rendered_lines({**evaluation, "catalogue": like}))


@pytest.mark.parametrize(
    ("risk", "known", "line"),
    [
        (0.0, {"n_trained_on": 7}, "Trained on 7 of these photos: they do not show"),
        (0.0, {"n_trained_on": 5}, "The guarantee holds"),
        (0.2, {"n_trained_on": 7}, "The guarantee does not hold"),
        (0.0, {"n_calibrated_on": 100}, "Calibrated on 100 of these photos: they do not show"),
        (0.2, {"n_calibrated_on": 100}, "The guarantee does not hold"),
    ],
)
def test_known_photos_do_not_show_that_the_guarantee_holds(risk: float, known: dict[str, Any], line: str) -> None:
    guarantee = {**GUARANTEE.to_json(), "user_calibrated": False}
    counts = {"coverage": 0.9, "n_accepted": 900, "n_ood": 0, "novelty_auroc": None, "guarantee": guarantee}
    evaluation = make_evaluation("photo", **counts, data="reviewed", selective_risk=risk, **known)
    assert any(one.startswith(line) for one in rendered_lines(evaluation))


@pytest.mark.parametrize(
    ("grouped_by", "method"), [("product", "Grouped cross-validation"), ("photo", "Cross-validation")]
)
def test_the_baseline_of_a_photo_model_says_whether_there_were_groups(grouped_by: str, method: str) -> None:
    guarantee = replace(GUARANTEE, grouped_by=grouped_by).to_json()
    validation = {**METRICS, "coverage": 0.7, "selective_risk": 0.03, "n_ood": 0, "guarantee": guarantee}
    row = {"name": "photo", "accuracy": 0.8, "macro_recall": 0.7}
    run = {"model": "photo", "run": "runs/shop", "validation": validation, "label_issues": 2, "data": {}}
    console = Console(width=120)
    with console.capture() as capture:
        console.print(metrics_tables.run_table({**run, "baseline_comparison": {"baseline": row, "model": row}}))
    assert f"{method} Accuracy Macro recall" in [" ".join(line.split()) for line in capture.get().splitlines()]


def test_products_that_vote() -> None:
    many = {"n": 9, "n_photos": 30, "accuracy": 1.0, "photo_accuracy": 0.9}
    products = {"n": 20, "n_photos": 41, "accuracy": 0.95, "photo_accuracy": 0.8, "n_mixed_labels": 2}
    lines = rendered_lines(make_evaluation("photo", products={**products, "many_photos": many}))
    assert (
        "Products: 95.0 % right by the vote of their photos, 80.0 % of the photos alone (20 products, 41 photos)"
        in lines
    )
    assert any(line.startswith("Products with three photos or more: 100.0 % right") for line in lines)
    assert "Products whose photos have several labels, left out: 2" in lines


def test_a_guarantee_that_these_photos_do_not_keep() -> None:
    selective = {"coverage": 0.71, "n_accepted": 3, "selective_risk": 0.128, "selective_risk_open": None, "n_ood": 0}
    guarantee = {**GUARANTEE.to_json(), "user_calibrated": False}
    lines = rendered_lines(make_evaluation("photo", **selective, novelty_auroc=None, guarantee=guarantee))
    claim = "The guarantee does not hold on these photos: 12.8 % of the accepted tags are wrong, 5.0 % was the limit"
    assert claim in lines


def test_too_few_photos_for_a_guarantee() -> None:
    selective = {"coverage": 1.0, "n_accepted": 3, "selective_risk": 0.0, "selective_risk_open": None, "n_ood": 0}
    guarantee = {**GUARANTEE.to_json(), "user_calibrated": False}
    text = " ".join(rendered_lines(make_evaluation("photo", **selective, novelty_auroc=None, guarantee=guarantee)))
    assert "Too few photos to tell whether the guarantee holds (3 accepted): 0.0 % of the accepted" in text
    assert "guarantee holds on these photos" not in text


def test_model_that_accepts_nothing() -> None:
    selective = {"coverage": 0.0, "selective_risk": None, "selective_risk_open": None, "novelty_auroc": None}
    counts = {"n_ood": 20, "n_ood_accepted": 0}
    assert rendered_lines(make_evaluation("photo", **selective, **counts, guarantee=None))[-2:] == [
        "photo accepts 0.0 % of the photos; none of those tags are wrong",
        "Outside the classes: 0 of 20 photos are accepted",
    ]
    unknown = make_evaluation("photo", **selective, n_ood=0, n_ood_accepted=0, guarantee=None)
    assert rendered_lines(unknown)[-1].startswith("The data has no photos outside the classes, so how many")


def test_the_number_of_classes_that_occur() -> None:
    scores = [{"class": name, "precision": 0.5, "recall": 0.5, "f1": 0.5, "n": n} for name, n in (("a", 9), ("b", 0))]
    assert any(line.endswith(" in 1 of 2 classes") for line in rendered_lines(make_evaluation("cnn", per_class=scores)))


def test_domain_gap() -> None:
    gap = {
        "n": 5,
        "photo": 0.8,
        "fashion-cnn": 0.2,
        "per_class": [{"class": "Dress", "n": 3, "photo": 1.0, "fashion-cnn": 0.0}],
    }
    lines = rendered_lines(make_evaluation("photo", domain_gap=gap))
    assert "On the same photos photo fashion-cnn Photos" in lines
    assert "Dress 100.0 % 0.0 % 3" in lines
    assert "all 80.0 % 20.0 % 5" in lines
