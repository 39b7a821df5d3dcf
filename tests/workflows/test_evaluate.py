"""Models held against the test part of a data set."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from clothier import metrics
from clothier.bundle import open_bundle, resolve
from clothier.data.dataset import LabeledImages
from clothier.data.idx_files import CLASSES_FILE
from clothier.data.sources import open_dataset
from clothier.data.synthetic import write_synthetic_dataset
from clothier.errors import DataError, ModelError, UnknownNameError, UsageError
from clothier.evaluation import robustness as evaluate_corrupted
from clothier.evaluation.classifier import measure
from clothier.evaluation.corruptions import CORRUPTIONS
from clothier.evaluation.robustness import RobustnessResult, relative_to_first
from clothier.inference.session import OnnxClassifier
from clothier.recipes import Augment
from clothier.taxonomy import FASHION_MNIST_CLASSES
from clothier.types import InputSpec, ModelOutput
from clothier.workflows.evaluate import REFERENCE_MODELS, evaluate

if TYPE_CHECKING:
    from collections.abc import Callable

    from clothier.bundle import Bundle
    from clothier.types import Images

    MakeBundle = Callable[..., Bundle]


class Table:
    """Looks up the first pixel of a picture in a table of probabilities."""

    name, classes, input_spec = "table", ("Bag", "Coat", "Shirt"), InputSpec()

    def __init__(self, probabilities: list[tuple[float, ...]]) -> None:
        self.logits = np.log(np.array(probabilities)).astype(np.float32)

    def run(self, images: Images) -> ModelOutput:
        logits = self.logits[images[:, 0, 0]]
        return ModelOutput(logits, logits)


@pytest.fixture
def garments(tmp_path: Path) -> Path:
    write_synthetic_dataset(tmp_path / "garments", train=40, test=30)
    return tmp_path / "garments"


@pytest.fixture
def models(tmp_path: Path, tiny_bundle: MakeBundle) -> list[str]:
    saved = [tiny_bundle(tmp_path / name, seed=seed) for seed, name in enumerate(("first", "second", "third"))]
    return [str(one.path) for one in saved]


def test_one_evaluation_a_model_in_the_order_asked_for(garments: Path, models: list[str]) -> None:
    asked = [models[2], models[0], models[1], models[0]]
    results = evaluate(asked, data=garments, any_idx=True)
    assert [one.model for one in results] == asked
    assert {one.data for one in results} == {"garments, test"}
    test = open_dataset(garments, any_idx=True).test
    for one in results:
        answers = OnnxClassifier(open_bundle(Path(one.model))).run(test.images).logits.argmax(1)
        assert one.evaluation.accuracy == float((answers == test.labels).mean())
        assert (one.evaluation.n, one.evaluation.accuracy_tta) == (30, None)
    assert results[1].evaluation == results[3].evaluation
    assert results[0].evaluation != results[1].evaluation


def test_layout_of_the_json(garments: Path, models: list[str]) -> None:
    answer = json.loads(json.dumps(evaluate(models[:1], data=garments, any_idx=True)[0].to_json(), allow_nan=False))
    assert list(answer) == [
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
    assert (answer["model"], answer["data"], answer["accuracy_tta"]) == (models[0], "garments, test", None)
    assert [list(row) for row in answer["per_class"]] == [["class", "precision", "recall", "f1", "n"]] * 10
    assert [row["class"] for row in answer["per_class"]] == list(FASHION_MNIST_CLASSES)
    assert sum(map(sum, answer["confusion"])) == answer["n"] == 30


def test_progress_names_each_model(garments: Path, models: list[str]) -> None:
    told: list[tuple[str, float, float, str]] = []

    def progress(task: str, done: float, total: float, note: str = "") -> None:
        told.append((task, done, total, note))

    evaluate(models[:2], data=garments, any_idx=True, progress=progress)
    assert told == [("evaluate", 0, 2, models[0]), ("evaluate", 1, 2, models[1]), ("evaluate", 2, 2, "")]


def test_other_class_names_are_refused(garments: Path, models: list[str]) -> None:
    (garments / CLASSES_FILE).unlink()
    with pytest.raises(UsageError) as caught:
        evaluate(models, data=garments, any_idx=True)
    assert str(caught.value) == (
        f"first knows the classes {', '.join(FASHION_MNIST_CLASSES)}, and garments has 0, 1, 2, 3, 4, 5, 6, 7, 8, 9. Give data "
        "with the model's classes."
    )


def test_nothing_is_measured_when_any_model_means_something_else(
    garments: Path, models: list[str], tmp_path: Path, tiny_bundle: MakeBundle
) -> None:
    other = tiny_bundle(tmp_path / "other", classes=tuple(reversed(FASHION_MNIST_CLASSES)))
    told: list[str] = []
    with pytest.raises(UsageError, match="other knows the classes Ankle boot, Bag"):
        evaluate([*models, str(other.path)], data=garments, any_idx=True, progress=lambda task, *_: told.append(task))
    assert "evaluate" not in told


def test_the_same_names_in_another_order_are_others(garments: Path, models: list[str]) -> None:
    (garments / CLASSES_FILE).write_text("\n".join(reversed(FASHION_MNIST_CLASSES)))
    with pytest.raises(UsageError, match=r"and garments has Ankle boot, Bag"):
        evaluate(models, data=garments, any_idx=True)


def test_a_model_that_is_not_there_is_missed_before_the_data_are(tmp_path: Path, models: list[str]) -> None:
    with pytest.raises(UnknownNameError, match="'shoes' is not a model or run folder"):
        evaluate([models[0], "shoes"], data=tmp_path / "none")
    with pytest.raises(ModelError, match=r"runs/none"):
        evaluate(["runs/none"], data=tmp_path / "none")


def test_data_that_are_not_there(tmp_path: Path, models: list[str]) -> None:
    with pytest.raises(DataError, match=r"none does not exist; a folder with data is needed\. Check the path\."):
        evaluate(models, data=tmp_path / "none")


def test_evaluate_classifier_is_the_metrics_of_the_logits() -> None:
    data = LabeledImages(np.array([0, 1, 2], np.uint8).repeat(784).reshape(3, 28, 28), np.array([0, 2, 1]))
    table = Table([(0.7, 0.2, 0.1), (0.2, 0.2, 0.6), (0.5, 0.3, 0.2)])
    assert measure(table, data) == metrics.evaluate_logits(table.logits, data.labels, table.classes)
    assert measure(table, data).accuracy == 2 / 3


def test_with_an_augmentation_the_accuracy_over_its_views_stands_beside_the_plain_one() -> None:
    data = LabeledImages(np.zeros((3, 28, 28), np.uint8), np.array([0, 2, 1]))
    table = Table([(0.7, 0.2, 0.1)])  # for every black picture, whichever way it is turned
    assert measure(table, data, Augment()).accuracy_tta is None
    assert measure(table, data, Augment(cutout=4)).accuracy_tta is None
    assert measure(table, data, Augment(flip=True)).accuracy_tta == 1 / 3
    assert replace(measure(table, data, Augment(flip=True)), accuracy_tta=None) == measure(table, data)


def test_corrupted_pictures_with_the_shipped_models_beside(
    garments: Path, models: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    two = {name: CORRUPTIONS[name] for name in ("contrast", "rotate")}
    monkeypatch.setattr(evaluate_corrupted, "CORRUPTIONS", two)
    results = evaluate(models[:1], data=garments, any_idx=True, corruptions=True)
    assert [one.model for one in results] == [models[0], *REFERENCE_MODELS]
    test = open_dataset(garments, any_idx=True).test
    for one in results:
        answer = json.loads(json.dumps(one.to_json()))
        assert list(answer)[-4:] == [
            "corruptions",
            "mean_corruption_accuracy",
            "relative_corruption_error",
            "corrupted_n",
        ]
        assert {name: len(scores) for name, scores in answer["corruptions"].items()} == {"contrast": 5, "rotate": 5}
        assert answer["corrupted_n"] == 30
        classifier = OnnxClassifier(resolve(one.model))
        answers = classifier.run(two["rotate"](test.images, 4, seed=0)).logits.argmax(1)
        assert answer["corruptions"]["rotate"][3] == float((answers == test.labels).mean())
    assert results[0].to_json()["relative_corruption_error"] == 1


def test_a_shipped_model_that_was_named_is_not_named_again(garments: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate_corrupted, "CORRUPTIONS", {"contrast": CORRUPTIONS["contrast"]})
    results = evaluate(["fashion-cnn"], data=garments, any_idx=True, corruptions=True)
    assert [one.model for one in results] == ["fashion-cnn", "fashion-dnn"]


def test_relative_error_of_the_first_is_one() -> None:
    first = RobustnessResult(100, {"fog": (0.8, 0.6), "snow": (0.9, 0.9)})
    second = RobustnessResult(100, {"fog": (0.9, 0.8), "snow": (0.8, 0.8)})
    assert [one.relative_error for one in relative_to_first([first, second])] == pytest.approx(
        [1, (0.15 / 0.3 + 2) / 2]
    )


def test_a_first_model_without_an_error_divides_nothing_by_zero() -> None:
    perfect, other = RobustnessResult(100, {"fog": (1.0, 1.0)}), RobustnessResult(100, {"fog": (0.9, 0.9)})
    assert other.relative_to(perfect).relative_error == pytest.approx(100)
