"""What was planted in a dataset is found, counted and listed; what cannot be audited is refused."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from clothier.data.dataset import Dataset, LabeledImages
from clothier.data.image_folder import load_image_folder
from clothier.data.release import FASHION_MNIST as RELEASE
from clothier.data.splits import stratified_folds
from clothier.errors import DataError
from clothier.exploration.audit.dataset_audit import AuditResult, audit_dataset, dataset_duplicates
from clothier.exploration.audit.duplicates import CORRELATION_GRID, NEAR_CORRELATION, NEAR_PHOTO_CORRELATION
from clothier.exploration.audit.findings import COLUMNS, findings_to_csv
from clothier.exploration.audit.label_audit import REFERENCE_ERRORS, LabelAudit, audit_labels, rank_reference_errors
from clothier.exploration.audit.label_issues import label_issues
from clothier.exploration.audit.outliers import OUTLIER_REASONS
from clothier.exploration.audit.split_overlap import train_groups
from clothier.metrics import softmax
from clothier.taxonomy import FASHION_MNIST_CLASSES
from clothier.types import InputSpec, ModelOutput
from tests.synthetic import draw_garments

if TYPE_CHECKING:
    from pathlib import Path

SWAPPED_LABELS = {"train": (11, 57, 123, 200), "test": (3, 44, 60, 71)}
"""Images whose label is the class after the one that was drawn."""


class MemorizingClassifier:
    """A classifier that knows the labels of the images that it has seen, and predicts 0 for all others."""

    name = "memorizing"
    classes = FASHION_MNIST_CLASSES
    input_spec = InputSpec()

    def __init__(self, seen: LabeledImages) -> None:
        self.label_of = {image.tobytes(): label for image, label in zip(seen.images, seen.labels, strict=True)}

    def run(self, images: np.ndarray) -> ModelOutput:
        labels = [self.label_of.get(image.tobytes(), 0) for image in images]
        return ModelOutput(np.eye(10, dtype=np.float32)[labels], np.zeros((len(images), 1), np.float32))


def make_dataset() -> Dataset:
    """300 and 100 drawn garments: copies within train, across with another label, near within test; one is black."""
    train, test = draw_garments(300, 20), draw_garments(100, 21)
    for name, split in (("train", train), ("test", test)):
        swapped = list(SWAPPED_LABELS[name])
        split.labels[swapped] = (split.labels[swapped] + 1) % 10
    train.images[9], train.labels[9] = train.images[4], train.labels[4]
    test.images[17], test.labels[17] = train.images[40], (train.labels[40] + 1) % 10
    test.images[30], test.labels[30] = test.images[8] * 0.8, test.labels[8]
    train.images[77] = 0
    return Dataset("Drawn", FASHION_MNIST_CLASSES, train, test, {"train": "1", "test": "2"})


def fake_probabilities(name: str, split: LabeledImages) -> np.ndarray:
    """Probabilities of a good model, which knows the classes that were drawn."""
    truth = split.labels.copy()
    truth[list(SWAPPED_LABELS[name])] = (truth[list(SWAPPED_LABELS[name])] - 1) % 10
    noise = np.random.default_rng(len(truth)).normal(size=(len(truth), 10))
    noise[list(SWAPPED_LABELS[name])] = 0  # confident enough to reach the threshold
    return softmax(6 * np.eye(10)[truth] + noise).astype(np.float32)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return make_dataset()


@pytest.fixture(scope="module")
def labels(dataset: Dataset) -> LabelAudit:
    train, test = fake_probabilities("train", dataset.train), fake_probabilities("test", dataset.test)
    return audit_labels(dataset, train, test, model="cnn fast", n_folds=3)


def audit(dataset: Dataset, **options: Any) -> AuditResult:
    return audit_dataset(dataset, dataset_duplicates(dataset), **options)


@pytest.fixture(scope="module")
def found(dataset: Dataset, labels: LabelAudit) -> AuditResult:
    return audit(dataset, labels=labels, reference_model=MemorizingClassifier(dataset.train))


def rows(found: AuditResult, kind: str) -> list[dict[str, Any]]:
    return [row for row in found.to_json()["findings"] if row["kind"] == kind]


def test_duplicates_are_counted_by_split(found: AuditResult) -> None:
    counts = found.metrics["duplicates"]
    assert counts["exact"] == {
        "pairs": 2,
        "groups": 2,
        "images": 4,
        "within_train": 1,
        "within_test": 0,
        "across_splits": 1,
        "conflicting_groups": 1,
    }
    assert counts["near"] == {
        "correlation": NEAR_CORRELATION,
        "pairs": 1,
        "groups": 1,
        "images": 2,
        "within_train": 0,
        "within_test": 1,
        "across_splits": 0,
        "conflicting_groups": 0,
    }
    assert list(counts["pairs_by_correlation"]) == [str(least) for least in CORRELATION_GRID]
    assert counts["pairs_by_correlation"]["0.999"] == 1
    assert counts["leaked_test_images"] == 1


def test_findings_name_split_index_class_and_what_they_repeat(found: AuditResult, dataset: Dataset) -> None:
    exact = rows(found, "exact-duplicate")
    assert [(row["split"], row["index"], row["duplicate_of"], row["score"]) for row in exact] == [
        ("train", 9, "train 4", 1.0),
        ("test", 17, "train 40", 1.0),
    ]
    (near,) = rows(found, "near-duplicate")
    assert (near["split"], near["index"], near["duplicate_of"]) == ("test", 30, "test 8")
    assert NEAR_CORRELATION <= near["score"] < 1
    for row in found.to_json()["findings"]:
        split = getattr(dataset, row["split"])
        assert row["class"] == FASHION_MNIST_CLASSES[split.labels[row["index"]]]
        assert row["file"] is None


def test_exchanged_labels_are_found_with_their_true_class(found: AuditResult, dataset: Dataset) -> None:
    for name, split in (("train", dataset.train), ("test", dataset.test)):
        found_rows = [row for row in rows(found, "label") if row["split"] == name]
        exchanged = [row for row in found_rows if row["index"] in SWAPPED_LABELS[name]]
        assert len(exchanged) == 4
        for row in exchanged:
            truth = FASHION_MNIST_CLASSES[(split.labels[row["index"]] - 1) % 10]
            assert row["suggested_label"] == truth
            assert row["reason"] == f"labeled {row['class']}, looks like {truth}"
        scores = [row["score"] for row in found_rows]
        assert scores == sorted(scores, reverse=True)
        assert all(0 < score <= 1 for score in scores)
        assert len(scores) == found.metrics["labels"][name]["issues"]


def test_label_metrics_carry_their_n_and_standard_error(found: AuditResult) -> None:
    metrics = found.metrics["labels"]
    assert (metrics["model"], metrics["folds"], metrics["reference_errors"]) == ("cnn fast", 3, [])
    for name, n in (("train", 300), ("test", 100)):
        assert metrics[name]["n"] == n
        accuracy = metrics[name]["out_of_fold_accuracy"]
        assert accuracy == 1 - 4 / n
        assert metrics[name]["standard_error"] == pytest.approx((accuracy * (1 - accuracy) / n) ** 0.5)
        assert list(metrics[name]["thresholds"]) == list(FASHION_MNIST_CLASSES)
        assert np.array(metrics[name]["confident_joint"]).shape == (10, 10)


def test_a_class_without_images_has_no_threshold(dataset: Dataset) -> None:
    few = replace(dataset, test=dataset.test.subset(np.flatnonzero(dataset.test.labels != 3)))
    train, test = (np.full((len(split), 10), 0.1, np.float32) for split in (few.train, few.test))
    metrics = audit_labels(few, train, test, model="cnn fast", n_folds=3).to_json(few.classes)
    assert [name for name, value in metrics["test"]["thresholds"].items() if value is None] == [few.classes[3]]
    assert None not in metrics["train"]["thresholds"].values()


@pytest.mark.parametrize("seed", range(4))
def test_copies_lie_in_one_fold(dataset: Dataset, seed: int) -> None:
    groups = train_groups(dataset_duplicates(dataset).groups_at(NEAR_CORRELATION), len(dataset.train))
    folds = stratified_folds(dataset.train.labels, 3, seed, groups)
    assert groups == [(4, 9)]
    assert sum({4, 9} <= set(fold.tolist()) for fold in folds) == 1


def test_a_black_image_is_an_outlier(found: AuditResult) -> None:
    (row,) = (row for row in rows(found, "outlier") if row["index"] == 77)
    assert (row["split"], row["reason"].split(":")[0]) == ("train", "no contrast")
    counts = found.metrics["outliers"]
    assert list(counts) == ["n", *OUTLIER_REASONS]
    assert counts["n"] == sum(counts[name] for name in OUTLIER_REASONS) == len(rows(found, "outlier"))


def test_accuracy_is_stated_with_and_without_leaked_images(found: AuditResult, dataset: Dataset) -> None:
    predicted = MemorizingClassifier(dataset.train).run(dataset.test.images).logits.argmax(axis=1)
    correct = predicted == dataset.test.labels
    metrics = found.metrics["reference_model"]
    assert metrics["name"] == "memorizing"
    for part, values in (
        (metrics["test"], correct),
        (metrics["test_without_leakage"]["0.999"], np.delete(correct, 17)),
    ):
        accuracy, n = values.mean(), len(values)
        error = pytest.approx((accuracy * (1 - accuracy) / n) ** 0.5)
        assert part == {"n": n, "accuracy": accuracy, "standard_error": error}


def test_a_test_split_of_copies_only_has_no_accuracy(dataset: Dataset) -> None:
    copied = replace(dataset, test=dataset.train.subset(np.arange(10, 30)))
    metrics = audit(copied, reference_model=MemorizingClassifier(dataset.train)).metrics["reference_model"]
    assert metrics["test_without_leakage"]["0.999"] == {"n": 0, "accuracy": None, "standard_error": None}


def test_the_csv_has_one_row_per_finding_kind_by_kind(found: AuditResult) -> None:
    table = list(csv.DictReader(io.StringIO(findings_to_csv(found.findings))))
    assert tuple(table[0]) == COLUMNS
    assert len(table) == len(found.findings)
    kinds = list(dict.fromkeys(row["kind"] for row in table))
    assert kinds == ["exact-duplicate", "near-duplicate", "label", "outlier"]
    assert table[0]["file"] == ""


def test_json_has_the_metrics_first_and_finite_numbers(found: AuditResult) -> None:
    content = found.to_json()
    assert list(content) == [
        "data",
        "n",
        "duplicates",
        "labels",
        "outliers",
        "unreadable",
        "reference_model",
        "findings",
    ]
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert content["n"] == {"train": 300, "test": 100}


def test_labels_and_reference_model_are_optional(dataset: Dataset) -> None:
    calls: list[tuple[float, float, str]] = []

    def progress(task: str, done: float, total: float, note: str = "") -> None:
        calls.append((done, total, note))

    result = audit_dataset(dataset, dataset_duplicates(dataset, progress), progress=progress)
    assert result.metrics["labels"] is None
    assert result.metrics["reference_model"] is None
    assert calls == [(0, 2, "duplicates"), (1, 2, "outliers"), (2, 2, "")]


def test_reference_errors_are_ranked_in_the_current_release_only() -> None:
    generator = np.random.default_rng(0)
    labels = np.arange(60_000) % 10
    probabilities = softmax(3 * np.eye(10)[labels] + generator.normal(size=(60_000, 10)))
    issues = label_issues(labels, probabilities)
    train = LabeledImages(np.zeros((60_000, 1, 1), np.uint8), labels)
    release = Dataset("Fashion-MNIST", FASHION_MNIST_CLASSES, train, train.subset(np.arange(1)), RELEASE.digests)
    ranked = rank_reference_errors(release, issues)
    assert [entry["index"] for entry in ranked] == list(REFERENCE_ERRORS)
    for entry in ranked:
        assert entry["rank"] == 1 + (issues.margin < issues.margin[entry["index"]]).sum()
        assert entry["class"] == FASHION_MNIST_CLASSES[entry["index"] % 10]
        assert entry["score"] == pytest.approx(-issues.margin[entry["index"]], abs=1e-6)
        assert entry["issue"] == (entry["index"] in issues.issue_indices)
        assert entry["of"] == 60_000
    assert rank_reference_errors(replace(release, digests={"train": "other"}), issues) == ()


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Photos of 120x90 pixels in three classes: one saved twice in other bytes, one reduced, one not an image."""
    generator = np.random.default_rng(1)
    for seed, name in enumerate(("bag", "boot", "coat")):
        (tmp_path / name).mkdir()
        for number, view in enumerate(draw_garments(12, 5 + seed).images):
            garment = np.asarray(Image.fromarray(view).resize((90, 120), Image.Resampling.BICUBIC), np.float64)
            pixels = np.stack([235 - garment * tone for tone in generator.uniform(0.5, 0.9, 3)], axis=-1)
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(tmp_path / name / f"{number:02}.png")
    with Image.open(tmp_path / "bag/03.png") as photo:
        photo.save(tmp_path / "boot/again.png", compress_level=0)
    with Image.open(tmp_path / "coat/05.png") as photo:
        photo.resize((75, 100)).save(tmp_path / "coat/small.jpg", quality=80)
    (tmp_path / "coat/words.jpg").write_text("not an image")
    return tmp_path


def test_a_folder_of_photos_is_audited_by_file(shop: Path) -> None:
    found = audit(load_image_folder(shop))
    table = {row["kind"]: row for row in found.to_json()["findings"]}
    exact, near, unreadable = table["exact-duplicate"], table["near-duplicate"], table["unreadable"]
    assert {exact["file"], exact["duplicate_of"]} == {str(shop / "bag/03.png"), str(shop / "boot/again.png")}
    assert exact["class"] == exact["file"].split("/")[-2]
    assert {near["file"], near["duplicate_of"]} == {str(shop / "coat/05.png"), str(shop / "coat/small.jpg")}
    assert NEAR_PHOTO_CORRELATION <= near["score"] < 1
    assert unreadable["file"] == str(shop / "coat/words.jpg")
    assert "words.jpg" in unreadable["reason"]
    assert all(row["index"] is None for row in found.to_json()["findings"])
    assert found.metrics["unreadable"] == 1
    assert found.metrics["duplicates"]["exact"]["conflicting_groups"] == 1
    assert found.findings[0].kind == "unreadable"


def test_images_without_any_contrast_are_refused(dataset: Dataset) -> None:
    constant = replace(
        dataset,
        train=LabeledImages(np.full_like(dataset.train.images, 7), dataset.train.labels),
        test=LabeledImages(np.full_like(dataset.test.images, 9), dataset.test.labels),
    )
    with pytest.raises(DataError, match="each of the 400 images has one gray level"):
        dataset_duplicates(constant)
