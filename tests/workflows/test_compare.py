"""Two models asked the same questions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from clothier.data.idx_files import CLASSES_FILE
from clothier.data.sources import open_dataset
from clothier.data.synthetic import write_synthetic_dataset
from clothier.errors import UnknownNameError, UsageError
from clothier.inference.session import OnnxClassifier
from clothier.taxonomy import FASHION_MNIST_CLASSES
from clothier.workflows.compare import compare
from clothier.workflows.evaluate import evaluate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clothier.bundle import Bundle

    MakeBundle = Callable[..., Bundle]


@pytest.fixture
def garments(tmp_path: Path) -> Path:
    write_synthetic_dataset(tmp_path / "garments", train=40, test=200)
    return tmp_path / "garments"


@pytest.fixture
def pair(tmp_path: Path, tiny_bundle: MakeBundle) -> tuple[Bundle, Bundle]:
    return tiny_bundle(tmp_path / "first", seed=1), tiny_bundle(tmp_path / "second", seed=2)


def test_pairs_the_answers_picture_by_picture(garments: Path, pair: tuple[Bundle, Bundle]) -> None:
    comparison = compare(*(str(one.path) for one in pair), data=garments, any_idx=True)
    test = open_dataset(garments, any_idx=True).test
    first, second = (OnnxClassifier(one).run(test.images).logits.argmax(1) == test.labels for one in pair)
    assert comparison.mcnemar.n == 200
    assert comparison.mcnemar.only_first == np.sum(first & ~second) > 0
    assert comparison.mcnemar.only_second == np.sum(second & ~first) > 0
    assert comparison.mcnemar.difference == pytest.approx(first.mean() - second.mean())


def test_figures_are_those_of_evaluate(garments: Path, pair: tuple[Bundle, Bundle]) -> None:
    names = [str(one.path) for one in pair]
    comparison = compare(*names, data=garments, any_idx=True)
    assert [comparison.first, comparison.second] == evaluate(names, data=garments, any_idx=True)


def test_exchanged_models_exchange_the_test(garments: Path, pair: tuple[Bundle, Bundle]) -> None:
    names = [str(one.path) for one in pair]
    there, back = (compare(*order, data=garments, any_idx=True) for order in (names, names[::-1]))
    assert (there.first, there.second) == (back.second, back.first)
    assert there.mcnemar.difference == -back.mcnemar.difference
    assert there.mcnemar.p_value == back.mcnemar.p_value


def test_a_model_does_not_differ_from_itself(garments: Path, pair: tuple[Bundle, Bundle]) -> None:
    name = str(pair[0].path)
    test = compare(name, name, data=garments, any_idx=True).mcnemar
    assert (test.only_first, test.only_second, test.difference, test.p_value) == (0, 0, 0.0, 1.0)


def test_layout_of_the_json(garments: Path, pair: tuple[Bundle, Bundle]) -> None:
    names = [str(one.path) for one in pair]
    answer = json.loads(json.dumps(compare(*names, data=garments, any_idx=True).to_json(), allow_nan=False))
    assert list(answer) == ["first", "second", "test"]
    assert [answer[place]["model"] for place in ("first", "second")] == names
    assert list(answer["test"]) == ["n", "only_first", "only_second", "difference", "interval", "p_value"]
    low, high = answer["test"]["interval"]
    assert low <= answer["test"]["difference"] <= high


def test_progress(garments: Path, pair: tuple[Bundle, Bundle]) -> None:
    told: list[tuple[str, float, float, str]] = []

    def progress(task: str, done: float, total: float, note: str = "") -> None:
        told.append((task, done, total, note))

    names = [str(one.path) for one in pair]
    compare(*names, data=garments, any_idx=True, progress=progress)
    assert told == [("compare", 1, 2, names[0]), ("compare", 2, 2, names[1])]


def test_either_model_must_know_the_classes(garments: Path, tmp_path: Path, tiny_bundle: MakeBundle) -> None:
    known = tiny_bundle(tmp_path / "known")
    other = tiny_bundle(tmp_path / "other", classes=("Hat", "Scarf"))
    sentence = (
        f"other knows the classes Hat, Scarf, and garments has {', '.join(FASHION_MNIST_CLASSES)}. Give data with the model's "
        "classes."
    )
    for order in ((known, other), (other, known)):
        with pytest.raises(UsageError) as caught:
            compare(*(str(one.path) for one in order), data=garments, any_idx=True)
        assert str(caught.value) == sentence


def test_data_with_other_classes(garments: Path, pair: tuple[Bundle, Bundle]) -> None:
    (garments / CLASSES_FILE).unlink()
    with pytest.raises(UsageError, match=r"and garments has 0, 1, 2, 3, 4, 5, 6, 7, 8, 9\. Give data"):
        compare(*(str(one.path) for one in pair), data=garments, any_idx=True)


def test_unknown_model(garments: Path, pair: tuple[Bundle, Bundle]) -> None:
    with pytest.raises(UnknownNameError, match="'shoes' is not a model or run folder"):
        compare(str(pair[0].path), "shoes", data=garments, any_idx=True)
