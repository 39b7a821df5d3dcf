"""What was planted in a data set is found, counted, named and listed; what cannot be audited is said."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from clothier.data.dataset import Dataset, LabeledImages
from clothier.data.image_folder import load_image_folder
from clothier.data.release import FASHION_MNIST as RELEASE
from clothier.data.synthetic import draw_garments
from clothier.errors import DataError, UsageError
from clothier.exploration.audit import label_audit
from clothier.exploration.audit.dataset_audit import AuditResult, audit_dataset
from clothier.exploration.audit.duplicates import CORRELATION_GRID, NEAR_CORRELATION, NEAR_PHOTO_CORRELATION
from clothier.exploration.audit.findings import COLUMNS
from clothier.exploration.audit.label_audit import FOLDS, REFERENCE_ERRORS, rank_reference_errors
from clothier.exploration.audit.label_issues import label_issues
from clothier.exploration.audit.outliers import OUTLIER_REASONS
from clothier.metrics import softmax
from clothier.recipes import Augment, Optimizer, PcaMlp, preset
from clothier.taxonomy import FASHION_MNIST_CLASSES
from clothier.types import InputSpec, ModelOutput

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.types import Classifier

RECIPE = replace(
    preset("dnn", "fast"),
    network=PcaMlp(components=40, whitening=0.25, hidden=(64,), batch_norm=True),
    optimizer=Optimizer(learning_rate=0.01),
    augment=Augment(),
    epochs=6,
    batch_size=20,
    precision="float32",
)
"""Small, and right about 98 of 100 drawn garments that it has not seen."""
SWAPPED_LABELS = {"train": (11, 57, 123, 200), "test": (3, 44, 60, 71)}
"""Pictures whose label is the class after the one that was drawn."""


class MemorizingClassifier:
    """A classifier that knows the labels of the pictures that it has seen, and answers 0 for all others."""

    name = "remembering"
    classes = FASHION_MNIST_CLASSES
    view = InputSpec()

    def __init__(self, seen: LabeledImages) -> None:
        self.label_of = {image.tobytes(): label for image, label in zip(seen.images, seen.labels, strict=True)}

    def run(self, images: np.ndarray) -> ModelOutput:
        answers = [self.label_of.get(image.tobytes(), 0) for image in images]
        return ModelOutput(np.eye(10, dtype=np.float32)[answers], np.zeros((len(images), 1), np.float32))


def make() -> Dataset:
    """300 and 100 drawn garments: copies within train, across with another label, near within test; one is black."""
    train, test = draw_garments(300, 20), draw_garments(100, 21)
    for name, part in (("train", train), ("test", test)):
        places = list(SWAPPED_LABELS[name])
        part.labels[places] = (part.labels[places] + 1) % 10
    train.images[9], train.labels[9] = train.images[4], train.labels[4]
    test.images[17], test.labels[17] = train.images[40], (train.labels[40] + 1) % 10
    test.images[30], test.labels[30] = test.images[8] * 0.8, test.labels[8]
    train.images[77] = 0
    return Dataset("Drawn", FASHION_MNIST_CLASSES, train, test, {"train": "1", "test": "2"})


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return make()


@pytest.fixture(scope="module")
def found(dataset: Dataset) -> AuditResult:
    return audit_dataset(dataset, with_labels=True, recipe=RECIPE, reference_model=MemorizingClassifier(dataset.train))


def test_duplicates_are_counted_where_they_stand(found: AuditResult) -> None:
    counts = found.to_json()["duplicates"]
    assert counts["exact"] == {
        "pairs": 2,
        "groups": 2,
        "pictures": 4,
        "within_train": 1,
        "within_test": 0,
        "across": 1,
        "groups_with_two_labels": 1,
    }
    assert counts["near"] == {
        "correlation": NEAR_CORRELATION,
        "pairs": 1,
        "groups": 1,
        "pictures": 2,
        "within_train": 0,
        "within_test": 1,
        "across": 0,
        "groups_with_two_labels": 0,
    }
    assert list(counts["pairs_by_correlation"]) == [str(least) for least in CORRELATION_GRID]
    assert counts["pairs_by_correlation"]["0.999"] == 1
    assert counts["test_repeated_in_train"] == 1


def test_findings_name_part_index_class_and_what_they_repeat(found: AuditResult, dataset: Dataset) -> None:
    exact = [row for row in found.rows() if row["kind"] == "exact-duplicate"]
    assert [(row["part"], row["index"], row["other"], row["score"]) for row in exact] == [
        ("train", 9, "train 4", 1.0),
        ("test", 17, "train 40", 1.0),
    ]
    near = next(row for row in found.rows() if row["kind"] == "near-duplicate")
    assert (near["part"], near["index"], near["other"]) == ("test", 30, "test 8")
    assert NEAR_CORRELATION <= near["score"] < 1
    for row in found.rows():
        part = getattr(dataset, row["part"])
        assert row["class"] == FASHION_MNIST_CLASSES[part.labels[row["index"]]]
        assert row["file"] is None


def test_exchanged_labels_are_found_with_the_class_that_they_were(found: AuditResult, dataset: Dataset) -> None:
    for part, labelled in (("train", dataset.train), ("test", dataset.test)):
        rows = [row for row in found.rows() if (row["kind"], row["part"]) == ("label", part)]
        exchanged = [row for row in rows if row["index"] in SWAPPED_LABELS[part]]
        assert len(exchanged) >= 3  # of 4: one may look like both classes
        for row in exchanged:
            was = FASHION_MNIST_CLASSES[(labelled.labels[row["index"]] - 1) % 10]
            assert (row["suggested"], row["suspicion"]) == (was, f"labelled {row['class']}, looks like {was}")
        scores = [row["score"] for row in rows]
        assert scores == sorted(scores, reverse=True)
        assert all(0 < score <= 1 for score in scores)
        assert len(scores) == found.counts["labels"][part]["issues"] <= 10


def test_label_counts_carry_their_n_and_error(found: AuditResult, dataset: Dataset) -> None:
    labels = found.to_json()["labels"]
    assert (labels["model"], labels["folds"], labels["known"]) == ("dnn fast", FOLDS, [])
    for part, n in (("train", 300), ("test", 100)):
        assert labels[part]["n"] == n
        accuracy = labels[part]["held_out_accuracy"]
        assert 0.9 < accuracy < 1
        assert labels[part]["standard_error"] == pytest.approx((accuracy * (1 - accuracy) / n) ** 0.5)
        assert list(labels[part]["thresholds"]) == list(FASHION_MNIST_CLASSES)
        assert np.array(labels[part]["joint"]).shape == (10, 10)


def test_copies_lie_in_one_fold(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    dealt = []

    def watched(*arguments: object, **options: object) -> object:
        dealt.append(arguments[4])
        raise KeyboardInterrupt

    monkeypatch.setattr(label_audit, "out_of_fold", watched)
    for seed in range(4):
        with pytest.raises(KeyboardInterrupt):
            audit_dataset(dataset, with_labels=True, recipe=RECIPE, seed=seed)
    for folds in dealt:
        assert sum({4, 9} <= set(fold.tolist()) for fold in folds) == 1
    assert not np.array_equal(dealt[0][0], dealt[1][0])


def test_a_black_picture_stands_out(found: AuditResult) -> None:
    row = next(row for row in found.rows() if row["kind"] == "outlier" and row["index"] == 77)
    assert (row["part"], row["suspicion"]) == ("train", "no contrast: hardly anything can be seen")
    counts = found.counts["outliers"]
    assert list(counts) == ["n", *OUTLIER_REASONS]
    assert (
        counts["n"] == sum(counts[name] for name in OUTLIER_REASONS) == sum(f.kind == "outlier" for f in found.findings)
    )


def test_the_classifier_is_held_against_what_is_new_to_it(found: AuditResult, dataset: Dataset) -> None:
    answers = MemorizingClassifier(dataset.train).run(dataset.test.images).logits.argmax(axis=1)
    right = answers == dataset.test.labels
    held = found.counts["classifier"]
    assert held["name"] == "remembering"
    assert held["test"] == {
        "n": 100,
        "accuracy": right.mean(),
        "standard_error": pytest.approx((right.mean() * (1 - right.mean()) / 100) ** 0.5),
    }
    new = np.delete(right, 17)
    assert held["test_without_repeated"]["0.999"] == {
        "n": 99,
        "accuracy": new.mean(),
        "standard_error": pytest.approx((new.mean() * (1 - new.mean()) / 99) ** 0.5),
    }


def test_a_test_part_that_is_all_copies_leaves_no_accuracy(dataset: Dataset) -> None:
    copied = replace(dataset, test=dataset.train.subset(np.arange(10, 30)))
    held = audit_dataset(copied, reference_model=MemorizingClassifier(dataset.train)).counts["classifier"]
    assert held["test_without_repeated"]["0.999"] == {"n": 0, "accuracy": None, "standard_error": None}


def test_the_table_is_the_findings_kind_by_kind(found: AuditResult) -> None:
    rows = list(csv.DictReader(io.StringIO(found.to_csv())))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == len(found.findings)
    kinds = list(dict.fromkeys(row["kind"] for row in rows))
    assert kinds == ["exact-duplicate", "near-duplicate", "label", "outlier"]
    for row, finding in zip(rows, found.rows(), strict=True):
        assert row == {name: "" if value is None else str(value) for name, value in finding.items()}


def test_json_has_counts_first_and_no_numbers_that_json_has_not(found: AuditResult) -> None:
    content = found.to_json()
    assert list(content) == [
        "data",
        "n",
        "duplicates",
        "labels",
        "outliers",
        "unreadable",
        "classifier",
        "findings",
    ]
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert content["n"] == {"train": 300, "test": 100}


def test_figures_are_of_what_was_found(found: AuditResult) -> None:
    assert list(found.figures) == [
        "audit-copies",
        "audit-near-duplicates",
        "audit-labels-train",
        "audit-labels-test",
        "audit-outliers",
    ]


def test_without_labels_and_classifier_nothing_is_trained(dataset: Dataset) -> None:
    told = []
    content = audit_dataset(
        dataset, progress=lambda task, done, total, note="": told.append((done, total, note))
    ).to_json()
    assert content["labels"] is None
    assert content["classifier"] is None
    assert told == [(0, 3, "duplicates"), (1, 3, "outliers"), (2, 3, "figures"), (3, 3, "")]


def test_known_pictures_have_ranks_in_todays_release_alone() -> None:
    generator = np.random.default_rng(0)
    labels = np.arange(60_000) % 10
    probabilities = softmax(3 * np.eye(10)[labels] + generator.normal(size=(60_000, 10)))
    issues = label_issues(labels, probabilities)
    train = LabeledImages(np.zeros((60_000, 1, 1), np.uint8), labels)
    release = Dataset("Fashion-MNIST", FASHION_MNIST_CLASSES, train, train.subset(np.arange(1)), RELEASE.digests)
    known = rank_reference_errors(release, issues)
    assert [entry["index"] for entry in known] == list(REFERENCE_ERRORS)
    for entry in known:
        assert entry["rank"] == 1 + (issues.margin < issues.margin[entry["index"]]).sum()
        assert entry["class"] == FASHION_MNIST_CLASSES[entry["index"] % 10]
        assert entry["score"] == pytest.approx(-issues.margin[entry["index"]], abs=1e-6)
        assert entry["issue"] == (entry["index"] in issues.issue_indices)
        assert entry["of"] == 60_000
    assert rank_reference_errors(replace(release, digests={"train": "other"}), issues) == ()


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Photos of 120x90 pixels in three classes: one saved twice in other bytes, one reduced, one no picture."""
    generator = np.random.default_rng(1)
    for place, name in enumerate(("bag", "boot", "coat")):
        (tmp_path / name).mkdir()
        for number, view in enumerate(draw_garments(12, 5 + place).images):
            garment = np.asarray(Image.fromarray(view).resize((90, 120), Image.Resampling.BICUBIC), np.float64)
            pixels = np.stack([235 - garment * tone for tone in generator.uniform(0.5, 0.9, 3)], axis=-1)
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(tmp_path / name / f"{number:02}.png")
    with Image.open(tmp_path / "bag/03.png") as photo:
        photo.save(tmp_path / "boot/again.png", compress_level=0)
    with Image.open(tmp_path / "coat/05.png") as photo:
        photo.resize((75, 100)).save(tmp_path / "coat/small.jpg", quality=80)
    (tmp_path / "coat/words.jpg").write_text("no picture")
    return tmp_path


def test_a_folder_of_photos_is_audited_by_file(shop: Path) -> None:
    found = audit_dataset(load_image_folder(shop))
    rows = {row["kind"]: row for row in found.rows()}
    exact, near, unreadable = rows["exact-duplicate"], rows["near-duplicate"], rows["unreadable"]
    assert {exact["file"], exact["other"]} == {str(shop / "bag/03.png"), str(shop / "boot/again.png")}
    assert exact["class"] == exact["file"].split("/")[-2]
    assert {near["file"], near["other"]} == {str(shop / "coat/05.png"), str(shop / "coat/small.jpg")}
    assert NEAR_PHOTO_CORRELATION <= near["score"] < 1
    assert unreadable["file"] == str(shop / "coat/words.jpg")
    assert "is not a picture that can be read" in unreadable["suspicion"]
    assert all(row["index"] is None for row in found.rows())
    assert found.counts["unreadable"] == 1
    assert found.counts["duplicates"]["exact"]["groups_with_two_labels"] == 1
    assert found.findings[0].kind == "unreadable"


def test_pictures_without_any_contrast_are_said(dataset: Dataset) -> None:
    constant = replace(
        dataset,
        train=LabeledImages(np.full_like(dataset.train.images, 7), dataset.train.labels),
        test=LabeledImages(np.full_like(dataset.test.images, 9), dataset.test.labels),
    )
    with pytest.raises(
        DataError, match="each of the 400 pictures is of one grey, without any contrast; there is nothing"
    ):
        audit_dataset(constant)


def test_one_class_only_is_said_before_anything_is_trained(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_audit, "out_of_fold", None)
    for part, n in (("train", 300), ("test", 100)):
        one = replace(dataset, **{part: LabeledImages(getattr(dataset, part).images, np.full(n, 2))})
        with pytest.raises(DataError, match=f"all {n} pictures are labelled 2: with one class only, no label can be"):
            audit_dataset(one, with_labels=True, recipe=RECIPE)


def test_too_few_pictures_for_the_folds_are_said(dataset: Dataset) -> None:
    labels = dataset.train.labels.copy()
    labels[labels == 6] = 0
    labels[:2] = 6
    few = replace(dataset, train=LabeledImages(dataset.train.images, labels))
    with pytest.raises(DataError, match="class 6 has 2 images, duplicates counted once, and 3 folds want 3 or more"):
        audit_dataset(few, with_labels=True, recipe=RECIPE)


def test_a_classifier_of_other_classes_is_said(dataset: Dataset) -> None:
    other: Classifier = MemorizingClassifier(dataset.train)
    other.classes = ("cat", "dog")
    with pytest.raises(UsageError, match="remembering knows the classes cat, dog, and Drawn has"):
        audit_dataset(dataset, reference_model=other)
