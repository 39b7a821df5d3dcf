from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clothier.catalogue.index import open_index
from clothier.errors import DataError, UsageError
from clothier.inference import Model
from clothier.workflows.index import index
from clothier.workflows.tag import tag
from tests.color_photos import draw, draw_folder, save_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clothier.bundle import Bundle


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, color_bundle: Callable[..., Bundle]) -> Path:
    return save_model(tmp_path_factory.mktemp("bundles") / "colors", color_bundle)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return draw_folder(tmp_path / "photos")


def test_a_folder_twice(photos: Path, tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = index(photos, tmp_path / "i", model=model)
    content = found.to_json()
    assert (content["n"], content["added"], content["removed"], content["failed"]) == (5, 5, 0, 0), "two are one item"
    assert (content["store"], content["model"], content["exact"]) == (str(tmp_path / "i.store"), "colors", True)
    draw(photos / "new.png", "skirt", 99)
    (photos / "1.png").unlink()
    decoded: list[str] = []
    decode = Model.decode
    monkeypatch.setattr(
        Model, "decode", lambda self, file, *given, **more: decoded.append(file) or decode(self, file, *given, **more)
    )
    again = index(photos, tmp_path / "i", model=model).to_json()
    assert (again["n"], again["added"], again["removed"], decoded) == (5, 1, 1, ["new.png"])


def test_failed_photos_are_named_and_left_out(photos: Path, tmp_path: Path, model: Path) -> None:
    (photos / "broken.jpg").write_bytes(b"no photo")
    found = index(photos, tmp_path / "i", model=model)
    assert (found.update.n, found.n_failed, [one.file for one in found.failures]) == (5, 1, ["broken.jpg"])


def test_another_folder_replaces_the_first(photos: Path, tmp_path: Path, model: Path) -> None:
    index(photos, tmp_path / "i", model=model)
    draw(tmp_path / "others" / "a.png", "hat", 200)
    assert index(tmp_path / "others", tmp_path / "i", model=model).update.n == 1


def test_a_store(photos: Path, tmp_path: Path, model: Path) -> None:
    for source in (photos, photos / "more"):
        tag(source, store=tmp_path / "tags.db", model=model)
    found = index(tmp_path / "tags.db", tmp_path / "i", model=model)
    assert (found.update.n, found.store, found.failures) == (5, str(tmp_path / "tags.db"), ())
    with pytest.raises(UsageError, match="is a store, which has its columns"):
        index(tmp_path / "tags.db", tmp_path / "i", model=model, id_column="sku")


def test_products_of_a_table(photos: Path, tmp_path: Path, model: Path) -> None:
    table = photos / "list.csv"
    table.write_text("file,style\n0.png,s1\n1.png,s1\n2.png,\n")
    index(table, tmp_path / "i", model=model, product_column="style")
    opened = open_index(tmp_path / "i")
    products = [opened._content.products[row] for row in range(3)]
    assert products == [0, 0, -1]


def test_nothing_to_index(tmp_path: Path, model: Path) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(DataError, match="no photos with an embedding"):
        index(tmp_path / "photos", tmp_path / "i", model=model)
    with pytest.raises(DataError, match="does not exist"):
        index(tmp_path / "missing", tmp_path / "j", model=model)
    assert not (tmp_path / "i").exists()


def test_the_model_is_found_again_from_another_folder(
    photos: Path, tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(model.parent)
    index(photos, tmp_path / "i", model="colors")
    assert open_index(tmp_path / "i").card.model_source == str(model)
