"""Two models on the same images, and the test between them."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from clothier.clustered import grouped_test
from clothier.data.sources import open_dataset
from clothier.errors import DataError, ModelError, UsageError
from clothier.inference import Model, load
from clothier.runs import Run
from clothier.workflows.compare import compare
from clothier.workflows.evaluate import evaluate
from tests.synthetic import write_synthetic_dataset

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


def test_predictions_are_paired_by_image(garments: Path, pair: tuple[Bundle, Bundle]) -> None:
    comparison = compare(*(str(one.path) for one in pair), data=garments, any_idx=True)
    test = open_dataset(garments, any_idx=True).test
    first, second = (load(one.path).run(test.images).logits.argmax(1) == test.labels for one in pair)
    assert comparison.mcnemar.n == 200
    assert comparison.mcnemar.only_first == np.sum(first & ~second) > 0
    assert comparison.mcnemar.only_second == np.sum(second & ~first) > 0
    assert comparison.mcnemar.difference == pytest.approx(first.mean() - second.mean())


def test_metrics_are_those_of_evaluate(garments: Path, pair: tuple[Bundle, Bundle]) -> None:
    names = [str(one.path) for one in pair]
    comparison = compare(*names, data=garments, any_idx=True)
    assert [comparison.first, comparison.second] == evaluate(names, data=garments, any_idx=True)


def test_exchanged_models_exchange_the_test(garments: Path, pair: tuple[Bundle, Bundle]) -> None:
    names = [str(one.path) for one in pair]
    forward, backward = (compare(*order, data=garments, any_idx=True) for order in (names, names[::-1]))
    assert (forward.first, forward.second) == (backward.second, backward.first)
    assert forward.mcnemar.difference == -backward.mcnemar.difference
    assert forward.mcnemar.p_value == backward.mcnemar.p_value


def test_a_model_does_not_differ_from_itself(garments: Path, pair: tuple[Bundle, Bundle]) -> None:
    name = str(pair[0].path)
    test = compare(name, name, data=garments, any_idx=True).mcnemar
    assert (test.only_first, test.only_second, test.difference, test.p_value) == (0, 0, 0.0, 1.0)


def test_a_run_on_the_same_data_is_not_run_again(garments: Path, tmp_path: Path, tiny_bundle: MakeBundle) -> None:
    dataset = open_dataset(garments, any_idx=True)
    run, other = Run(tmp_path / "run"), tiny_bundle(tmp_path / "other", seed=2)
    tiny_bundle(run.bundle, seed=1)
    run.write_predictions({"test": np.eye(10, dtype=np.float32)[dataset.test.labels]})
    for digest, accuracy in (
        (dataset.digest, 1.0),
        ("another", evaluate([str(run.bundle)], data=garments, any_idx=True)[0].evaluation.accuracy),
    ):
        (run.path / "metrics.json").write_text(json.dumps({"data": {"digest": digest}}))
        comparison = compare(str(run.path), str(other.path), data=garments, any_idx=True)
        assert comparison.first.evaluation.accuracy == accuracy


def test_layout_of_the_json(garments: Path, pair: tuple[Bundle, Bundle]) -> None:
    names = [str(one.path) for one in pair]
    printed = json.loads(json.dumps(compare(*names, data=garments, any_idx=True).to_json(), allow_nan=False))
    assert list(printed) == ["first", "second", "mcnemar"]
    assert [printed[place]["model"] for place in ("first", "second")] == names
    assert list(printed["mcnemar"]) == ["n", "only_first", "only_second", "difference", "interval", "p_value"]
    low, high = printed["mcnemar"]["interval"]
    assert low <= printed["mcnemar"]["difference"] <= high


def test_progress(garments: Path, pair: tuple[Bundle, Bundle]) -> None:
    reported: list[tuple[str, float, float, str]] = []

    def progress(task: str, done: float, total: float, note: str = "") -> None:
        reported.append((task, done, total, note))

    names = [str(one.path) for one in pair]
    compare(*names, data=garments, any_idx=True, progress=progress)
    assert reported == [("compare", 1, 2, names[0]), ("compare", 2, 2, names[1])]


def test_other_classes_are_refused(garments: Path, tmp_path: Path, tiny_bundle: MakeBundle) -> None:
    known = tiny_bundle(tmp_path / "known")
    other = tiny_bundle(tmp_path / "other", classes=("Hat", "Scarf"))
    for order in ((known, other), (other, known)):
        with pytest.raises(UsageError, match=r"other has the classes Hat, Scarf, but garments has T-shirt/top, "):
            compare(*(str(one.path) for one in order), data=garments, any_idx=True)


def npz(**arrays: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def npy(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


@pytest.mark.parametrize(
    ("predictions", "message"),
    [
        (npz(validation=np.zeros((3, 10), np.float32)), "has no logits of the test images"),
        (npz(test=np.zeros((200, 10), np.int64)), "has no logits of the test images"),
        (npz(test=np.full((200, 10), np.nan, np.float32)), "NaN or infinity"),
        (npz(test=np.zeros((200, 3), np.float32)), r"shape \(200, 3\)"),
        (npy(np.zeros((200, 10), np.float32)), "cannot be read"),
        (b"", "cannot be read"),
        (npz(test=np.zeros((200, 10), np.float32))[:-60], "cannot be read"),
    ],
)
def test_damaged_predictions_are_refused(
    predictions: bytes, message: str, garments: Path, tmp_path: Path, tiny_bundle: MakeBundle
) -> None:
    run = Run(tmp_path / "run")
    tiny_bundle(run.bundle)
    (run.path / "predictions.npz").write_bytes(predictions)
    digest = open_dataset(garments, any_idx=True).digest
    (run.path / "metrics.json").write_text(json.dumps({"data": {"digest": digest}}))
    with pytest.raises(ModelError, match=message):
        compare(str(run.path), str(run.path), data=garments, any_idx=True)


@pytest.mark.parametrize("metrics", ["[]", "{}", '{"data": []}', '{"data": "x"}'])
def test_metrics_without_the_data_are_refused(
    metrics: str, garments: Path, tmp_path: Path, tiny_bundle: MakeBundle
) -> None:
    run = Run(tmp_path / "run")
    tiny_bundle(run.bundle)
    (run.path / "metrics.json").write_text(metrics)
    with pytest.raises(ModelError, match=r"metrics\.json"):
        compare(str(run.path), str(run.path), data=garments, any_idx=True)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Six photos of three photographers, in red or blue; the last two have each other's label."""
    rows = ["file,label,sender_id"]
    for number, (label, color) in enumerate(zip("aabbab", ("red", "red", "blue", "blue", "blue", "red"), strict=True)):
        Image.new("RGB", (20, 20), color).save(tmp_path / f"{number}.png")
        rows.append(f"{number}.png,{label},{number // 2}")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    return tmp_path / "labels.csv"


def test_photos_in_groups(photos: Path, color_bundle: MakeBundle, tmp_path: Path) -> None:
    """The groups are the unit of the test; without groups it is McNemar's."""
    right = color_bundle(tmp_path / "right", {"a": (255, 0, 0), "b": (0, 0, 255)})
    wrong = color_bundle(tmp_path / "wrong", {"a": (0, 0, 255), "b": (255, 0, 0)})
    names = (str(right.path), str(wrong.path))
    (coded := photos.with_name("coded.csv")).write_text(
        photos.read_text().replace(",a,", ",A-1,").replace(",b,", ",B-1,")
    )
    (codes := tmp_path / "codes.csv").write_text("class,code\na,a-1\nb,b-1\n")
    found = compare(*names, data=photos)
    assert compare(*names, data=coded, taxonomy=codes).grouped_test == found.grouped_test
    assert found.mcnemar is None
    assert found.grouped_test == grouped_test([True] * 4 + [False] * 2, [False] * 4 + [True] * 2, [0, 0, 1, 1, 2, 2])
    assert [found.first.model, found.second.model] == list(names)
    assert found.first.evaluation.accuracy == pytest.approx(4 / 6)
    assert found.to_json()["grouped_test"]["n_groups"] == 3
    photos.write_text("\n".join(line.rpartition(",")[0] for line in photos.read_text().splitlines()))
    found = compare(*names, data=photos)
    assert found.mcnemar is not None
    assert (found.mcnemar.only_first, found.mcnemar.only_second, found.grouped_test) == (4, 2, None)


def test_a_warning_names_the_model_by_its_path(
    photos: Path, color_bundle: MakeBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two runs of one preset have the same name."""
    names = [str(color_bundle(tmp_path / name, {"a": (255, 0, 0), "b": (0, 0, 255)}).path) for name in ("one", "two")]
    monkeypatch.setattr(Model, "was_trained_on", lambda _, images: np.ones(len(images), bool))
    notes: list[str] = []
    compare(*names, data=photos, progress=lambda task, done, total, note="": notes.append(note))
    assert [note.split()[0] for note in notes if "was trained on 6 of these 6" in note] == names


def test_only_photos_with_a_class_of_both_models_are_compared(
    photos: Path, color_bundle: MakeBundle, tmp_path: Path
) -> None:
    both = color_bundle(tmp_path / "both", {"a": (255, 0, 0), "b": (0, 0, 255)})
    one = color_bundle(tmp_path / "one", {"a": (255, 0, 0), "c": (0, 0, 255)})
    other = color_bundle(tmp_path / "other", {"b": (255, 0, 0), "c": (0, 0, 255)})
    notes: list[str] = []
    found = compare(
        str(both.path), str(one.path), data=photos, progress=lambda task, done, total, note="": notes.append(note)
    )
    assert found.grouped_test is not None
    assert (found.grouped_test.n, found.first.evaluation.n, found.second.evaluation.n) == (3, 6, 3)
    assert any(note.startswith("3 photos are in no paired test") for note in notes)
    with pytest.raises(DataError, match="have no class of any photo"):
        compare(str(one.path), str(other.path), data=photos)


def test_a_photo_model_needs_photos(color_bundle: MakeBundle, tmp_path: Path) -> None:
    made = color_bundle(tmp_path / "both", {"a": (255, 0, 0), "b": (0, 0, 255)})
    with pytest.raises(UsageError, match="classifies photos"):
        compare(str(made.path), "fashion-cnn")
