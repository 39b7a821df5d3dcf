"""A photo model from drawn photos to its run folder, small: 28 photos, two folds, one epoch."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image

from clothier import bundle
from clothier.data.photo_csv import Columns
from clothier.errors import DataError, Interrupted
from clothier.inference.model import open_model
from clothier.inference.session import OnnxClassifier
from clothier.recipes.presets import BEST_PHOTO, FAST_PHOTO
from clothier.training.finetune import epochs
from clothier.training.finetune.cross_validation import aggregate_logits, out_of_fold_predictions
from clothier.training.finetune.data import (
    MIN_PHOTOS_PER_CLASS,
    load_photo_training_data,
)
from clothier.training.finetune.efficientnet_lite import pretrained
from clothier.training.finetune.features import FrozenFeatureExtractor
from clothier.training.finetune.finalize import protocol
from clothier.training.finetune.options import PhotoOptions, photo_options_from_config
from clothier.types import EpochRecord, no_progress
from clothier.workflows import train_photo as work
from clothier.workflows.train_photo import resume_photo, train_photo

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.runs import Run
    from clothier.training.finetune.data import PhotoTrainingData
    from clothier.training.finetune.epochs import FineTuner
    from clothier.training.finetune.finalize import FineTuneResult
    from clothier.types import Progress

COLORS = {"dress": (200, 40, 40), "hat": (40, 40, 200), "": (40, 200, 40)}
RECIPE = replace(BEST_PHOTO, epochs=1, folds=2, frozen_blocks=15)


def write_image(file: Path, color: tuple[int, int, int], seed: int) -> None:
    noise = np.random.default_rng(seed).integers(-40, 40, (48, 48, 3))
    file.parent.mkdir(exist_ok=True, parents=True)
    Image.fromarray(np.clip(noise + color, 0, 255).astype(np.uint8)).save(file)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 photos by four people, two outside the classes, a class of two, a text file and a missing one."""
    folder = tmp_path_factory.mktemp("photos")
    rows = []
    for number in range(24):
        label = "dress" if number % 2 else "hat"
        rows.append((f"{number}.png", label, number // 2 % 4))
        write_image(folder / "images" / f"{number}.png", COLORS[label], number)
    for number in range(24, 28):
        label = "" if number < 26 else "skirt"
        rows.append((f"{number}.png", label, 1))
        write_image(folder / "images" / f"{number}.png", COLORS[""], number)
    (folder / "images" / "words.jpg").write_text("no picture")
    rows += [("words.jpg", "hat", 1), ("gone.png", "hat", 2)]
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "label", "sender_id"), *rows])
    return folder / "labels.csv"


@pytest.fixture(scope="module")
def made(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("runs") / "photo"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(work, "FrozenFeatureExtractor", lambda _, blocks, side: _cached_extractor(blocks, side))
        return train_photo(PhotoOptions(data=table, recipe=RECIPE, out=out))


def test_run_folder_is_complete(made: Run) -> None:
    wanted = "config.json results.csv metrics.json environment.json bundle model_card.md report.html audit.csv"
    assert set(wanted.split()) <= {path.name for path in made.path.iterdir()}
    (record,) = made.read_results()
    assert record.epoch == 1
    assert record.validation_accuracy is not None


def test_metrics_and_protocol(made: Run) -> None:
    metrics = made.metrics
    told = metrics["validation"]
    assert told["n"] == 24
    assert [score["class"] for score in told["per_class"]] == ["dress", "hat"]
    assert {"accuracy", "macro_recall", "ece", "nll", "brier", "coverage", "selective_risk", "guarantee"} <= told.keys()
    assert 0 <= told["novelty_auroc"] <= 1
    assert told["n_ood"] == 2
    assert metrics["test"] is None
    assert metrics["protocol"].startswith("2 folds of 24 labelled photos, split by the table's groups")
    table = metrics["baseline_comparison"]
    assert table["gain"]["accuracy"] == pytest.approx(table["model"]["accuracy"] - table["baseline"]["accuracy"])
    assert [fold["n"] for fold in table["baseline"]["folds"]] == [fold["n"] for fold in table["model"]["folds"]]
    assert metrics["data"]["classes"] == {"dress": 12, "hat": 12}


def test_everything_that_was_left_out_is_named(made: Run) -> None:
    failures = {failure["file"].rpartition("/")[2]: failure["error"] for failure in made.metrics["data"]["failures"]}
    assert set(failures) == {"words.jpg", "gone.png", "26.png", "27.png"}
    assert failures["26.png"]["code"] == "small-class"
    assert (
        f"the class skirt has 2 readable photos, and {MIN_PHOTOS_PER_CLASS} or more are needed"
        in failures["26.png"]["message"]
    )
    rows = csv.DictReader((made.path / "audit.csv").read_text().splitlines())
    assert [row["kind"] for row in rows].count("unreadable") == 4


def test_bundle_predicts_photos(made: Run, table: Path) -> None:
    found = bundle.open_bundle(made.bundle)
    assert found.metadata.model == "photo"
    assert found.metadata.input_spec.shape == (224, 224, 3)
    assert found.metadata.calibration["n"] == 24
    assert found.metadata.thresholds
    assert found.ood is not None
    lesson = load_photo_training_data(table, photo_options_from_config(made.path / "config.json").columns, no_progress)
    assert open_model(found).was_trained_on(lesson.inputs).sum() == 24, "not from strangers"
    answer = OnnxClassifier(found).run(lesson.inputs[:3])
    assert answer.logits.shape == (3, 2)
    assert answer.embeddings.shape == (3, 1280)


def test_finished_run_is_not_resumed(made: Run) -> None:
    before = (made.path / "metrics.json").stat().st_mtime_ns
    assert resume_photo(made.path).path == made.path
    assert (made.path / "metrics.json").stat().st_mtime_ns == before


@pytest.fixture
def cached(monkeypatch: pytest.MonkeyPatch) -> None:
    """The frozen blocks' graph is exported once for all tests."""
    monkeypatch.setattr(work, "FrozenFeatureExtractor", lambda _, blocks, side: _cached_extractor(blocks, side))


@cache
def _cached_extractor(blocks: int, side: int) -> FrozenFeatureExtractor:
    return FrozenFeatureExtractor(pretrained(), blocks, side)


@pytest.mark.usefixtures("cached")
def test_interrupted_run_is_resumable(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "finalize_photo", _raise_interrupt)
    with pytest.raises(Interrupted) as stop:
        train_photo(PhotoOptions(data=table, recipe=RECIPE, out=tmp_path / "run"))
    delivered: list[FineTuneResult] = []
    monkeypatch.setattr(work, "finalize_photo", lambda _, taught, *__: delivered.append(taught))
    monkeypatch.setattr(epochs, "train_epoch", _raise_interrupt)  # the epoch that was saved is not trained again
    assert len(resume_photo(stop.value.run).read_results()) == 1
    assert len(delivered[0].records) == 1


def _raise_interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_changed_photos_are_refused(made: Run, tmp_path: Path) -> None:
    config = json.loads((made.path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "data_digest": "other"}))
    with pytest.raises(
        DataError, match=r"the photos have changed since .* was begun: their digest is .*, the run says"
    ):
        resume_photo(tmp_path)


@pytest.mark.usefixtures("cached")
def test_a_frozen_backbone_from_class_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(12):
        label = "dress" if number % 2 else "hat"
        write_image(tmp_path / "photos" / label / f"{number}.png", COLORS[label], number)
    delivered: list[tuple[FineTuneResult, PhotoTrainingData]] = []
    monkeypatch.setattr(work, "finalize_photo", lambda _, taught, lesson, __: delivered.append((taught, lesson)))
    train_photo(
        PhotoOptions(
            data=tmp_path / "photos", recipe=replace(FAST_PHOTO, folds=2, frozen_blocks=15), out=tmp_path / "run"
        )
    )
    ((taught, lesson),) = delivered
    assert taught.records == ()
    assert "split at random, for the table has no groups" in protocol(taught, lesson)
    found = out_of_fold_predictions(lesson, taught.folds, taught.fold_outputs)
    assert found.evaluation().accuracy == 1.0
    assert found.ood_scores is None  # six photos are too few to tell strangers by


def test_time_limit_reduces_epochs() -> None:
    record = EpochRecord(1, 1.0, 0.5, 1.0, 0.5, 1e-3, seconds=20.0)
    clock = epochs.TimeBudget(started=5.0, limit=100.0, pass_seconds=2.0)
    assert clock.remaining_epochs(4, [record], passes_per_epoch=5.0, now=15.0) == 3  # 82 s are left of 23 s each
    assert clock.remaining_epochs(4, [record], passes_per_epoch=5.0, now=85.0) == 0
    assert clock.remaining_epochs(4, [], passes_per_epoch=5.0, now=15.0) == 2  # before the first, 2 s make it 25 s
    assert epochs.TimeBudget(5.0, None, 2.0).remaining_epochs(4, [record], 5.0, 85.0) == 4


@pytest.mark.parametrize(
    ("losses", "best", "over"),
    [([], 0, False), ([0.9], 1, False), ([0.9, 0.8, 0.85], 2, False), ([0.9, 0.8, 0.85, 0.8], 2, True)],
)
def test_early_stopping_after_patience(losses: list[float], best: int, over: bool) -> None:
    records = [EpochRecord(place, 1.0, 0.5, loss, 0.5, 1e-3, 1.0) for place, loss in enumerate(losses, 1)]
    assert epochs.best_epoch(records) == best
    assert epochs.should_stop(records, patience=2) == over


@pytest.mark.usefixtures("cached")
def test_early_stopping_keeps_the_best_epoch(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of nine epochs does best here, because no other may: two more, and training is over."""
    kept: list[dict[str, torch.Tensor]] = []
    whole = epochs.FineTuner.run_epoch

    def worse(tuning: FineTuner, number: int, span: tuple[float, float], progress: Progress) -> EpochRecord:
        record = whole(tuning, number, span, progress)
        kept.append({name: value.clone() for name, value in tuning.states[-1].ema.state_dict().items()})
        return replace(record, validation_loss=float(number))

    delivered: list[FineTuneResult] = []
    monkeypatch.setattr(epochs.FineTuner, "run_epoch", worse)
    monkeypatch.setattr(work, "finalize_photo", lambda _, taught, *__: delivered.append(taught))
    train_photo(PhotoOptions(data=table, recipe=replace(RECIPE, epochs=9), out=tmp_path / "run"))
    (taught,) = delivered
    assert [record.epoch for record in taught.records] == [1, 2, 3]
    weights = taught.network.state_dict()
    assert all(torch.equal(weights[name], value) for name, value in kept[0].items())
    assert not all(torch.equal(weights[name], value) for name, value in kept[1].items())


def test_one_class_is_too_few(tmp_path: Path) -> None:
    for number in range(MIN_PHOTOS_PER_CLASS):
        write_image(tmp_path / "photos" / "hat" / f"{number}.png", COLORS["hat"], number)
    with pytest.raises(
        DataError, match=r"photos has 1 class\(es\) with 5 or more readable photos: hat \(5\)\. A model"
    ):
        train_photo(PhotoOptions(data=tmp_path / "photos", out=tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_duplicates_stay_in_one_fold(tmp_path: Path) -> None:
    for number in range(12):
        label = "dress" if number % 2 else "hat"
        write_image(tmp_path / "photos" / label / f"{number}.png", COLORS[label], number)
    (tmp_path / "photos" / "hat" / "again.png").write_bytes((tmp_path / "photos" / "hat" / "0.png").read_bytes())
    lesson = load_photo_training_data(tmp_path / "photos", Columns(), no_progress)
    files = [file.rpartition("/")[2] for file in lesson.table.files]
    assert lesson.groups[files.index("again.png")] == lesson.groups[files.index("0.png")]
    assert lesson.audit_summary()["exact_duplicates"] == 1
    assert lesson.audit_summary()["groups_joined_for_duplicates"] == 1


def test_subclasses_map_to_parent_classes_when_both_occur() -> None:
    classes = ("hat", "shoes", "boot")
    logits = aggregate_logits(np.log(np.array([[0.2, 0.3, 0.5]], np.float32)), classes, ("hat", "shoes"))
    assert np.exp(logits) == pytest.approx(np.array([[0.2, 0.8]]))
