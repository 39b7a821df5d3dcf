from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import update

from clothier.cli.main import main
from clothier.errors import DataError, UsageError
from clothier.store import open_store
from clothier.store.schema import OUTPUTS
from clothier.workflows.duplicates import duplicates
from clothier.workflows.tag import tag
from tests.color_photos import save_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clothier.bundle import Bundle


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, color_bundle: Callable[..., Bundle]) -> Path:
    return save_model(tmp_path_factory.mktemp("bundles") / "colors", color_bundle)


def pattern(seed: int) -> Image.Image:
    """A garment with a print, 400x400 pixels."""
    blotches = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), np.uint8)
    return Image.fromarray(blotches).resize((400, 400), Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures, copies of the first in another size and another color, and a broken file."""
    folder = tmp_path_factory.mktemp("photos")
    pattern(1).save(folder / "a.png")
    pattern(1).resize((200, 200)).save(folder / "b.jpg", quality=70)
    swapped = Image.merge("RGB", pattern(1).split()[::-1])
    luma, _, _ = pattern(1).convert("YCbCr").split()
    _, blue, red = swapped.convert("YCbCr").split()
    Image.merge("YCbCr", (luma, blue, red)).convert("RGB").save(folder / "blue.png")
    pattern(2).save(folder / "other.png")
    (folder / "broken.jpg").write_bytes(b"no photo")
    return folder


def test_photos_and_their_store(photos: Path, tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "duplicates.csv"
    assert main(["duplicates", str(photos), "-o", str(output), "--model", str(model)]) == 3, "a broken file"
    shown = capsys.readouterr()
    assert "1 groups of one picture: 1 of 4 photos are copies" in shown.out
    assert "broken.jpg" in shown.err
    with output.open() as file:
        rows = list(csv.DictReader(file))
    assert [(one["group"], one["keep"], one["file"]) for one in rows] == [
        ("1", "True", "a.png"),
        ("1", "False", "b.jpg"),
    ]
    assert (rows[0]["pixels"], rows[0]["reason"]) == ("160000", "most pixels: 160,000, next 40,000")
    assert main(["duplicates", f"{output}.store", "--json"]) == 0
    (group,) = json.loads(capsys.readouterr().out)["groups"]
    assert (group["keep"]["file"], [one["file"] for one in group["copies"]]) == ("a.png", ["b.jpg"])


def test_stores_from_before_hashes_are_read_again(photos: Path, tmp_path: Path, model: Path) -> None:
    store = tmp_path / "tags.db"
    tag(photos, store=store, model=model)
    with open_store(store) as opened:
        opened.write(lambda connection: connection.execute(update(OUTPUTS).values(perceptual_hash=None)))
    found = duplicates(store)
    assert (found.found.groups, found.found.not_compared) == ((), 4)
    assert found.warnings[0].startswith("4 photos were compared byte by byte only")
    assert tag(photos, store=store, model=model).computed == 4
    assert len(duplicates(store).found.groups) == 1


@pytest.mark.parametrize(
    ("source", "options", "error", "message"),
    [
        ("photos", {}, UsageError, "Name an output"),
        ("://h/d", {"id_column": "sku"}, UsageError, "has its columns already"),
        ("photos.csv", {"output": "photos.csv"}, UsageError, "the source and the output are the same"),
        ("tags.db", {"output": "found.txt"}, UsageError, "has none of the suffixes"),
        ("tags.db", {}, DataError, "does not exist"),
    ],
)
def test_what_cannot_work(
    source: str, options: dict[str, Any], error: type[Exception], message: str, tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    options = {name: str(tmp_path / value) if name == "output" else value for name, value in options.items()}
    with pytest.raises(error, match=message):
        duplicates(f"{tmp_path}/{source}", **options)
