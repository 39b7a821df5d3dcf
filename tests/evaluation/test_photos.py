"""Models on tables of photos, each evaluated on the labels that it has a class for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from clothier.bundle import OOD_FILE, TRAINING_HASHES_FILE
from clothier.clustered import clustered_standard_error
from clothier.data.columns import Columns
from clothier.data.fingerprints import dhash, to_bytes
from clothier.data.photos import load_image
from clothier.errors import DataError, UsageError
from clothier.evaluation import robustness
from clothier.evaluation.corruptions import CORRUPTIONS
from clothier.evaluation.photo_cache import PhotoCache
from clothier.evaluation.photos import evaluate_photos
from clothier.inference import load
from clothier.metrics import standard_error
from clothier.selective.ood import fit_ood_scorer
from clothier.selective.thresholds import Thresholds
from clothier.taxonomy import FASHION_MNIST_CLASSES
from clothier.types import InputSpec, ModelOutput
from clothier.workflows.compare import compare
from clothier.workflows.evaluate import evaluate
from clothier.workflows.explore import explore
from tests.shifted_photos import draw_catalogue, save_shift_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from clothier.bundle import Bundle

    MakeBundle = Callable[..., Bundle]

RED, GREEN, BLUE, WHITE, BLACK, YELLOW = (
    (230, 20, 20),
    (20, 230, 20),
    (20, 20, 230),
    (250, 250, 250),
    (5, 5, 5),
    (200, 200, 20),
)
COLORS = {"dress": RED, "shoes": GREEN, "hat": BLUE, "boot": WHITE, "sandal": BLACK}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A table: label and subclass of each photo, and the class that it looks like to the model, as a color."""
    rows = [
        ("a", "dress", "", RED),
        ("b", "dress", "", BLUE),
        ("c", "shoes", "boot", WHITE),
        ("d", "shoes", "sandal", WHITE),
        ("e", "shoes", "", BLACK),
        ("f", "hat", "", BLUE),
        ("g", "", "", YELLOW),
    ]
    for name, _, _, color in rows:
        Image.new("RGB", (40, 30), color).save(tmp_path / f"{name}.png")
    lines = [f"{name}.png,{label},{subclass},{name}" for name, label, subclass, _ in rows]
    (tmp_path / "table.csv").write_text("\n".join(["file,label,footwear,sender_id", *lines]))
    return tmp_path / "table.csv"


@pytest.fixture
def model(tmp_path: Path, color_bundle: MakeBundle) -> str:
    return str(color_bundle(tmp_path / "colors", COLORS).path)


def evaluate_json(models: list[str], data: Path, **options: Any) -> list[dict[str, Any]]:
    """As ``--json`` prints it."""
    found: list[dict[str, Any]] = json.loads(
        json.dumps([one.to_json() for one in evaluate(models, data=data, **options)], allow_nan=False)
    )
    return found


def test_a_subclass_counts_for_its_parent_class(photos: Path, model: str) -> None:
    (found,) = evaluate_json([model], photos)
    assert (found["model"], found["data"], found["n"]) == (model, "table", 6), "the empty label is left out"
    assert found["n_groups"] == 6
    assert found["accuracy"] == 5 / 6, "all but the blue dress"
    recalls = {one["class"]: (one["recall"], one["n"]) for one in found["per_class"]}
    assert recalls == {"dress": (0.5, 2), "shoes": (1.0, 3), "hat": (1.0, 1)}
    assert found["macro_recall"] == pytest.approx(2.5 / 3)
    assert found["failures"] == []
    assert found["n_trained_on"] == 0
    assert "coverage" not in found, "the model has no thresholds"
    assert "catalogue" not in found, "it cannot tell"


@pytest.mark.parametrize("pale", [True, False])
def test_whether_the_photos_are_unlike_the_training_photos(
    tmp_path: Path, color_bundle: MakeBundle, pale: bool
) -> None:
    model = save_shift_model(tmp_path / "shop", color_bundle)
    files = draw_catalogue(tmp_path / "images", 60, pale=pale)
    rows = [f"{one},{one.name.split('-')[0] * (place > 0)}" for place, one in enumerate(files)]
    (tmp_path / "table.csv").write_text("\n".join(["file,label", *rows]))
    (found,) = evaluate_json([str(model)], tmp_path / "table.csv")
    assert (found["catalogue"]["unlike"], found["catalogue"]["n"]) == (pale, 60), "also the one without a label"
    assert found["coverage"] > 0.5, "as if the model was trusted"


def test_the_standard_error_is_robust_to_groups(photos: Path, model: str) -> None:
    rows = photos.read_text().splitlines()
    pairs = (f"{row.rpartition(',')[0]},{place // 2}" for place, row in enumerate(rows[1:]))
    photos.write_text("\n".join([rows[0], *pairs]))
    (found,) = evaluate_json([model], photos)
    correct, groups = np.array([1, 0, 1, 1, 1, 1], bool), np.array([0, 0, 1, 1, 2, 2])
    assert found["n_groups"] == 3
    assert found["standard_error"] == pytest.approx(clustered_standard_error(correct, groups))
    photos.write_text("file,label\na.png,dress\nb.png,dress\nf.png,hat\n")
    (found,) = evaluate_json([model], photos)
    assert (found["n_groups"], found["standard_error"]) == (None, pytest.approx(standard_error(2 / 3, 3)))


def test_a_class_without_photos_counts_in_no_average(tmp_path: Path, photos: Path, color_bundle: MakeBundle) -> None:
    model = color_bundle(tmp_path / "wider", {**COLORS, "skirt": (255, 255, 0)})
    (found,) = evaluate_json([str(model.path)], photos)
    assert [one["n"] for one in found["per_class"] if one["class"] == "skirt"] == [0]
    assert found["macro_recall"] == pytest.approx(2.5 / 3)


def test_domain_gap_on_the_photos_of_shared_classes(photos: Path, model: str) -> None:
    gap = evaluate_json([model], photos)[0]["domain_gap"]
    assert gap["n"] == 4, "two dresses, a boot and a sandal; hats and shoes without a subclass are left out"
    assert gap["colors"] == 0.5
    assert [one["class"] for one in gap["per_class"]] == ["Dress", "Sandal", "Ankle boot"]
    assert [one["colors"] for one in gap["per_class"]] == [0.5, 0.0, 1.0]
    n_correct = [one["fashion-cnn"] * one["n"] for one in gap["per_class"]]
    assert sum(n_correct) / 4 == pytest.approx(gap["fashion-cnn"])


def test_no_domain_gap_without_a_shared_class(tmp_path: Path, color_bundle: MakeBundle) -> None:
    for name, color in (("hat", BLUE), ("skirt", RED)):
        (tmp_path / "data" / name).mkdir(parents=True)
        Image.new("RGB", (20, 20), color).save(tmp_path / "data" / name / "a.png")
    saved = color_bundle(tmp_path / "model", {"hat": BLUE, "skirt": RED})
    (found,) = evaluate_json([str(saved.path)], tmp_path / "data")
    assert (found["data"], found["n"], found["accuracy"]) == ("data", 2, 1.0)
    assert "domain_gap" not in found


def test_a_fashion_mnist_model_is_evaluated_on_its_own_classes(photos: Path) -> None:
    (found,) = evaluate_json(["fashion-cnn"], photos)
    assert found["n"] == 4
    assert [one["class"] for one in found["per_class"]] == list(FASHION_MNIST_CLASSES)
    recalls = {one["class"]: one["recall"] for one in found["per_class"] if one["n"]}
    assert list(recalls) == ["Dress", "Sandal", "Ankle boot"]
    assert found["macro_recall"] == pytest.approx(np.mean(list(recalls.values())))
    assert "domain_gap" not in found


def test_selective_metrics(tmp_path: Path, photos: Path, color_bundle: MakeBundle) -> None:
    embeddings = np.random.default_rng(0).normal(np.repeat([(0.9, 0.1, 0.1), (0.1, 0.1, 0.9)], 20, axis=0), 0.01)
    scorer = fit_ood_scorer(embeddings, np.zeros(len(embeddings), np.int64), n_components=2)
    thresholds = Thresholds(min_probability=0.9).to_json()
    saved = color_bundle(tmp_path / "sure", COLORS, extras={OOD_FILE: scorer.to_bytes()}, thresholds=thresholds)
    (found,) = evaluate_json([str(saved.path)], photos)
    assert found["coverage"] == 1.0
    assert found["selective_risk"] == pytest.approx(1 / 6)
    assert found["guarantee"] is None
    assert (found["novelty_auroc"], found["selective_risk_open"]) == (1, 1 / 6), "the yellow photo has no label"


def test_accepted_tags_are_the_models_own_classes(
    photos: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, color_bundle: MakeBundle
) -> None:
    """Every photo is tagged dress, with 0.4; boot and sandal together are more probable, and count as shoes."""
    thresholds = Thresholds(min_probability=0.35).to_json()
    saved = color_bundle(tmp_path / "unsure", COLORS, thresholds=thresholds)
    loaded = load(str(saved.path))
    row = np.log([{"dress": 0.4, "boot": 0.25, "sandal": 0.25}.get(name, 0.05) for name in loaded.classes])

    def run(images: np.ndarray) -> ModelOutput:
        return ModelOutput(np.tile(row, (len(images), 1)).astype(np.float32), np.zeros((len(images), 3), np.float32))

    monkeypatch.setattr(loaded._classifier, "run", run)
    found = evaluate_photos(loaded, PhotoCache(photos, Columns()))
    assert found.evaluation.accuracy == 0.5, "three of six are shoes"
    assert found.selective is not None
    assert found.selective["n_accepted"] == 6
    assert found.selective["selective_risk"] == pytest.approx(4 / 6), "two are dresses"


def test_photos_that_the_model_was_trained_on_are_reported(
    tmp_path: Path, photos: Path, color_bundle: MakeBundle
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (30, 30, 3), dtype=np.uint8)
    Image.fromarray(noise).save(photos.parent / "f.png")
    trained_on = load_image(photos.parent / "f.png", InputSpec("center_crop", 16, 16, 3))[None]
    saved = color_bundle(tmp_path / "informed", COLORS, extras={TRAINING_HASHES_FILE: to_bytes(dhash(trained_on))})
    notes: list[str] = []
    (found,) = evaluate_json([str(saved.path)], photos, progress=lambda *told: notes.append(str(told[-1])))
    assert found["n_trained_on"] == 1
    assert any(note.startswith(f"{saved.path} was trained on 1 of these 6 photos") for note in notes)


def test_each_model_gets_its_own_input(photos: Path, model: str) -> None:
    found = evaluate_json([model, "fashion-cnn"], photos)
    assert [one["n"] for one in found] == [6, 4]
    assert found[0]["domain_gap"]["fashion-cnn"] == found[1]["accuracy"]


def test_unreadable_photos_are_reported_and_count_nowhere(photos: Path, model: str) -> None:
    (photos.parent / "a.png").write_bytes(b"")
    (photos.parent / "f.png").unlink()
    (found,) = evaluate_json([model], photos)
    assert found["n"] == 4
    assert {(Path(one["file"]).name, one["error"]["code"]) for one in found["failures"]} == {
        ("a.png", "empty"),
        ("f.png", "not-found"),
    }
    assert found["domain_gap"]["n"] == 3


def test_labels_that_the_model_has_no_class_for(tmp_path: Path, photos: Path, model: str) -> None:
    photos.write_text("file,label\nf.png,hat\n")
    with pytest.raises(DataError, match=r"^table has no readable photo .* fashion-cnn"):
        evaluate(["fashion-cnn"], data=photos)
    photos.write_text("file,label\nf.png,umbrella\n")
    with pytest.raises(DataError, match=r"line 2: 'umbrella' is not a class of the model"):
        evaluate([model], data=photos)


def test_labels_that_fashion_mnist_does_not_have_are_named(photos: Path) -> None:
    photos.write_text("file,label\na.png,Dress\nb.png,DRESS\nc.png,hat\nd.png,T-shirt_top\ne.png,T-shirt_top\n")
    notes: list[str] = []
    (found,) = evaluate_json(["fashion-cnn"], photos, progress=lambda *told: notes.append(str(told[-1])))
    assert found["n"] == 2
    assert "1 photos labeled hat are left out: Fashion-MNIST has no such class." in notes
    assert [one["error"]["code"] for one in found["failures"]] == ["unknown-label"]
    message = found["failures"][0]["error"]["message"]
    assert "'T-shirt_top' is not a class of the model; did you mean 'T-shirt/top'? Photos left out: 2." in message


def test_a_divided_folder_is_evaluated_on_its_test_photos(photos: Path, model: str) -> None:
    for name, split in (("a", "train"), ("b", "test"), ("c", "train"), ("d", "test"), ("f", "Test")):
        target = photos.parent / "tree" / split.lower() / ("hat" if name == "f" else "dress") / f"{name}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        (photos.parent / f"{name}.png").rename(target)
    (found,) = evaluate_json([model], photos.parent / "tree")
    assert (found["data"], found["n"]) == ("tree, test", 3)


def test_columns(photos: Path, model: str) -> None:
    photos.write_text("picture,kind,line\na.png,dress,1\n")
    (found,) = evaluate_json([model], photos, columns=Columns("picture", "kind", "line"))
    assert found["n"] == 1


def test_photos_of_a_product_vote(photos: Path, model: str) -> None:
    """Photos without a product and the photo of no class are left out."""
    skus = ["sku", "p1", "p1", "p2", "p2", "p2", "", ""]
    lines = photos.read_text().splitlines()
    photos.write_text("\n".join(f"{line},{sku}" for line, sku in zip(lines, skus, strict=True)))
    (found,) = evaluate_json([model], photos, columns=Columns(product="sku"))
    assert (found["products"]["n"], found["products"]["n_photos"], found["products"]["n_mixed_labels"]) == (2, 5, 0)
    many = {"n": 1, "n_photos": 3, "accuracy": 1.0, "photo_accuracy": 1.0}
    assert found["products"]["many_photos"] == many
    (without,) = evaluate_json([model], photos)
    assert "products" not in without


def test_table_warnings_are_reported(photos: Path, model: str) -> None:
    notes: list[str] = []
    photos.write_text("file,label\na.png,dress\n")
    evaluate([model], data=photos, progress=lambda task, done, total, note="": notes.append(note))
    assert any(note.startswith(f"{photos} has no column 'sender_id'") for note in notes)


def test_notes_on_files_are_counted_and_reported_once(photos: Path, model: str) -> None:
    """One line a kind, also with two models that take the same input, and in JSON."""
    for name in ("a.png", "c.png"):
        content = (photos.parent / name).read_bytes()
        (photos.parent / name).write_bytes(content[: content.index(b"IEND") - 4])
    notes: list[str] = []
    found = evaluate([model, model], data=photos, progress=lambda task, done, total, note="": notes.append(note))
    note = f"2 of 7 photos, the first {photos.parent / 'a.png'}: The PNG has no end marker; its pixels are complete."
    assert notes.count(note) == 1
    assert [one.to_json()["warnings"] for one in found] == [[note], [note]]


def test_corrupted_photos(photos: Path, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(robustness, "CORRUPTIONS", {"inverse": CORRUPTIONS["inverse"]})
    found = evaluate_json([model, "fashion-cnn"], photos, corruptions=True)
    assert [one["corrupted_n"] for one in found] == [6, 4]
    assert found[0]["corruptions"]["inverse"][4] == 3 / 6, "in the negative, footwear is still footwear"
    assert found[0]["relative_corruption_error"] == 1


@pytest.mark.parametrize(
    "command",
    [
        lambda **given: evaluate(["fashion-cnn"], **given),
        lambda **given: compare("fashion-cnn", "fashion-dnn", **given),
        explore,
    ],
)
def test_columns_of_a_data_set_are_refused(command: Callable[..., object]) -> None:
    """They were ignored, and the error was one of single photos."""
    with pytest.raises(UsageError, match=r"^the data have no table of photos, so no column 'who' or 'kind'"):
        command(columns=Columns(label="who", group="kind"))


def test_columns_of_class_folders_are_refused(tmp_path: Path, model: str) -> None:
    (tmp_path / "folder" / "hat").mkdir(parents=True)
    Image.new("RGB", (40, 30), RED).save(tmp_path / "folder" / "hat" / "a.png")
    with pytest.raises(DataError, match=r"folder has no table of photos, so no column 'who'\. Give a CSV"):
        evaluate([model], data=tmp_path / "folder", columns=Columns(group="who"))


def test_a_photo_model_needs_photos(model: str) -> None:
    with pytest.raises(UsageError, match=r"^colors classifies photos.*--data"):
        evaluate([model])
