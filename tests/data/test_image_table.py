from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clothier.data.columns import Columns
from clothier.data.image_table import load_image_table
from clothier.data.splits import grouped_split
from clothier.errors import DataError
from tests.synthetic import draw_garments


def write_table(folder: Path, rows: list[tuple[str, str]], header: str = "file,label,sender_id") -> Path:
    """A CSV with an image for each row, a label and a group."""
    for number, image in enumerate(draw_garments(len(rows), 3).images):
        Image.fromarray(image).save(folder / f"{number}.png")
    lines = [f"{number}.png,{label},{group}" for number, (label, group) in enumerate(rows)]
    (folder / "shop.csv").write_text("\n".join([header, *lines, ""]), encoding="utf-8")
    return folder / "shop.csv"


def test_groups_stay_together_and_a_fifth_is_held_out(tmp_path: Path) -> None:
    rows = [(label, f"style {number // 2}") for label in ("boot", "coat") for number in range(20)]
    table = write_table(tmp_path, rows, "file,label,style")
    dataset = load_image_table(table, Columns(group="style"))
    assert (dataset.name, dataset.classes) == ("shop", ("boot", "coat"))
    assert dataset.train.images.shape == (32, 28, 28)
    assert dataset.test.class_counts(2).tolist() == [4, 4]
    styles = [{int(Path(file).stem) % 20 // 2 for file in part.files} for part in (dataset.train, dataset.test)]
    assert not styles[0] & styles[1]
    for part in (dataset.train, dataset.test):
        for image, label, file in zip(part.images, part.labels, part.files, strict=True):
            assert rows[int(Path(file).stem)][0] == dataset.classes[label]
            assert np.array_equal(image, np.asarray(Image.open(file)))
    assert dataset.warnings == ()
    assert load_image_table(table, Columns(group="style")).digest == dataset.digest
    assert load_image_table(table, Columns(group="style"), seed=1).digest != dataset.digest


def test_what_is_left_out_is_named(tmp_path: Path) -> None:
    rows = [(label, "") for label in ("boot", "coat") for _ in range(10)] + [("hat", "")] * 4 + [("", "")] * 3
    table = write_table(tmp_path, rows, "file,label,shelf")
    (tmp_path / "3.png").write_bytes(b"no image")
    (tmp_path / "13.png").unlink()
    told: list[str] = []
    dataset = load_image_table(table, Columns(), progress=lambda task, done, total, note="": told.append(note))
    codes = {Path(one.file).name: one.code for one in dataset.failures}
    small = dict.fromkeys(("20.png", "21.png", "22.png", "23.png"), "small-class")
    assert codes == {"3.png": "not-an-image", "13.png": "not-found", **small}
    assert dataset.classes == ("boot", "coat")
    assert (len(dataset.train) + len(dataset.test), len(dataset.test)) == (18, 4)
    ungrouped, unlabeled = dataset.warnings
    assert "has no column 'sender_id'" in ungrouped
    assert unlabeled == "3 images without a label are left out."
    assert set(dataset.warnings) <= set(told)


def test_photos_are_reduced_and_the_command_that_keeps_them_names_the_columns(tmp_path: Path) -> None:
    rows = [(label, f"style {number}") for label in ("boot", "coat") for number in range(5)]
    table = write_table(tmp_path, rows, "file,label,style")
    for file in tmp_path.glob("*.png"):
        Image.open(file).convert("RGB").resize((224, 300)).save(file)
    (warning,) = load_image_table(table, Columns(group="style")).warnings
    assert f"clothier train photo --data {table} --group-column style keeps color and detail" in warning


def test_two_classes_are_needed(tmp_path: Path) -> None:
    table = write_table(tmp_path, [("boot", "1")] * 9 + [("hat", "2")] * 2)
    with pytest.raises(DataError, match=r"with 5 or more readable photos: boot \(9\), hat \(2\)"):
        load_image_table(table, Columns())


@pytest.mark.parametrize(("n_groups", "n_held_out"), [(1, 8), (2, 20), (40, 8)])
def test_few_groups_and_groups_of_one_are_split(n_groups: int, n_held_out: int) -> None:
    labels, groups = np.arange(40) % 2, np.arange(40) % n_groups
    train, held_out = grouped_split(labels, groups, 0.2, 0)
    assert sorted([*train, *held_out]) == list(range(40))
    assert len(held_out) == n_held_out
    assert n_groups == 1 or not set(groups[train]) & set(groups[held_out])
