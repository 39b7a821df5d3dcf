from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from clothier.catalogue.index import Filters
from clothier.errors import DataError, UnknownNameError, UsageError
from clothier.types import FailedInput
from clothier.workflows.index import index
from clothier.workflows.similar import SimilarPhotos, similar
from tests.color_photos import draw, save_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clothier.bundle import Bundle

SHADES = {"dress": (0, 40, 80), "hat": (0, 40), "skirt": (0,)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("similar")


@pytest.fixture(scope="module")
def model(folder: Path, color_bundle: Callable[..., Bundle]) -> Path:
    return save_model(folder / "colors", color_bundle)


@pytest.fixture(scope="module")
def photos(folder: Path) -> Path:
    rows = ["file,style"]
    for name, shades in SHADES.items():
        for number, shade in enumerate(shades):
            draw(folder / "photos" / f"{name}-{number}.png", name, shade)
            rows.append(f"{name}-{number}.png,{name if number < 2 else ''}")
    (folder / "photos" / "list.csv").write_text("\n".join(rows))
    return folder / "photos"


@pytest.fixture(scope="module")
def catalogue(folder: Path, photos: Path, model: Path) -> Path:
    index(photos / "list.csv", folder / "index", model=model, product_column="style")
    return folder / "index"


def names(found: Any) -> list[str]:
    assert isinstance(found, SimilarPhotos)
    return [one.file for one in found.neighbors]


def test_photos_of_one_color_are_alike(photos: Path, catalogue: Path) -> None:
    dress, hat = similar([photos / "dress-0.png", photos / "hat-0.png"], catalogue, top=2)
    assert sorted(names(dress)) == ["dress-1.png", "dress-2.png"]
    assert names(hat)[0] == "hat-1.png"
    content = dress.to_json()
    assert content["file"] == str(photos / "dress-0.png")
    assert [sorted(one) for one in content["neighbours"]] == [["file", "item_id", "score"]] * 2
    scores = [one["score"] for one in content["neighbours"]]
    assert 1 >= scores[0] >= scores[1] > 0.9


def test_the_photo_itself_is_left_out_also_under_another_name(photos: Path, catalogue: Path, tmp_path: Path) -> None:
    (tmp_path / "copy.png").write_bytes((photos / "dress-0.png").read_bytes())
    (found,) = similar([tmp_path / "copy.png"], catalogue)
    assert "dress-0.png" not in names(found)
    assert len(names(found)) == 5
    (new,) = similar([draw(tmp_path / "new.png", "dress", 20)], catalogue)
    assert len(names(new)) == 6


def test_filters(photos: Path, catalogue: Path, tmp_path: Path) -> None:
    def find(file: Path, **filters: Any) -> Any:
        (found,) = similar([file], catalogue, filters=Filters(**filters))
        return found

    assert sorted(names(find(photos / "dress-0.png", class_name="hat"))) == ["hat-0.png", "hat-1.png"]
    others = find(photos / "dress-0.png", other_products=True)
    assert ("dress-1.png" in names(others), "dress-2.png" in names(others), others.notes) == (False, True, ())
    unknown = find(draw(tmp_path / "new.png", "dress", 20), other_products=True)
    assert len(names(unknown)) == 6
    assert unknown.to_json()["notes"] == [
        "The index does not know the product of this photo, so no product was left out."
    ]
    assert len(names(find(photos / "skirt-0.png", one_per_product=True))) == 3, "two products, one photo without"
    with pytest.raises(UnknownNameError, match="trousers"):
        find(photos / "dress-0.png", class_name="trousers")


def test_failed_files(photos: Path, catalogue: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    found = similar([tmp_path / "empty.jpg", photos / "hat-0.png", tmp_path / "missing.jpg"], catalogue)
    assert [one.code for one in found if isinstance(one, FailedInput)] == ["empty", "not-found"]
    assert names(found[1])[0] == "hat-1.png"
    assert found[0].to_json()["error"]["code"] == "empty"


def test_the_bundled_model_and_a_small_grayscale_image(photos: Path, tmp_path: Path) -> None:
    Image.new("L", (28, 28), 80).save(photos / "small.png")
    try:
        found = index(photos, tmp_path / "index")
        assert (found.update.n, found.update.without_embedding) == (6, 1)
        assert found.warnings[-1].startswith("1 photos have no embedding")
        small, dress = similar([photos / "small.png", photos / "dress-0.png"], tmp_path / "index")
        assert isinstance(small, FailedInput)
        assert small.code == "other-model"
        assert names(dress)[0].startswith("dress")
    finally:
        (photos / "small.png").unlink()


def test_another_model(photos: Path, catalogue: Path, tmp_path: Path, color_bundle: Callable[..., Bundle]) -> None:
    colors = {"dress": (0, 0, 0), "hat": (9, 9, 9)}
    with pytest.raises(DataError, match="was made with another model: colors"):
        similar([photos / "hat-0.png"], catalogue, model=color_bundle(tmp_path / "other", colors).path)


def test_bad_requests(photos: Path, catalogue: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="top is 0"):
        similar([photos / "hat-0.png"], catalogue, top=0)
    with pytest.raises(UsageError, match="single name"):
        similar(str(photos / "hat-0.png"), catalogue)
    with pytest.raises(DataError, match="is not an index"):
        similar([photos / "hat-0.png"], tmp_path)
    assert similar([], catalogue) == []
