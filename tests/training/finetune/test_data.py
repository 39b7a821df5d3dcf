from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageOps

from clothier.data.columns import Columns
from clothier.data.photo_table import NO_GROUPS
from clothier.errors import DataError
from clothier.recipes.photo import PhotoAugment
from clothier.training.finetune.data import MIN_PHOTOS_PER_CLASS, load_photo_training_data, split_folds
from clothier.training.finetune.features import augment_photo
from clothier.types import no_progress

if TYPE_CHECKING:
    from pathlib import Path


def write_image(file: Path, seed: int) -> None:
    file.parent.mkdir(exist_ok=True, parents=True)
    noise = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file)


def write_classes(folder: Path, n: int = MIN_PHOTOS_PER_CLASS) -> None:
    for number in range(2 * n):
        write_image(folder / ("dress" if number % 2 else "hat") / f"{number}.png", number)


def test_one_class_is_too_few(tmp_path: Path) -> None:
    for number in range(MIN_PHOTOS_PER_CLASS):
        write_image(tmp_path / "photos" / "hat" / f"{number}.png", number)
    with pytest.raises(DataError, match=r"photos has 1 class\(es\) with 5 or more readable photos: hat \(5\)\."):
        load_photo_training_data(tmp_path / "photos", Columns(), no_progress)


def test_duplicates_stay_in_one_fold(tmp_path: Path) -> None:
    write_classes(tmp_path)
    (tmp_path / "hat" / "again.png").write_bytes((tmp_path / "hat" / "0.png").read_bytes())
    with Image.open(tmp_path / "hat" / "0.png") as image:
        ImageOps.mirror(image).save(tmp_path / "hat" / "mirrored.png")
    photos = load_photo_training_data(tmp_path, Columns(), no_progress)
    files = [file.rpartition("/")[2] for file in photos.table.files]
    assert len({photos.groups[files.index(name)] for name in ("0.png", "again.png", "mirrored.png")}) == 1
    summary = photos.audit_summary()
    assert (summary["exact_duplicates"], summary["near_duplicates"], summary["merged_groups"]) == (1, 1, 2)


def test_the_same_image_under_two_labels_is_named(tmp_path: Path) -> None:
    write_classes(tmp_path)
    (tmp_path / "dress" / "again.png").write_bytes((tmp_path / "hat" / "0.png").read_bytes())
    notes: list[str] = []
    photos = load_photo_training_data(tmp_path, Columns(), lambda *words: notes.append(str(words[-1])))
    (named,) = [one for one in photos.table.warnings if "different labels" in one]
    assert "again.png (dress)" in named
    assert "0.png (hat)" in named
    assert named in notes


def test_missing_groups_are_said(tmp_path: Path) -> None:
    write_classes(tmp_path)
    assert load_photo_training_data(tmp_path, Columns(), no_progress).table.warnings[-1] == NO_GROUPS


def test_every_labeled_photo_is_tested_once(tmp_path: Path) -> None:
    write_classes(tmp_path)
    photos = load_photo_training_data(tmp_path, Columns(), no_progress)
    folds = split_folds(photos.folds(3, seed=0), photos.table.labels)
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(2 * MIN_PHOTOS_PER_CLASS))
    assert all(not set(train) & set(test) for train, test in folds)


def test_photos_of_no_class_are_in_the_fold_of_their_group_or_dealt_out(tmp_path: Path) -> None:
    write_classes(tmp_path)
    for number in range(7):
        write_image(tmp_path / "else" / f"{number}.png", 100 + number)
    rows = [f"{file},{file.parent.name},{file.stem}" for file in sorted(tmp_path.glob("[dh]*/*.png"))]
    rows += [f"{tmp_path}/else/{number}.png,,{group}" for number, group in enumerate([1, 1, 20, 20, 20, 21, 22])]
    (tmp_path / "labels.csv").write_text("\n".join(["file,label,sender_id", *rows]))
    photos = load_photo_training_data(tmp_path, Columns(), no_progress)
    folds, groups = photos.folds(2, seed=0), photos.groups
    assert all(len(set(folds[groups == group])) == 1 for group in groups)
    n_ood = np.bincount(folds[photos.table.labels < 0])
    assert sorted(n_ood.tolist()) == [3, 4]
    labeled = photos.table.labels >= 0
    (first, _) = split_folds(folds, photos.table.labels)
    assert labeled[first[0]].all(), "nothing is trained on them"


@pytest.mark.parametrize(
    ("column", "columns", "grouped_by"),
    [
        ("sender_id", Columns(), "photographer"),
        ("product", Columns(group="product"), "product"),
        ("x", Columns(), "photo"),
    ],
)
def test_groups_have_the_name_of_the_users_column(
    tmp_path: Path, column: str, columns: Columns, grouped_by: str
) -> None:
    write_classes(tmp_path)
    rows = [f"{file},{file.parent.name},{number % 3}" for number, file in enumerate(sorted(tmp_path.rglob("*.png")))]
    (tmp_path / "labels.csv").write_text("\n".join([f"file,label,{column}", *rows]))
    assert load_photo_training_data(tmp_path, columns, no_progress).grouped_by == grouped_by


def test_notes_on_files_are_told_and_stored(tmp_path: Path) -> None:
    write_classes(tmp_path)
    file = min(tmp_path.rglob("*.png"))
    file.write_bytes(file.read_bytes()[:-12])
    told: list[object] = []
    photos = load_photo_training_data(tmp_path, Columns(), lambda *report: told.append(report[-1]))
    (warning,) = [one for one in photos.audit_summary()["warnings"] if str(file) in one]
    assert warning.startswith("1 of ")
    assert "no end marker" in warning
    assert told.count(warning) == 1


def test_a_single_group_cannot_be_cross_validated(tmp_path: Path) -> None:
    write_classes(tmp_path)
    rows = [f"{file},{file.parent.name},1" for file in sorted(tmp_path.rglob("*.png"))]
    (tmp_path / "labels.csv").write_text("\n".join(["file,label,sender_id", *rows]))
    with pytest.raises(DataError, match="All photos belong to one group"):
        load_photo_training_data(tmp_path, Columns(), no_progress).folds(5, seed=0)


def test_a_class_of_one_group_is_named(tmp_path: Path) -> None:
    """A fold would test the class that it cannot train on; with two classes, it would train on one only."""
    write_classes(tmp_path)
    for number in range(MIN_PHOTOS_PER_CLASS):
        write_image(tmp_path / "skirt" / f"{number}.png", 50 + number)
    groups = {"dress": lambda number: number % 2, "hat": lambda number: number % 2, "skirt": lambda _: 7}
    files = sorted(tmp_path.rglob("*.png"))
    rows = [f"{file},{file.parent.name},{groups[file.parent.name](int(file.stem) // 2)}" for file in files]
    (tmp_path / "labels.csv").write_text("\n".join(["file,label,sender_id", *rows]))
    told: list[object] = []
    photos = load_photo_training_data(tmp_path, Columns(), lambda *report: told.append(report[-1]))
    (warning,) = photos.audit_summary()["warnings"]
    assert warning.startswith("All photos of skirt belong to one photographer")
    assert warning in told
    rows = [f"{file},{file.parent.name},{file.parent.name}" for file in files if file.parent.name != "skirt"]
    (tmp_path / "labels.csv").write_text("\n".join(["file,label,sender_id", *rows]))
    with pytest.raises(DataError, match=r"one class only, .* two or more photographers"):
        load_photo_training_data(tmp_path, Columns(), no_progress).folds(5, seed=0)


def test_augmentation_is_deterministic_per_seed() -> None:
    image = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    first, second, other = (augment_photo(image, 32, PhotoAugment(), np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.shape == (32, 32, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_zero_augmentation_only_flips() -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    image[:, :4] = 200
    nothing = PhotoAugment(min_area=1.0, aspect=0.0, brightness=0.0, color_gain=0.0)
    for seed in range(4):
        augmented = augment_photo(image, 8, nothing, np.random.default_rng(seed))
        assert np.array_equal(augmented, image) or np.array_equal(augmented, image[:, ::-1])
