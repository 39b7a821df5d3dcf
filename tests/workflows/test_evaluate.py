"""Models held against the test part of a data set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from clothier.analysis import metrics
from clothier.bundle import open_bundle
from clothier.data.dataset import Labelled
from clothier.data.idx_files import CLASS_NAMES
from clothier.data.sources import open_dataset
from clothier.data.synthetic import draw_garments, write_fashion_folder
from clothier.errors import DataError, ModelError, UnknownNameError, UsageError
from clothier.inference import OnnxClassifier
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
    data = Labelled(pictures([(0, 0), (1, 1), (2, 2)]), np.array([0, 2, 1]))
    table = Table([(0.7, 0.2, 0.1), (0.2, 0.2, 0.6), (0.5, 0.3, 0.2)])
    assert measure(table, data) == metrics.evaluate(table.logits, data.labels, table.classes)
    assert measure(table, data).accuracy == 2 / 3


def pictures(ends: list[tuple[int, int]]) -> Images:
    """Black but for the first and the last pixel of the first row: what is seen straight, and what mirrored."""
    images = np.zeros((len(ends), 28, 28), np.uint8)
    images[:, 0, 0], images[:, 0, -1] = np.transpose(ends)
    return images


def test_flip_answers_with_the_mean_of_both_probabilities() -> None:
    table = Table(
        [
            (0.6, 0.3, 0.1),  # 0 straight; mean with 1 is (0.31, 0.3, 0.39); the mean of logits would say Coat
            (0.02, 0.3, 0.68),
            (0.5, 0.4, 0.1),  # 2 straight; mean with 3 is (0.3, 0.6, 0.1)
            (0.1, 0.8, 0.1),
            (0.1, 0.6, 0.3),  # 4 straight; mean with 5 is (0.4, 0.35, 0.25)
            (0.7, 0.1, 0.2),
            (0.7, 0.2, 0.1),  # 6 straight; mean with 7 is (0.5, 0.4, 0.1)
            (0.3, 0.6, 0.1),
        ]
    )
    data = Labelled(pictures([(0, 1), (2, 3), (4, 5), (6, 7)]), np.array([2, 1, 1, 0]))
    evaluation = measure(table, data, flip=True)
    assert evaluation.accuracy == 2 / 4  # Bag, Bag, Coat, Bag
    assert evaluation.accuracy_tta == 3 / 4  # Shirt, Coat, Bag, Bag
    plain = measure(table, data)
    assert (plain.accuracy_tta, plain.confusion, plain.nll) == (None, evaluation.confusion, evaluation.nll)


def test_flip_mirrors_left_and_right_only() -> None:
    seen: list[Images] = []

    class Eye(Table):
        def run(self, images: Images) -> Outputs:
            seen.append(images)
            return super().run(np.zeros_like(images))

    data = Labelled(draw_garments(4, seed=0).images, np.zeros(4, np.int64))
    measure(Eye([(0.6, 0.3, 0.1)]), data, flip=True)
    np.testing.assert_array_equal(seen[0], data.images)
    np.testing.assert_array_equal(seen[1], np.flip(data.images, axis=2))
