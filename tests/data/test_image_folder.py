from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clothier.data.image_folder import load_image_folder
from clothier.data.sources import open_dataset
from clothier.errors import DataError
from tests.synthetic import draw_garments

NAMES = ("bag", "boot", "coat")


def fill(folder: Path, per_class: int = 10, names: tuple[str, ...] = NAMES, seed: int = 1) -> Path:
    for place, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for number, view in enumerate(draw_garments(per_class, seed + place).images):
            Image.fromarray(view).save(folder / name / f"{number:03}.png")
    return folder


def image_bytes(images: np.ndarray) -> set[bytes]:
    return {image.tobytes() for image in images}


def test_a_seeded_fifth_of_each_class_is_held_out(tmp_path: Path) -> None:
    fill(tmp_path / "shop")
    dataset = load_image_folder(tmp_path / "shop")
    assert (dataset.name, dataset.classes) == ("shop", NAMES)
    assert dataset.train.class_counts(3).tolist() == [8, 8, 8]
    assert dataset.test.class_counts(3).tolist() == [2, 2, 2]
    assert not image_bytes(dataset.train.images) & image_bytes(dataset.test.images)
    again, other = load_image_folder(tmp_path / "shop"), load_image_folder(tmp_path / "shop", seed=7)
    assert again.digest == dataset.digest
    assert image_bytes(other.test.images) != image_bytes(dataset.test.images)
    first = np.asarray(Image.open(tmp_path / "shop/bag/000.png")).tobytes()
    assert first in image_bytes(dataset.train.images) | image_bytes(dataset.test.images)


def test_names_that_no_card_can_hold_are_escaped(tmp_path: Path) -> None:
    fill(tmp_path / "caf\udce9", names=("a\x1b[31m", "b\udcff", "c\nd"))
    dataset = load_image_folder(tmp_path / "caf\udce9")
    assert (dataset.name, dataset.classes) == (r"caf\udce9", (r"a\x1b[31m", r"b\udcff", r"c\nd"))
    assert Path(dataset.train.files[0]).is_file()


def test_classes_are_sorted(tmp_path: Path) -> None:
    fill(tmp_path, names=("zebra", "ant"))
    dataset = load_image_folder(tmp_path)
    assert dataset.classes == ("ant", "zebra")
    ants = image_bytes(draw_garments(10, 2).images)
    for part in (dataset.train, dataset.test):
        assert all(
            (image.tobytes() in ants) == (label == 0) for image, label in zip(part.images, part.labels, strict=True)
        )


def test_train_and_test_folders_and_a_warning_for_others(tmp_path: Path) -> None:
    fill(tmp_path / "train")
    fill(tmp_path / "test", per_class=3, names=NAMES[:2], seed=50)
    fill(tmp_path / "validation", per_class=1)
    dataset = open_dataset(tmp_path)
    assert dataset.train.class_counts(3).tolist() == [10, 10, 10]
    assert dataset.test.class_counts(3).tolist() == [3, 3, 0]
    assert dataset.warnings == (f"{tmp_path / 'validation'} is not used, only train/ and test/.",)


def test_the_validation_folder_is_the_test_set_where_there_is_none(tmp_path: Path) -> None:
    fill(tmp_path / "Train")
    fill(tmp_path / "val", per_class=2, seed=50)
    dataset = open_dataset(tmp_path)
    assert (len(dataset.train), len(dataset.test)) == (30, 6)
    assert dataset.warnings == (f"{tmp_path} has no test folder: val/ is the test set.",)


def test_a_train_folder_alone_is_split(tmp_path: Path) -> None:
    fill(tmp_path / "train")
    dataset = load_image_folder(tmp_path)
    assert (len(dataset.train), len(dataset.test)) == (24, 6)


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    fill(tmp_path, names=("train", "doll"))
    assert load_image_folder(tmp_path).classes == ("doll", "train")


def test_nested_folders_and_ignored_files(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "bag/2024").mkdir()
    (tmp_path / "bag/000.png").rename(tmp_path / "bag/2024/000.png")
    (tmp_path / "bag/.DS_Store").write_bytes(b"x")
    (tmp_path / "bag/Thumbs.db").write_bytes(b"x")
    (tmp_path / ".git").mkdir()
    dataset = load_image_folder(tmp_path)
    assert dataset.train.class_counts(3).tolist() == [8, 8, 8]
    assert dataset.failures == ()


def test_unreadable_images_are_failures(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "bag/words.jpg").write_text("no image")
    (tmp_path / "coat/empty.png").touch()
    calls = []
    dataset = load_image_folder(tmp_path, progress=lambda task, done, total, note="": calls.append((done, total)))
    assert [(failure.file, failure.code) for failure in dataset.failures] == [
        (str(tmp_path / "bag/words.jpg"), "not-an-image"),
        (str(tmp_path / "coat/empty.png"), "empty"),
    ]
    assert "words.jpg" in dataset.failures[0].message
    assert len(dataset.train) + len(dataset.test) == 30
    assert calls[-1] == (32, 32)


def test_unreadable_images_of_the_test_folder_are_failures(tmp_path: Path) -> None:
    fill(tmp_path / "train")
    fill(tmp_path / "test", per_class=2)
    (tmp_path / "test/boot/bad.png").write_bytes(b"\0")
    assert [failure.file for failure in load_image_folder(tmp_path).failures] == [str(tmp_path / "test/boot/bad.png")]


def test_too_few_images_of_a_class(tmp_path: Path) -> None:
    fill(tmp_path)
    for path in sorted((tmp_path / "boot").iterdir())[:6]:
        path.write_bytes(b"damaged")
    with pytest.raises(
        DataError,
        match=r"boot has 4 readable images \(6 files .* could not be read\); 5 or more",
    ):
        load_image_folder(tmp_path)
    (tmp_path / "hat").mkdir()
    fill(tmp_path / "more", names=("boot",))
    for path in (tmp_path / "boot").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="boot has 0 readable images; 5 or more"):
        load_image_folder(tmp_path)


def test_five_of_a_class_are_enough(tmp_path: Path) -> None:
    dataset = load_image_folder(fill(tmp_path / "few", per_class=5))
    assert dataset.train.class_counts(3).tolist() == [4, 4, 4]
    assert dataset.test.class_counts(3).tolist() == [1, 1, 1]


def test_one_class(tmp_path: Path) -> None:
    fill(tmp_path, names=("bag",))
    with pytest.raises(DataError, match="has 1 class folder; two or more are needed"):
        load_image_folder(tmp_path)


def test_a_test_class_without_training_images(tmp_path: Path) -> None:
    fill(tmp_path / "train")
    fill(tmp_path / "test", names=("bag", "hat"), per_class=1)
    with pytest.raises(DataError, match="test has the class 'hat', but the training images only have bag, boot, coat"):
        load_image_folder(tmp_path)


def test_digests_depend_on_pixels_and_labels(tmp_path: Path) -> None:
    before = load_image_folder(fill(tmp_path / "shop")).digests
    image = tmp_path / "shop/bag/003.png"
    pixels = np.asarray(Image.open(image)).copy()
    pixels[14, 14] ^= 1
    Image.fromarray(pixels).save(image)
    changed = load_image_folder(tmp_path / "shop").digests
    assert changed != before
    image.rename(tmp_path / "shop/boot/999.png")
    assert load_image_folder(tmp_path / "shop").digests not in (before, changed)


def test_every_image_has_its_file(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "bag/000.png").write_bytes(b"damaged")
    dataset = load_image_folder(tmp_path)
    for part in (dataset.train, dataset.test):
        for image, label, file in zip(part.images, part.labels, part.files, strict=True):
            assert Path(file).parent.name == NAMES[label]
            view = np.asarray(Image.open(file))
            assert np.array_equal(image, view)
    assert len({*dataset.train.files, *dataset.test.files}) == 29


def test_large_images_are_reduced_and_it_is_said(tmp_path: Path) -> None:
    fill(tmp_path / "small")
    fill(tmp_path / "my shop")
    for file in (tmp_path / "my shop").rglob("*.png"):
        Image.open(file).convert("RGB").resize((224, 300)).save(file)
    assert load_image_folder(tmp_path / "small").warnings == ()
    (warning,) = load_image_folder(tmp_path / "my shop").warnings
    assert "28x28 gray pixels, from 224x300" in warning
    assert f"clothier train photo --data '{tmp_path / 'my shop'}'" in warning
