from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clothier.data.class_folders import SYSTEM_NAMES, find_splits, read_class_folders
from clothier.data.image_folder import load_image_folder
from clothier.data.photo_table import read_photo_table
from clothier.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator


def fill(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return fill(tmp_path / "shop", "dress/1.jpg", "dress/2.jpg", "pants/1.jpg")


class TestSplits:
    @pytest.mark.parametrize(
        ("train", "test"), [("train", "test"), ("Train", "TEST"), ("training", "testing"), ("TRAINING", "Validation")]
    )
    def test_names_in_any_letter_case(self, tmp_path: Path, train: str, test: str) -> None:
        fill(tmp_path, f"{train}/dress/1.jpg", f"{train}/pants/1.jpg", f"{test}/dress/1.jpg")
        table = read_photo_table(tmp_path)
        assert (table.name, table.classes, len(table)) == (f"{tmp_path.name}, {train}", ("dress", "pants"), 2)
        assert table.warnings[0] == f"{tmp_path / test} is not used, only {train}/."
        split = "validation" if test == "Validation" else "test"
        assert read_photo_table(tmp_path, split=split).files == (str(tmp_path / test / "dress/1.jpg"),)

    def test_a_missing_split_is_not_replaced_by_another(self, tmp_path: Path) -> None:
        fill(tmp_path, "test/dress/1.jpg", "test/pants/1.jpg")
        with pytest.raises(DataError, match="is divided into test, and this needs train photos"):
            read_photo_table(tmp_path)
        with pytest.raises(DataError, match=r"has test but no train/"):
            load_image_folder(tmp_path)

    def test_splits_without_class_folders(self, tmp_path: Path) -> None:
        fill(tmp_path, "train/1.jpg", "test/2.jpg")
        for read in (read_photo_table, load_image_folder):
            with pytest.raises(DataError, match="has test/ and train/, which have no class folders"):
                read(tmp_path)

    @pytest.mark.parametrize("name", ["test", "training", "valid"])
    def test_a_split_beside_classes(self, shop: Path, name: str) -> None:
        fill(shop, f"{name}/dress/1.jpg")
        for read in (read_photo_table, load_image_folder):
            with pytest.raises(DataError, match=f"has {name}/ beside dress/ and pants/: it is unclear"):
                read(shop)

    def test_the_same_split_twice(self, tmp_path: Path) -> None:
        fill(tmp_path, "train/dress/1.jpg", "val/dress/1.jpg", "valid/dress/1.jpg")
        with pytest.raises(DataError, match="has both val/ and valid/"):
            read_photo_table(tmp_path)

    def test_a_class_may_have_the_name_of_a_split(self, shop: Path) -> None:
        fill(shop, "train/1.jpg")
        assert find_splits(shop) == {}
        assert read_photo_table(shop).classes == ("dress", "pants", "train")


class TestClutter:
    def test_it_is_skipped_and_counted(self, shop: Path) -> None:
        for name in SYSTEM_NAMES:
            fill(shop / "dress", f"{name.upper()}/1.jpg/SYNOPHOTO_THUMB_M.jpg")
        fill(shop, "__MACOSX/dress/._1.jpg", "dress/._1.jpg", "pants/.ipynb_checkpoints/1.jpg", "pants/Desktop.ini")
        table = read_photo_table(shop)
        assert table.class_counts == {"dress": 2, "pants": 1}
        assert table.failures == ()
        assert f"{len(SYSTEM_NAMES) + 4} hidden files, files and folders of operating" in table.warnings[0]

    def test_nothing_is_said_without_it(self, shop: Path) -> None:
        assert read_class_folders(shop).warnings == ()


class TestLinks:
    def test_a_linked_folder_is_followed_once(self, shop: Path, tmp_path: Path) -> None:
        fill(tmp_path / "elsewhere", "3.jpg", "deep/4.jpg")
        for name in ("link", "again"):
            (shop / "dress" / name).symlink_to(tmp_path / "elsewhere")
        (shop / "dress/loop").symlink_to(shop)
        (tmp_path / "elsewhere/other").symlink_to(shop / "pants")
        content = read_class_folders(shop)
        names = [str(file.relative_to(shop)) for file in content.files["dress"]]
        assert names == ["dress/1.jpg", "dress/2.jpg", "dress/again/3.jpg", "dress/again/deep/4.jpg"]
        assert content.warnings[0].startswith("3 hidden files, files and folders of operating or storage systems")

    def test_a_linked_class_folder_and_linked_files(self, shop: Path, tmp_path: Path) -> None:
        fill(tmp_path / "elsewhere", "3.jpg")
        (shop / "hat").symlink_to(tmp_path / "elsewhere")
        (shop / "dress/3.jpg").symlink_to(tmp_path / "elsewhere/3.jpg")
        assert read_photo_table(shop).class_counts == {"dress": 3, "hat": 1, "pants": 1}

    @pytest.mark.parametrize("target", ["test", "test/dress", "."])
    def test_a_link_into_another_split_is_not_followed(self, tmp_path: Path, target: str) -> None:
        fill(tmp_path, "train/dress/1.jpg", "train/pants/1.jpg", "test/dress/2.jpg", "test/pants/2.jpg")
        (tmp_path / "train/dress/more").symlink_to(tmp_path / target)
        table = read_photo_table(tmp_path)
        assert table.class_counts == {"dress": 1, "pants": 1}
        assert "repeated links" in table.warnings[-1]

    def test_a_link_to_nothing_is_a_failure(self, shop: Path) -> None:
        (shop / "dress/3.jpg").symlink_to("../.git/annex/objects/3.jpg")
        table = read_photo_table(shop)
        assert [(one.file, one.code) for one in table.failures] == [(str(shop / "dress/3.jpg"), "not-found")]
        assert "is a link to ../.git/annex/objects/3.jpg, which does not exist" in table.failures[0].message

    def test_a_class_of_links_to_nothing(self, shop: Path) -> None:
        (shop / "pants/1.jpg").unlink()
        (shop / "pants/1.jpg").symlink_to("none")
        with pytest.raises(DataError, match=r"No photo of the class pants can be read. .*1.jpg is a link to none"):
            read_photo_table(shop)
        (shop / "hat").symlink_to("none")
        with pytest.raises(DataError, match="hat is a link to none, which does not exist"):
            read_photo_table(shop)


def test_a_pipe_is_a_failure_and_does_not_hang(shop: Path) -> None:
    os.mkfifo(shop / "dress/pipe.jpg")
    failures = read_photo_table(shop).failures
    assert [(one.file, one.code) for one in failures] == [(str(shop / "dress/pipe.jpg"), "not-readable")]


def test_photos_beside_the_class_folders_are_counted(shop: Path) -> None:
    fill(shop, "b.JPG", "a.png", "README.md", ".hidden.jpg")
    assert (
        f"2 photos in {shop} are in no class folder and are not used, such as a.png." in read_photo_table(shop).warnings
    )


def test_names_that_are_not_utf8_are_printable(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    fill(folder, os.fsdecode(b"\xe9/1.jpg"), os.fsdecode(b"\xea/\xeb.jpg"))
    table = read_photo_table(folder)
    assert (table.name, table.classes) == ("caf\\udce9", ("\\udce9", "\\udcea"))
    assert all(Path(file).is_file() for file in table.files)


def test_an_empty_class_folder_is_named(shop: Path) -> None:
    (shop / "hat").mkdir()
    table = read_photo_table(shop)
    assert [(one.file, one.code) for one in table.failures] == [(str(shop / "hat"), "empty-class")]


class TestUnreadable:
    @pytest.fixture
    def public(self) -> Iterator[Path]:
        """A folder that every user can enter; root, who may read everything, reads it as another user."""
        folder = Path(tempfile.mkdtemp(prefix="clothier-test-"))
        folder.chmod(0o755)
        fill(folder, "dress/1.jpg", "dress/more/2.jpg", "pants/1.jpg")
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)
        yield folder
        os.seteuid(user)
        shutil.rmtree(folder)

    @pytest.mark.parametrize("mode", [0o000, 0o444, 0o311])
    def test_a_subfolder(self, public: Path, mode: int) -> None:
        self.change(public / "dress/more", mode)
        table = read_photo_table(public)
        assert table.class_counts == {"dress": 1, "pants": 1}
        assert [one.code for one in table.failures] == ["not-readable"]
        assert f"{public / 'dress/more'}" in table.failures[0].message
        assert "Permission denied" in table.failures[0].message

    @pytest.mark.parametrize("mode", [0o000, 0o444, 0o311])
    def test_a_whole_class(self, public: Path, mode: int) -> None:
        self.change(public / "pants", mode)
        for read in (read_photo_table, load_image_folder):
            with pytest.raises(DataError, match=r"No photo of the class pants can be read.*Permission denied"):
                read(public)

    @pytest.mark.parametrize("mode", [0o000, 0o444])
    def test_the_whole_folder(self, public: Path, mode: int) -> None:
        self.change(public, mode)
        for read in (read_photo_table, load_image_folder):
            with pytest.raises(DataError, match=f"{public}.* cannot be read: Permission denied"):
                read(public)

    def change(self, folder: Path, mode: int) -> None:
        user = os.geteuid()
        os.seteuid(os.getuid())
        folder.chmod(mode)
        os.seteuid(user)
