"""A photo model from drawn photos to its run folder: 28 photos, two folds, one epoch."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from clothier import bundle
from clothier.bundle import OOD_FILE
from clothier.data.columns import Columns
from clothier.errors import DataError, Interrupted, UsageError
from clothier.inference.loading import open_model
from clothier.metrics import auroc
from clothier.recipes.presets import BEST_PHOTO, FAST_PHOTO
from clothier.training.export.bundle_export import open_uncalibrated
from clothier.training.export.int8 import quantize_graph
from clothier.training.finetune import epochs, features
from clothier.training.finetune.cross_validation import out_of_fold_predictions, protocol
from clothier.training.finetune.data import MIN_PHOTOS_PER_CLASS, load_photo_training_data
from clothier.training.finetune.features import FrozenFeatureExtractor
from clothier.training.options import PhotoOptions, from_config
from clothier.types import no_progress
from clothier.workflows import training_run as workflow
from clothier.workflows.tag import tag
from clothier.workflows.train import resume, train, train_model

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from clothier.runs import Run
    from clothier.training.finetune.cross_validation import FineTuneResult
    from clothier.training.finetune.data import PhotoTrainingData

COLORS = {"dress": (200, 40, 40), "hat": (40, 40, 200), "": (40, 200, 40)}
COLUMNS = Columns(product="sku")
RECIPE = replace(BEST_PHOTO, epochs=1, folds=2, frozen_stages=6)


@pytest.fixture(scope="module", autouse=True)
def _exported_once(frozen_extractor: FrozenFeatureExtractor) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(features, "FrozenFeatureExtractor", lambda *_: frozen_extractor)
        yield


def write_image(file: Path, color: tuple[int, int, int], seed: int) -> None:
    noise = np.random.default_rng(seed).integers(-40, 40, (48, 48, 3))
    file.parent.mkdir(exist_ok=True, parents=True)
    Image.fromarray(np.clip(noise + color, 0, 255).astype(np.uint8)).save(file)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 photos of eight products by four people, two of no class, a class of two, a text file and a missing one."""
    folder = tmp_path_factory.mktemp("photos")
    rows = []
    for number in range(24):
        label = "dress" if number % 2 else "hat"
        rows.append((f"{number}.png", label, number // 2 % 4, f"{label} {number // 2 % 4}"))
        write_image(folder / "images" / f"{number}.png", COLORS[label], number)
    for number in range(24, 28):
        label = "" if number < 26 else "skirt"
        rows.append((f"{number}.png", label, 1, ""))
        write_image(folder / "images" / f"{number}.png", COLORS[""], number)
    (folder / "images" / "text.jpg").write_text("not an image")
    rows += [("text.jpg", "hat", 1, "hat 0"), ("gone.png", "hat", 2, "")]
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "label", "sender_id", "sku"), *rows])
    return folder / "labels.csv"


@pytest.fixture(scope="module")
def made(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("runs") / "photo"
    return train_model("photo", recipe=RECIPE, data=str(table), out=out, columns=COLUMNS)


def test_run_folder_is_complete(made: Run) -> None:
    expected = "config.json results.csv metrics.json environment.json bundle model_card.md report.html audit.csv"
    assert set(expected.split()) <= {path.name for path in made.path.iterdir()}
    (record,) = made.read_results()
    assert record.epoch == 1
    assert record.validation_accuracy is not None


def test_metrics_and_protocol(made: Run) -> None:
    metrics = made.metrics
    validation = metrics["validation"]
    assert (validation["n"], validation["n_ood"]) == (24, 2)
    assert [score["class"] for score in validation["per_class"]] == ["dress", "hat"]
    assert validation["guarantee"]["n"] == 24
    assert validation["n_groups"] == 4
    assert validation["guarantee"]["grouped_by"] == "photographer"
    assert metrics["test"] is None
    assert metrics["protocol"].startswith("2 folds of 24 labeled photos, split by photographer")
    comparison = metrics["baseline_comparison"]
    baseline, model = comparison["baseline"], comparison["model"]
    assert comparison["gain"]["accuracy"] == pytest.approx(model["accuracy"] - baseline["accuracy"])
    assert [fold["n"] for fold in baseline["folds"]] == [fold["n"] for fold in model["folds"]]
    assert comparison["grouped_test"]["n_groups"] == 4
    assert metrics["data"]["classes"] == {"dress": 12, "hat": 12}


def test_the_initial_weights_are_compared_and_named(made: Run) -> None:
    chosen = made.metrics["initial_weights"]
    assert set(chosen["accuracies"]) == {"imagenet", "photo"}
    assert chosen["accuracies"][chosen["name"]] == max(chosen["accuracies"].values())
    assert f"Training started from the weights of {chosen['name']}, which were chosen by" in made.metrics["protocol"]
    assert f"frozen {chosen['name']} features" in made.metrics["baseline_comparison"]["baseline"]["name"]
    assert bundle.open_bundle(made.bundle).metadata.metrics["initial_weights"] == chosen
    assert made.metrics["validation"]["guarantee"]["provable"]


def test_photos_of_a_product_vote(made: Run) -> None:
    products = made.metrics["products"]
    assert (products["n"], products["n_photos"], products["n_mixed_labels"]) == (8, 24, 0)
    assert products["many_photos"] == {
        name: value for name, value in products.items() if name in products["many_photos"]
    }
    assert products["photo_accuracy"] == pytest.approx(made.metrics["validation"]["accuracy"])
    assert products["accuracy"] >= products["photo_accuracy"], "two colors"
    assert "with three photos or more" in (made.path / "report.html").read_text()


def test_out_of_fold_predictions_are_saved(made: Run, table: Path) -> None:
    with np.load(made.path / "out_of_fold.npz") as file:
        saved = dict(file)
    labeled = saved["labels"] >= 0
    assert labeled.sum() == 24
    assert set(saved["fold"]) == {0, 1}, "photos of no class are scored by the network of their fold, too"
    of_group = set(saved["fold"][saved["groups"] == saved["groups"][~labeled][0]])
    assert len(of_group) == 1
    assert saved["model_logits"].shape == (26, 2)
    scores = saved["ood_scores"]
    assert made.metrics["validation"]["novelty_auroc"] == auroc(scores[labeled], scores[~labeled])


def test_every_excluded_photo_is_named(made: Run) -> None:
    failures = {failure["file"].rpartition("/")[2]: failure["error"] for failure in made.metrics["data"]["failures"]}
    assert set(failures) == {"text.jpg", "gone.png", "26.png", "27.png"}
    assert failures["26.png"]["code"] == "small-class"
    assert f"skirt has 2 readable photos, but {MIN_PHOTOS_PER_CLASS} or more" in failures["26.png"]["message"]
    rows = csv.DictReader((made.path / "audit.csv").read_text().splitlines())
    assert [row["kind"] for row in rows].count("unreadable") == 4


def test_bundle_predicts_photos(made: Run, table: Path) -> None:
    saved = bundle.open_bundle(made.bundle)
    graph = saved.graph.read_bytes()
    assert bundle.described(graph, saved.metadata) == graph
    assert saved.metadata.model == "photo"
    assert saved.metadata.input_spec.shape == (224, 224, 3)
    assert saved.metadata.calibration["n"] == 24
    assert saved.metadata.metrics["validation"] == made.metrics["validation"]
    assert OOD_FILE in saved.optional_files
    model, photos = open_model(saved), load_photo_training_data(table, PhotoOptions(data=table).columns, no_progress)
    assert model.was_trained_on(photos.inputs).sum() == 24, "not on the photos of no class"
    output = model.run(photos.inputs[:3])
    assert output.logits.shape == (3, 2)
    assert output.embeddings.shape == (3, 1280)


def test_finished_run_is_not_resumed(made: Run) -> None:
    before = (made.path / "metrics.json").stat().st_mtime_ns
    assert resume(made.path).path == made.path
    assert (made.path / "metrics.json").stat().st_mtime_ns == before


def test_config_of_a_run_gives_its_options(made: Run, table: Path) -> None:
    assert from_config(PhotoOptions, made.config, made.path) == PhotoOptions(data=table, recipe=RECIPE, columns=COLUMNS)


def test_interrupted_run_is_resumable(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflow, "finalize_photo", _raise_interrupt)
    with pytest.raises(Interrupted) as stop:
        train(PhotoOptions(data=table, recipe=RECIPE, out=tmp_path / "run"))
    results: list[FineTuneResult] = []
    monkeypatch.setattr(workflow, "_write_photo_results", lambda _, result, *__: results.append(result))
    monkeypatch.setattr(epochs, "train_epoch", _raise_interrupt)  # the saved epoch is not trained again
    assert len(resume(stop.value.run).read_results()) == 1
    assert len(results[0].records) == 1


def _raise_interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_changed_photos_are_refused(made: Run, tmp_path: Path) -> None:
    config = json.loads((made.path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "data_digest": "other"}))
    with pytest.raises(DataError, match=rf"changed since {tmp_path} .* digest is .* other"):
        resume(tmp_path)


@pytest.mark.parametrize("change", ["other groups", "another order"])
def test_other_folds_than_those_of_the_checkpoint_are_refused(
    change: str, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network must not be tested on photos that it was trained on before the interruption."""
    header, *rows = csv.reader(table.read_text().splitlines())
    width = 2 if change == "another order" else 3
    copy = table.with_name(f"{change}.csv")

    def write_table(rows: list[list[str]]) -> None:
        with copy.open("w", newline="") as file:
            csv.writer(file).writerows([row[:width] for row in (header, *rows)])

    write_table(rows)
    monkeypatch.setattr(workflow, "finalize_photo", _raise_interrupt)
    with pytest.raises(Interrupted) as stop:
        train(PhotoOptions(data=copy, recipe=RECIPE, out=tmp_path / "run"))
    regrouped = [[file, label, str(number % 5)] for number, (file, label, *_) in enumerate(rows)]
    write_table(rows[::-1] if change == "another order" else regrouped)
    with pytest.raises(DataError, match="the photos, their groups or their order have changed since"):
        resume(stop.value.run)


def test_several_processes_are_refused(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="torchrun cannot train a photo model"):
        train(PhotoOptions(data=table, recipe=RECIPE, out=tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_a_frozen_backbone_from_class_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(12):
        label = "dress" if number % 2 else "hat"
        write_image(tmp_path / "photos" / label / f"{number}.png", COLORS[label], number)
    results: list[tuple[FineTuneResult, PhotoTrainingData]] = []
    monkeypatch.setattr(
        workflow, "_write_photo_results", lambda _, result, photos, *__: results.append((result, photos))
    )
    recipe = replace(FAST_PHOTO, folds=2, frozen_stages=6)
    train(PhotoOptions(data=tmp_path / "photos", recipe=recipe, out=tmp_path / "run"))
    ((result, photos),) = results
    assert result.records == ()
    assert "split at random because the table has no groups" in protocol(result, photos)
    oof = out_of_fold_predictions(photos, result)
    assert oof.evaluation().accuracy == 1.0, "two colors"
    assert oof.ood_scores is None, "six photos are too few for an OOD score"


def test_a_model_that_was_trained_on_the_photos_is_refused(made: Run, table: Path, tmp_path: Path) -> None:
    options = PhotoOptions(data=table, recipe=RECIPE, out=tmp_path / "run", init=str(made.path))
    message = "24 of these photos are in the training set of photo-best, .* give --init imagenet"
    with pytest.raises(UsageError, match=message):
        train(options)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_the_other_backbone_from_photos_to_tags(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "FrozenFeatureExtractor", FrozenFeatureExtractor)
    recipe, folder = replace(FAST_PHOTO, folds=2), tmp_path / "run"
    run = train_model("photo", recipe=recipe, backbone="lite2", data=table, out=folder, columns=COLUMNS)
    saved, protocol = bundle.open_bundle(run.bundle), run.metrics["protocol"]
    assert "The backbone is EfficientNet-Lite2. Training started from the weights of imagenet." in protocol
    assert "photo was not compared, because its backbone is lite0." in protocol
    assert (saved.metadata.preset, saved.metadata.recipe["backbone"]) == ("fast-changed", "lite2")
    assert saved.metadata.input_spec.shape == (260, 260, 3)
    photos = load_photo_training_data(table, COLUMNS, no_progress, "lite2")
    assert photos.images.shape[1:] == (297, 297, 3)
    model, graph = open_model(saved), saved.graph.read_bytes()
    assert model.was_trained_on(photos.inputs).sum() == 24
    output = model.run(photos.inputs)
    assert output.early_features is not None
    assert output.early_features.shape == (26, 2 * 48)
    compressed = bundle.save(tmp_path / "int8", saved.metadata, quantize_graph(graph, photos.inputs[:8], 8), b"")
    agreement = open_uncalibrated(compressed).run(photos.inputs).logits.argmax(1) == output.logits.argmax(1)
    assert agreement.mean() > 0.9
    tags = tag(table.parent / "images", tmp_path / "tags.csv", model=run.path)
    assert (tags.computed, [failure.code for failure in tags.failures]) == (28, ["not-an-image"])
    with pytest.raises(UsageError, match="has the backbone lite2, so training of lite0 cannot start from its weights"):
        train_model("photo", recipe=recipe, data=table, out=folder, init=str(run.path))


def test_one_class_leaves_no_run_folder(tmp_path: Path) -> None:
    for number in range(MIN_PHOTOS_PER_CLASS):
        write_image(tmp_path / "photos" / "hat" / f"{number}.png", COLORS["hat"], number)
    with pytest.raises(DataError, match=r"1 class\(es\)"):
        train(PhotoOptions(data=tmp_path / "photos", out=tmp_path / "run"))
    assert not (tmp_path / "run").exists()
