"""Models on the test set of a data set."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from clothier.data.idx_files import CLASSES_FILE
from clothier.data.sources import open_dataset
from clothier.errors import DataError, ModelError, UnknownNameError, UsageError
from clothier.evaluation import robustness
from clothier.evaluation.corruptions import CORRUPTIONS
from clothier.inference import load
from clothier.taxonomy import FASHION_MNIST_CLASSES
from clothier.workflows.evaluate import REFERENCE_MODELS, evaluate
from tests.synthetic import write_synthetic_dataset

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clothier.bundle import Bundle

    MakeBundle = Callable[..., Bundle]


@pytest.fixture
def garments(tmp_path: Path) -> Path:
    write_synthetic_dataset(tmp_path / "garments", train=40, test=30)
    return tmp_path / "garments"


@pytest.fixture
def models(tmp_path: Path, tiny_bundle: MakeBundle) -> list[str]:
    saved = [tiny_bundle(tmp_path / name, seed=seed) for seed, name in enumerate(("first", "second", "third"))]
    return [str(one.path) for one in saved]


def test_one_evaluation_for_each_model_in_the_given_order(garments: Path, models: list[str]) -> None:
    given = [models[2], models[0], models[1], models[0]]
    results = evaluate(given, data=garments, any_idx=True)
    assert [one.model for one in results] == given
    assert {one.data for one in results} == {"garments, test"}
    test = open_dataset(garments, any_idx=True).test
    for one in results:
        predicted = load(one.model).run(test.images).logits.argmax(1)
        assert one.evaluation.accuracy == float((predicted == test.labels).mean())
        assert (one.evaluation.n, one.evaluation.accuracy_tta) == (30, None)
    assert results[1].evaluation == results[3].evaluation
    assert results[0].evaluation != results[1].evaluation


def test_layout_of_the_json(garments: Path, models: list[str]) -> None:
    printed = json.loads(json.dumps(evaluate(models[:1], data=garments, any_idx=True)[0].to_json(), allow_nan=False))
    assert list(printed) == [
        "model",
        "data",
        "n",
        "accuracy",
        "accuracy_tta",
        "standard_error",
        "macro_f1",
        "macro_recall",
        "per_class",
        "confusion",
        "ece",
        "nll",
        "brier",
    ]
    assert (printed["model"], printed["data"], printed["accuracy_tta"]) == (models[0], "garments, test", None)
    assert [list(row) for row in printed["per_class"]] == [["class", "precision", "recall", "f1", "n"]] * 10
    assert [row["class"] for row in printed["per_class"]] == list(FASHION_MNIST_CLASSES)
    assert sum(map(sum, printed["confusion"])) == printed["n"] == 30


def test_progress_names_each_model(garments: Path, models: list[str]) -> None:
    reported: list[tuple[str, float, float, str]] = []

    def progress(task: str, done: float, total: float, note: str = "") -> None:
        reported.append((task, done, total, note))

    evaluate(models[:2], data=garments, any_idx=True, progress=progress)
    assert reported == [("evaluate", 0, 2, models[0]), ("evaluate", 1, 2, models[1]), ("evaluate", 2, 2, "")]


def test_other_class_names_are_refused(garments: Path, models: list[str]) -> None:
    (garments / CLASSES_FILE).unlink()
    with pytest.raises(UsageError, match=r"^first has the classes T-shirt/top, .*, but garments has 0, 1, .*, 9\."):
        evaluate(models, data=garments, any_idx=True)


def test_no_model_is_evaluated_if_one_has_other_classes(
    garments: Path, models: list[str], tmp_path: Path, tiny_bundle: MakeBundle
) -> None:
    other = tiny_bundle(tmp_path / "other", classes=tuple(reversed(FASHION_MNIST_CLASSES)))
    reported: list[str] = []
    with pytest.raises(UsageError, match="other has the classes Ankle boot, Bag"):
        evaluate(
            [*models, str(other.path)], data=garments, any_idx=True, progress=lambda task, *_: reported.append(task)
        )
    assert "evaluate" not in reported


def test_class_names_in_another_order_are_refused(garments: Path, models: list[str]) -> None:
    (garments / CLASSES_FILE).write_text("\n".join(reversed(FASHION_MNIST_CLASSES)))
    with pytest.raises(UsageError, match="garments has Ankle boot, Bag"):
        evaluate(models, data=garments, any_idx=True)


def test_missing_models_are_reported_before_missing_data(tmp_path: Path, models: list[str]) -> None:
    with pytest.raises(UnknownNameError, match="'shoes'"):
        evaluate([models[0], "shoes"], data=tmp_path / "none")
    with pytest.raises(ModelError, match="runs/none"):
        evaluate(["runs/none"], data=tmp_path / "none")


def test_missing_data(tmp_path: Path, models: list[str]) -> None:
    with pytest.raises(DataError, match=str(tmp_path / "none")):
        evaluate(models, data=tmp_path / "none")


def test_corruptions_include_the_bundled_models(
    garments: Path, models: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    two = {name: CORRUPTIONS[name] for name in ("contrast", "rotate")}
    monkeypatch.setattr(robustness, "CORRUPTIONS", two)
    results = evaluate(models[:1], data=garments, any_idx=True, corruptions=True)
    assert [one.model for one in results] == [models[0], *REFERENCE_MODELS]
    test = open_dataset(garments, any_idx=True).test
    for one in results:
        printed = json.loads(json.dumps(one.to_json()))
        assert list(printed)[-4:] == [
            "corruptions",
            "mean_corruption_accuracy",
            "relative_corruption_error",
            "corrupted_n",
        ]
        assert {name: len(scores) for name, scores in printed["corruptions"].items()} == {"contrast": 5, "rotate": 5}
        assert printed["corrupted_n"] == 30
        classifier = load(one.model)
        predicted = classifier.run(two["rotate"](test.images, 4, seed=0)).logits.argmax(1)
        assert printed["corruptions"]["rotate"][3] == float((predicted == test.labels).mean())
    assert results[0].to_json()["relative_corruption_error"] == 1


def test_a_given_bundled_model_is_not_added_again(garments: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(robustness, "CORRUPTIONS", {"contrast": CORRUPTIONS["contrast"]})
    results = evaluate(["fashion-cnn"], data=garments, any_idx=True, corruptions=True)
    assert [one.model for one in results] == ["fashion-cnn", "fashion-dnn"]


def test_a_single_name_is_refused() -> None:
    with pytest.raises(UsageError, match=r"single name 'fashion-cnn'.*pass a list of models"):
        evaluate("fashion-cnn")
