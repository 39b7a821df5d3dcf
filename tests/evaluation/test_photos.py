"""Models held against tables of photos, in words that each can know."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from clothier.bundle import OOD_FILE, TRAINING_HASHES_FILE
from clothier.data.perceptual_hash import dhash, to_bytes
from clothier.data.photo_csv import Columns
from clothier.data.photos import load_image
from clothier.errors import DataError, UsageError
from clothier.evaluation import robustness as evaluate_corrupted
from clothier.evaluation.corruptions import CORRUPTIONS
from clothier.selective.ood import fit_ood_scorer
from clothier.selective.thresholds import Thresholds
from clothier.taxonomy import FASHION_MNIST_CLASSES
from clothier.types import InputSpec
from clothier.workflows.evaluate import evaluate

if TYPE_CHECKING:
    from collections.abc import Callable

    from clothier.bundle import Bundle

    MakeBundle = Callable[..., Bundle]

RED, GREEN, BLUE, WHITE, BLACK = (230, 20, 20), (20, 230, 20), (20, 20, 230), (250, 250, 250), (5, 5, 5)
COLORS = {"dress": RED, "shoes": GREEN, "hat": BLUE, "boot": WHITE, "sandal": BLACK}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A table: what each photo is called, and what it looks like to the model."""
    rows = [
        ("a", "dress", "", RED),
        ("b", "dress", "", BLUE),
        ("c", "shoes", "boot", WHITE),
        ("d", "shoes", "sandal", WHITE),
        ("e", "shoes", "", BLACK),
        ("f", "hat", "", BLUE),
        ("g", "", "", (128, 128, 128)),
    ]
    for name, _, _, colour in rows:
        Image.new("RGB", (40, 30), colour).save(tmp_path / f"{name}.png")
    lines = [f"{name}.png,{label},{finer},{name}" for name, label, finer, _ in rows]
    (tmp_path / "table.csv").write_text("\n".join(["file,label,footwear,sender_id", *lines]))
    return tmp_path / "table.csv"


@pytest.fixture
def model(tmp_path: Path, color_bundle: MakeBundle) -> str:
    return str(color_bundle(tmp_path / "colours", COLORS).path)


def evaluate_json(models: list[str], data: Path, **options: Any) -> list[dict[str, Any]]:
    """As ``--json`` prints it."""
    found: list[dict[str, Any]] = json.loads(
        json.dumps([one.to_json() for one in evaluate(models, data=data, **options)], allow_nan=False)
    )
    return found


def test_a_subclass_counts_for_its_parent_class(photos: Path, model: str) -> None:
    (found,) = evaluate_json([model], photos)
    assert (found["model"], found["data"], found["n"]) == (model, "table", 6), "the empty label is not asked about"
    assert found["accuracy"] == 5 / 6, "all but the blue dress"
    recalls = {one["class"]: (one["recall"], one["n"]) for one in found["per_class"]}
    assert recalls == {"dress": (0.5, 2), "shoes": (1.0, 3), "hat": (1.0, 1)}
    assert found["macro_recall"] == pytest.approx(2.5 / 3)
    assert found["failures"] == []
    assert found["n_trained_on"] == 0
    assert "coverage" not in found, "the model has no thresholds"


def test_a_class_without_photos_is_in_no_mean(tmp_path: Path, photos: Path, color_bundle: MakeBundle) -> None:
    wider = color_bundle(tmp_path / "wider", {**COLORS, "skirt": (255, 255, 0)})
    (found,) = evaluate_json([str(wider.path)], photos)
    assert [one["n"] for one in found["per_class"] if one["class"] == "skirt"] == [0]
    assert found["macro_recall"] == pytest.approx(2.5 / 3)


def test_the_gap_is_told_on_the_photos_whose_class_both_know(photos: Path, model: str) -> None:
    gap = evaluate_json([model], photos)[0]["domain_gap"]
    assert gap["n"] == 4, "two dresses, a boot and a sandal; hats and unnamed shoes are left out"
    assert gap["colours"] == 0.5
    assert [one["class"] for one in gap["per_class"]] == ["Dress", "Sandal", "Ankle boot"]
    assert [one["colours"] for one in gap["per_class"]] == [0.5, 0.0, 1.0]
    rival = [one["fashion-cnn"] * one["n"] for one in gap["per_class"]]
    assert sum(rival) / 4 == pytest.approx(gap["fashion-cnn"])


def test_no_gap_without_a_class_in_common(tmp_path: Path, color_bundle: MakeBundle) -> None:
    for name, colour in (("hat", BLUE), ("skirt", RED)):
        (tmp_path / "data" / name).mkdir(parents=True)
        Image.new("RGB", (20, 20), colour).save(tmp_path / "data" / name / "a.png")
    saved = color_bundle(tmp_path / "model", {"hat": BLUE, "skirt": RED})
    (found,) = evaluate_json([str(saved.path)], tmp_path / "data")
    assert (found["data"], found["n"], found["accuracy"]) == ("data", 2, 1.0)
    assert "domain_gap" not in found


def test_a_model_of_fashion_mnist_is_asked_about_what_it_knows(photos: Path) -> None:
    (found,) = evaluate_json(["fashion-cnn"], photos)
    assert found["n"] == 4
    assert [one["class"] for one in found["per_class"]] == list(FASHION_MNIST_CLASSES)
    asked = {one["class"]: one["recall"] for one in found["per_class"] if one["n"]}
    assert list(asked) == ["Dress", "Sandal", "Ankle boot"]
    assert found["macro_recall"] == pytest.approx(np.mean(list(asked.values())))
    assert "domain_gap" not in found


def test_selective_metrics(tmp_path: Path, photos: Path, color_bundle: MakeBundle) -> None:
    known = np.random.default_rng(0).normal(np.repeat([(0.9, 0.1, 0.1), (0.1, 0.1, 0.9)], 20, axis=0), 0.01)
    novelty = fit_ood_scorer(known, np.zeros(len(known), np.int64), n_components=2)
    thresholds = Thresholds(min_probability=0.9).to_json()
    saved = color_bundle(tmp_path / "sure", COLORS, extras={OOD_FILE: novelty.to_bytes()}, thresholds=thresholds)
    (found,) = evaluate_json([str(saved.path)], photos)
    assert found["coverage"] == 1.0
    assert found["selective_risk"] == pytest.approx(1 / 6)
    assert found["guarantee"] is None
    assert 0 <= found["novelty_auroc"] <= 1
    assert set(found) >= {"selective_risk_open"}


def test_photos_that_were_trained_on_are_reported(tmp_path: Path, photos: Path, color_bundle: MakeBundle) -> None:
    blotches = np.random.default_rng(0).integers(0, 256, (30, 30, 3), dtype=np.uint8)
    Image.fromarray(blotches).save(photos.parent / "f.png")
    seen = load_image(photos.parent / "f.png", InputSpec("center_crop", 16, 16, 3))[None]
    saved = color_bundle(tmp_path / "informed", COLORS, extras={TRAINING_HASHES_FILE: to_bytes(dhash(seen))})
    notes: list[str] = []
    (found,) = evaluate_json([str(saved.path)], photos, progress=lambda *told: notes.append(str(told[-1])))
    assert found["n_trained_on"] == 1
    assert any(note.startswith("informed learnt from 1 of these 6 photos, so its figures here are") for note in notes)


def test_each_model_sees_its_own_view(photos: Path, model: str) -> None:
    found = evaluate_json([model, "fashion-cnn"], photos)
    assert [one["n"] for one in found] == [6, 4]
    assert found[0]["domain_gap"]["fashion-cnn"] == found[1]["accuracy"]


def test_unreadable_photos_are_named_and_in_no_figure(photos: Path, model: str) -> None:
    (photos.parent / "a.png").write_bytes(b"")
    (photos.parent / "f.png").unlink()
    (found,) = evaluate_json([model], photos)
    assert found["n"] == 4
    assert {(Path(one["file"]).name, one["error"]["code"]) for one in found["failures"]} == {
        ("a.png", "empty"),
        ("f.png", "not-found"),
    }
    assert found["domain_gap"]["n"] == 3


def test_no_label_that_the_model_knows(tmp_path: Path, photos: Path, model: str) -> None:
    photos.write_text("file,label\nf.png,hat\n")
    with pytest.raises(DataError, match=r"table has no readable photo with a label that fashion-cnn knows; give some"):
        evaluate(["fashion-cnn"], data=photos)
    photos.write_text("file,label\nf.png,umbrella\n")
    with pytest.raises(DataError, match=r"has the label 'umbrella' \(line 2\), which the model does not know"):
        evaluate([model], data=photos)


def test_columns(photos: Path, model: str) -> None:
    photos.write_text("picture,kind,line\na.png,dress,1\n")
    (found,) = evaluate_json([model], photos, columns=Columns("picture", "kind", "line"))
    assert found["n"] == 1


def test_table_warnings_are_reported(photos: Path, model: str) -> None:
    told: list[str] = []
    photos.write_text("file,label\na.png,dress\n")
    evaluate([model], data=photos, progress=lambda task, done, total, note="": told.append(note))
    assert f"{photos} has no column 'sender_id': every photo counts as taken by another person." in told


def test_corrupted_photos(photos: Path, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate_corrupted, "CORRUPTIONS", {"inverse": CORRUPTIONS["inverse"]})
    found = evaluate_json([model, "fashion-cnn"], photos, corruptions=True)
    assert [one["corrupted_n"] for one in found] == [6, 4]
    assert found[0]["corruptions"]["inverse"][4] == 3 / 6, "in the negative footwear is footwear still"
    assert found[0]["relative_corruption_error"] == 1


def test_a_model_of_photos_needs_some(model: str) -> None:
    with pytest.raises(UsageError) as caught:
        evaluate([model])
    assert str(caught.value) == (
        "colours looks at photos, and Fashion-MNIST has none; give labelled photos with --data: a CSV, or a folder "
        "with a subfolder for each class."
    )
