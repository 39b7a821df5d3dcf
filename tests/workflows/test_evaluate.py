"""Models held against the test part of a data set."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from clothier.analysis import metrics
from clothier.bundle import open_bundle
from clothier.data.dataset import Labelled
from clothier.data.idx_files import CLASS_NAMES
from clothier.data.sources import open_dataset
from clothier.data.synthetic import write_fashion_folder
from clothier.errors import DataError, ModelError, UnknownNameError, UsageError
from clothier.inference import OnnxClassifier
from clothier.recipes import Augment
from clothier.records import Outputs, View
from clothier.taxonomy import FASHION_MNIST
from clothier.workflows.evaluate import evaluate, measure

if TYPE_CHECKING:
    from collections.abc import Callable

    from clothier.bundle import Bundle
    from clothier.records import Images

    MakeBundle = Callable[..., Bundle]


class Table:
    """Looks up the first pixel of a picture in a table of probabilities."""

    name, classes, view = "table", ("Bag", "Coat", "Shirt"), View()

    def __init__(self, probabilities: list[tuple[float, ...]]) -> None:
        self.logits = np.log(np.array(probabilities)).astype(np.float32)

    def run(self, images: Images) -> Outputs:
        logits = self.logits[images[:, 0, 0]]
        return Outputs(logits, logits)


@pytest.fixture
def garments(tmp_path: Path) -> Path:
    write_fashion_folder(tmp_path / "garments", train=40, test=30)
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
    assert [row["class"] for row in answer["per_class"]] == list(FASHION_MNIST)
    assert sum(map(sum, answer["confusion"])) == answer["n"] == 30


def test_progress_names_each_model(garments: Path, models: list[str]) -> None:
    told: list[tuple[str, float, float, str]] = []

    def progress(task: str, done: float, total: float, note: str = "") -> None:
        told.append((task, done, total, note))

    evaluate(models[:2], data=garments, any_idx=True, progress=progress)
    assert told == [("evaluate", 0, 2, models[0]), ("evaluate", 1, 2, models[1]), ("evaluate", 2, 2, "")]


def test_labels_that_mean_something_else(garments: Path, models: list[str]) -> None:
    (garments / CLASS_NAMES).unlink()
    with pytest.raises(UsageError) as caught:
        evaluate(models, data=garments, any_idx=True)
    assert str(caught.value) == (
        f"first knows the classes {', '.join(FASHION_MNIST)}, and garments has 0, 1, 2, 3, 4, 5, 6, 7, 8, 9. Give data "
        "with the model's classes."
    )


def test_nothing_is_measured_when_any_model_means_something_else(
    garments: Path, models: list[str], tmp_path: Path, tiny_bundle: MakeBundle
) -> None:
    other = tiny_bundle(tmp_path / "other", classes=tuple(reversed(FASHION_MNIST)))
    told: list[str] = []
    with pytest.raises(UsageError, match="other knows the classes Ankle boot, Bag"):
        evaluate([*models, str(other.path)], data=garments, any_idx=True, progress=lambda task, *_: told.append(task))
    assert "evaluate" not in told


def test_the_same_names_in_another_order_are_others(garments: Path, models: list[str]) -> None:
    (garments / CLASS_NAMES).write_text("\n".join(reversed(FASHION_MNIST)))
    with pytest.raises(UsageError, match=r"and garments has Ankle boot, Bag"):
        evaluate(models, data=garments, any_idx=True)


def test_a_model_that_is_not_there_is_missed_before_the_data_are(tmp_path: Path, models: list[str]) -> None:
    with pytest.raises(UnknownNameError, match="'shoes' is not a model or run folder"):
        evaluate([models[0], "shoes"], data=tmp_path / "none")
    with pytest.raises(ModelError, match=r"there is no folder runs/none; "):
        evaluate(["runs/none"], data=tmp_path / "none")


def test_data_that_are_not_there(tmp_path: Path, models: list[str]) -> None:
    with pytest.raises(DataError, match=r"none does not exist; a folder with data is needed\. Check the path\."):
        evaluate(models, data=tmp_path / "none")


def test_measure_is_the_metrics_of_the_logits() -> None:
    data = Labelled(np.array([0, 1, 2], np.uint8).repeat(784).reshape(3, 28, 28), np.array([0, 2, 1]))
    table = Table([(0.7, 0.2, 0.1), (0.2, 0.2, 0.6), (0.5, 0.3, 0.2)])
    assert measure(table, data) == metrics.evaluate(table.logits, data.labels, table.classes)
    assert measure(table, data).accuracy == 2 / 3


def test_with_an_augmentation_the_accuracy_over_its_views_stands_beside_the_plain_one() -> None:
    data = Labelled(np.zeros((3, 28, 28), np.uint8), np.array([0, 2, 1]))
    table = Table([(0.7, 0.2, 0.1)])  # for every black picture, whichever way it is turned
    assert measure(table, data, Augment()).accuracy_tta is None
    assert measure(table, data, Augment(cutout=4)).accuracy_tta is None
    assert measure(table, data, Augment(flip=True)).accuracy_tta == 1 / 3
    assert replace(measure(table, data, Augment(flip=True)), accuracy_tta=None) == measure(table, data)
