from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image

from clothier.data.photo_loading import load_photos, load_with_fingerprints
from clothier.data.photo_table import read_photo_table
from clothier.data.photos import png
from clothier.errors import DataError
from clothier.types import InputSpec

if TYPE_CHECKING:
    from pathlib import Path

CENTER_CROP = InputSpec("center_crop", 16, 16, 3)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with a CSV of three photos, each of one shade of red."""
    (tmp_path / "images").mkdir()
    for number, name in enumerate(("a.png", "images/b.png", "images/c.png")):
        Image.new("RGB", (30, 40), (80 * number, 10, 10)).save(tmp_path / name)
    (tmp_path / "labels.csv").write_text("file,label,sender_id\na.png,hat,12\nb.png,boot,7\nc.png,,12\n")
    return tmp_path


def test_images_in_the_order_of_the_table(shop: Path) -> None:
    calls = []
    images, table = load_photos(
        read_photo_table(shop), CENTER_CROP, progress=lambda task, done, total, note="": calls.append((done, total))
    )
    assert images.shape == (3, 16, 16, 3)
    assert images[:, 8, 8, 0].tolist() == [0, 80, 160]
    assert len(table) == 3
    assert calls == [(1, 3), (2, 3), (3, 3)]


def test_unreadable_photos_are_failures(shop: Path) -> None:
    (shop / "images/b.png").write_text("words")
    with (shop / "labels.csv").open("a") as table_file:
        table_file.write("gone.png,hat,1\n")
    images, table = load_photos(read_photo_table(shop), CENTER_CROP)
    assert images[:, 8, 8, 0].tolist() == [0, 160]
    assert (table.labels.tolist(), table.groups.tolist()) == ([1, -1], [12, 12])
    assert [failure.code for failure in table.failures] == ["not-found", "not-an-image"]


def test_notes_on_files_become_warnings(shop: Path) -> None:
    for name, end in (("a.png", b"IEND"), ("images/c.png", b"IEND")):
        content = (shop / name).read_bytes()
        (shop / name).write_bytes(content[: content.index(end) - 4])
    expected = f"2 of 3 photos, the first {shop / 'a.png'}: {png.NO_END}"
    assert load_photos(read_photo_table(shop), CENTER_CROP)[1].warnings == (expected,)
    assert load_with_fingerprints(read_photo_table(shop), CENTER_CROP)[2].warnings == (expected,)


def test_the_cause_when_no_photo_is_readable(shop: Path) -> None:
    for name in ("a.png", "images/b.png", "images/c.png"):
        (shop / name).write_text("words")
    with pytest.raises(DataError, match=r"none of the 3 photos of .* can be read. The first: .*a\.png is not an"):
        load_photos(read_photo_table(shop), CENTER_CROP)


def test_many_threads_keep_the_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clothier.system.available_cores", lambda: 8)
    (tmp_path / "hat").mkdir()
    for shade in range(200):
        Image.new("L", (20, 20), shade).save(tmp_path / f"hat/{shade:03}.png")
    images, _ = load_photos(read_photo_table(tmp_path), CENTER_CROP)
    assert images[:, 0, 0, 0].tolist() == list(range(200))


def test_an_interrupt_stops_at_once(shop: Path) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_photos(read_photo_table(shop), CENTER_CROP, progress=stop)
