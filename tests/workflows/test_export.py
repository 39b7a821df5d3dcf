from __future__ import annotations

import csv
import io
import json
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy import update

from clothier.catalogue.catalogue_store import open_store as open_catalogue
from clothier.catalogue.exports.tags import StoreTags
from clothier.catalogue.review import accept, correct
from clothier.cli.main import main
from clothier.errors import DataError, UnknownNameError, UsageError
from clothier.store import open_store
from clothier.store.schema import FILES, ITEMS, RUNS, SOURCES
from clothier.workflows.duplicates import duplicates
from clothier.workflows.export import export
from clothier.workflows.index import index
from clothier.workflows.review import export_corrections
from clothier.workflows.tag import tag
from tests.color_photos import draw, save_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from clothier.bundle import Bundle

ROW = b'{"item_id": "1", "file": "a.jpg", "class": "dress", "decision": "accept"}'
URL = "https://cdn.example.com/photos/"
TABLE = """file,style,Title,price,note
red 1.png,Rote Röcke,Red & nice,12.00 EUR,=1+1
red 2.png,Rote Röcke,Red & nice,12.00 EUR,
blue.png,Blau,,,-
gray.png,Grau,,,
empty.png,Leer,,,
alone.png,,,,
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, color_bundle: Callable[..., Bundle]) -> Path:
    return save_model(tmp_path_factory.mktemp("bundles") / "colors", color_bundle)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two red dresses of one product, a hat, a skirt without a product, a doubtful photo and an empty one."""
    from PIL import Image

    folder = tmp_path / "photos"
    for number, name in enumerate(("red 1", "red 2")):
        draw(folder / f"{name}.png", "dress", number)
    draw(folder / "blue.png", "hat", 2)
    draw(folder / "alone.png", "skirt", 3)
    Image.new("RGB", (24, 24), (120, 60, 120)).save(folder / "gray.png")
    (folder / "empty.png").touch()
    (folder / "list.csv").write_text(TABLE, encoding="utf-8")
    return folder / "list.csv"


@pytest.fixture(params=["sqlite", "postgresql", "csv", "jsonl", "parquet"])
def source(request: pytest.FixtureRequest, tmp_path: Path, photos: Path, model: Path) -> str:
    """The same tags as a store or as a table."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("postgresql_url")
        tag(photos, store=url, model=model, product_column="style")
        return url
    if request.param == "sqlite":
        tag(photos, store=tmp_path / "tags.db", model=model, product_column="style")
        return str(tmp_path / "tags.db")
    path = tmp_path / f"tags.{request.param}"
    tag(photos, path, model=model, product_column="style")
    return str(path)


def options(source: str) -> dict[str, Any]:
    is_table = source.endswith((".csv", ".jsonl", ".parquet"))
    return {"product_column": "style"} if is_table else {}


def read(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")), delimiter=delimiter, strict=True))


def test_csv(source: str, tmp_path: Path) -> None:
    found = export(source, tmp_path / "out.csv", **options(source))
    content = found.to_json()
    assert (content["tags"], content["rows"], content["left_out"]) == (4, 4, {"failed": 1, "review": 1})
    rows = read(tmp_path / "out.csv")
    assert [(one["file"], one["class"]) for one in rows] == [
        ("red 1.png", "dress"),
        ("red 2.png", "dress"),
        ("blue.png", "hat"),
        ("alone.png", "skirt"),
    ]
    assert [one["note"] for one in rows] == ["'=1+1", "", "'-", ""], "a spreadsheet would execute it"
    assert found.warnings[0] == "left out: 1 review. --all includes them."
    assert found.warnings[1] == "left out: 1 photos that could not be read."
    everything = export(source, tmp_path / "out.csv", include_all=True, **options(source))
    assert (everything.n_tags, everything.left_out) == (5, {"failed": 1})


def test_csv_columns(source: str, tmp_path: Path) -> None:
    export(source, tmp_path / "out.csv", columns="file,class=category,price", **options(source))
    (first, *_) = read(tmp_path / "out.csv")
    assert first == {"file": "red 1.png", "category": "dress", "price": "12.00 EUR"}
    with pytest.raises(UnknownNameError, match="clas"):
        export(source, tmp_path / "out.csv", columns="clas", **options(source))


def test_shopify(source: str, tmp_path: Path) -> None:
    found = export(source, tmp_path / "out.csv", format="shopify", image_url=URL, **options(source))
    assert (found.n_tags, found.n_rows) == (4, 3)
    first, second, hat, skirt = read(tmp_path / "out.csv")
    assert first == {
        "Title": "Red & nice",
        "URL handle": "rote-rocke",
        "Product category": "Apparel & Accessories > Clothing > Dresses",
        "Type": "dress",
        "Price": "12.00",
        "Product image URL": "https://cdn.example.com/photos/red%201.png",
        "Image position": "1",
        "Google Shopping / Google product category": "2271",
    }
    assert {name: value for name, value in second.items() if value} == {
        "URL handle": "rote-rocke",
        "Product image URL": "https://cdn.example.com/photos/red%202.png",
        "Image position": "2",
    }
    assert (hat["Title"], hat["URL handle"], hat["Product category"]) == (
        "Blau",
        "blau",
        "Apparel & Accessories > Clothing Accessories > Hats",
    )
    assert skirt["Title"] == skirt["URL handle"], "the id of a photo without a product"


def test_skus(photos: Path, tmp_path: Path, model: Path) -> None:
    rows = ["file,number,style", "red 1.png,N-1,A", "red 2.png,N-2,A", "blue.png,N-3,B", "alone.png,N-4,"]
    photos.write_text("\n".join(rows), encoding="utf-8")
    tag(photos, tmp_path / "tags.csv", model=model, id_column="number", product_column="style")
    out = tmp_path / "out.csv"

    def skus(source: str, **options: str) -> tuple[list[str], str]:
        warnings = export(tmp_path / source, out, format="shopify", image_url=URL, **options).warnings
        return [one["SKU"] for one in read(out) if one["Title"]], " ".join(warnings)

    found, warnings = skus("tags.csv.store")
    assert found == ["", "", "N-4"], "the id of a photo without a product"
    assert "2 products have no SKU, for example 'A'" in warnings
    assert skus("tags.csv.store", sku_column="style") == (["A", "B", ""], "1 products have no SKU, for example 'N-4'.")
    found, warnings = skus("tags.csv.store", sku_column="item_id")
    assert found == ["N-1", "N-3", "N-4"]
    assert "1 products have photos with different values in 'item_id'" in warnings
    assert skus("tags.csv", product_column="style", sku_column="item_id")[0] == found
    tag(photos, tmp_path / "made.csv", model=model, product_column="style")
    assert skus("made.csv", product_column="style", sku_column="number")[0] == found
    export(tmp_path / "made.csv", out, format="shopify", sku_column="item_id")
    assert "SKU" not in read(out)[0], "ids made from the content are no SKUs"
    with pytest.raises(UnknownNameError, match="'nummer' is not a column; did you mean 'number'"):
        skus("made.csv", sku_column="nummer")
    with pytest.raises(UsageError, match="for the format shopify only"):
        export(tmp_path / "made.csv", out, format="google", sku_column="number")


def test_google(source: str, tmp_path: Path) -> None:
    found = export(source, tmp_path / "feed.txt", format="google", image_url=URL, **options(source))
    assert (found.n_tags, found.n_rows) == (4, 3)
    first, hat, _ = read(tmp_path / "feed.txt", "\t")
    assert first["id"] == "Rote Röcke"
    assert (first["title"], first["price"], first["description"], first["link"]) == ("Red & nice", "12.00 EUR", "", "")
    assert first["image_link"] == "https://cdn.example.com/photos/red%201.png"
    assert first["additional_image_link"] == "https://cdn.example.com/photos/red%202.png"
    assert (first["google_product_category"], first["product_type"]) == ("2271", "dress")
    assert hat["google_product_category"] == "173"


def test_label_studio(source: str, tmp_path: Path) -> None:
    found = export(source, tmp_path / "tasks.json", format="label-studio", image_url=URL, **options(source))
    assert (found.n_tags, found.left_out) == (5, {"failed": 1}), "doubtful tags are for people"
    tasks = json.loads((tmp_path / "tasks.json").read_text(encoding="utf-8"))
    first = tasks[0]
    assert first["data"]["image"] == "https://cdn.example.com/photos/red%201.png"
    (prediction,) = first["predictions"]
    assert (prediction["model_version"], 0.9 < prediction["score"] <= 1) == ("colors", True)
    (result,) = prediction["result"]
    config = ET.fromstring((tmp_path / "tasks.xml").read_text(encoding="utf-8"))  # noqa: S314 - our own
    image, choices = config.find("Image"), config.find("Choices")
    assert image is not None
    assert choices is not None
    assert image.get("value", "").removeprefix("$") in first["data"]
    assert (result["from_name"], result["to_name"], result["type"]) == (
        choices.get("name"),
        image.get("name"),
        "choices",
    )
    assert set(result["value"]["choices"]) <= {one.get("value") for one in choices}
    assert [one.get("value") for one in choices] == ["dress", "hat", "skirt", "none of the classes"]


def test_what_a_person_said(photos: Path, tmp_path: Path, model: Path) -> None:
    tag(photos, store=tmp_path / "tags.db", model=model, product_column="style")
    with open_store(tmp_path / "tags.db") as store:
        rows = store.rows_of(FILES.select())
        ids = {one["file"]: one["item_id"] for one in rows}
        correct(store, {ids["gray.png"]: None}, "skirt", "Ann")
        correct(store, {ids["blue.png"]: None}, None, "Ann")
    found = export(tmp_path / "tags.db", tmp_path / "out.csv")
    classes = {one["file"]: one["class"] for one in read(tmp_path / "out.csv")}
    assert classes == {"red 1.png": "dress", "red 2.png": "dress", "gray.png": "skirt", "alone.png": "skirt"}
    everything = export(tmp_path / "tags.db", tmp_path / "out.csv", include_all=True)
    assert found.left_out == everything.left_out == {"failed": 1, "no class": 1}
    assert not any("--all" in one for one in everything.warnings)


def test_reviewed_photos_have_the_code_of_their_class(
    store_url: str, photos: Path, tmp_path: Path, model: Path
) -> None:
    (tmp_path / "codes.csv").write_text("class,code\ndress,D\nhat,H\nskirt,S\n")
    words: dict[str, Any] = {"store": store_url, "model": model, "taxonomy": tmp_path / "codes.csv"}
    tag(photos, **words)
    with open_store(store_url) as store:
        ids = {one["file"]: one["item_id"] for one in store.rows_of(FILES.select())}
        rejected = ITEMS.update().where(ITEMS.c.item_id == ids["red 2.png"]).values(decision="reject", code=None)
        store.write(lambda connection: connection.execute(rejected))
        accept(store, {ids["red 2.png"]: None}, "Ann")
        correct(store, {ids["blue.png"]: None}, "skirt", "Ann")
    export(store_url, tmp_path / "out.csv", columns="file,code")
    tag(photos, tmp_path / "tags.csv", columns="file,code,decision", **words)
    tagged = {one["file"]: one["code"] for one in read(tmp_path / "tags.csv") if one["decision"] == "accept"}
    assert {one["file"]: one["code"] for one in read(tmp_path / "out.csv")} == tagged == {
        "red 1.png": "D", "red 2.png": "D", "blue.png": "S", "alone.png": "S",
    }  # fmt: skip


def test_a_folder_and_tables_of_its_photos(store_url: str, photos: Path, tmp_path: Path, model: Path) -> None:
    products = tmp_path / "out.csv"
    tag(photos.parent, store=store_url, model=model)
    tag(photos, store=store_url, model=model, product_column="style")
    found = export(store_url, products, format="shopify", image_url=URL)
    assert (found.n_rows, found.left_out, found.conflicts) == (3, {"copy": 5, "failed": 2, "review": 1}, ())
    assert found.warnings[0].startswith("5 photos are in another source of the store, too")
    assert [one["Product image URL"][len(URL) :] for one in read(products)] == [
        "red%201.png",
        "red%202.png",
        "blue.png",
        "alone.png",
    ]
    assert export(store_url, tmp_path / "all.csv").n_tags == 8, "other formats have a row for each file"
    renamed = photos.with_name("renamed.csv")
    renamed.write_text(TABLE.replace("Blau", "Bleu"), encoding="utf-8")
    tag(renamed, store=store_url, model=model, product_column="style")
    assert main(["export", store_url, "-o", str(products), "--format", "shopify", "--json"]) == 3
    assert {one["URL handle"] for one in read(products)} >= {"rote-rocke", "blau", "bleu"}
    (conflict,) = export(store_url, products, format="google").conflicts
    assert f"blue.png is in 'Blau' of {photos} and in 'Bleu' of {renamed}" in conflict.message


def test_a_review_of_a_copy_counts(photos: Path, tmp_path: Path, model: Path) -> None:
    store_file, photo = tmp_path / "tags.db", photos.with_name("gray.png")
    photos.write_text("file,number\ngray.png,A1\n")
    tag(photo.parent, store=store_file, model=model)
    tag(photos, store=store_file, model=model, id_column="number")
    with open_store(store_file) as store:
        correct(store, {sha256(photo.read_bytes()).hexdigest()[:16]: None}, "skirt", "Ann")
    found = export(store_file, tmp_path / "out.csv", format="shopify")
    assert {one["URL handle"]: one["Type"] for one in read(tmp_path / "out.csv")}["a1"] == "skirt"
    assert (found.n_rows, found.left_out) == (5, {"copy": 1, "failed": 1})


def test_two_sources_that_give_one_id_to_different_photos(
    store_url: str, photos: Path, tmp_path: Path, model: Path
) -> None:
    other, out = photos.with_name("other.csv"), tmp_path / "out.csv"
    photos.write_text("file,number\nred 1.png,A\nblue.png,B\n")
    other.write_text("file,number\nalone.png,A\n")
    tag(photos, store=store_url, model=model, id_column="number")
    tagged = tag(other, store=store_url, model=model, id_column="number")
    assert f"1 ids belong to other photos in other sources, for example 'A' in {photos}." in tagged.warnings[0]
    assert main(["export", store_url, "-o", str(out), "--json"]) == 3
    assert [(one["item_id"], one["file"], one["class"]) for one in read(out)] == [
        ("B", "blue.png", "hat"),
        ("A", "alone.png", "skirt"),
    ]
    found = export(store_url, out, format="shopify")
    assert (found.left_out, [one.file for one in found.conflicts]) == ({"replaced": 1}, ["red 1.png"])
    with open_catalogue(store_url) as store:
        errors = [(one["file"], one["class"], one["error_code"]) for one in StoreTags(store) if one["error_code"]]
        assert errors == [("red 1.png", None, "replaced")], "as the result of an older upload has it"
        assert [one.file for one in store.items(["A"])] == ["alone.png"]
        assert {one["file"] for one in store.rows_of(FILES.select())} == {"red 1.png", "blue.png", "alone.png"}
        store.correct({"A": None}, "hat", "Ann")
        export_corrections(store_url, out)
        assert [Path(one["file"]).name for one in read(out)] == ["alone.png"], "not the photo of the first source"
        removed = store.remove_source(str(other), "Ann")
        assert (removed.items, store.items(["A"])) == (1, ()), "no tag of a photo that is not there"
    tag(photos, store=store_url, model=model, id_column="number")
    assert export(store_url, out).conflicts == ()
    assert [(one["item_id"], one["class"]) for one in read(out)] == [("A", "dress"), ("B", "hat")]


def test_a_run_that_did_not_finish(photos: Path, tmp_path: Path, model: Path) -> None:
    tag(photos, store=tmp_path / "tags.db", model=model)
    with open_store(tmp_path / "tags.db") as store:
        store.write(lambda connection: connection.execute(update(RUNS).values(finished_at=None)))
    with pytest.raises(DataError, match="did not finish"):
        export(tmp_path / "tags.db", tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()
    with open_store(tmp_path / "tags.db") as store:
        store.write(lambda connection: connection.execute(update(SOURCES).values(name="job 5e")))
    assert export(tmp_path / "tags.db", tmp_path / "out.csv", include_all=True).n_tags == 5, "it was canceled"


def test_products_of_mixed_classes_and_long_names(photos: Path, tmp_path: Path, model: Path) -> None:
    rows = TABLE.replace("Blau,,", "Rote Röcke,,9 EUR").replace(",,,,\n", f",{'x' * 60},,,\n")
    photos.write_text(rows, encoding="utf-8")
    tag(photos, tmp_path / "tags.csv", model=model, product_column="style")
    found = export(tmp_path / "tags.csv", tmp_path / "f.txt", format="google", product_column="style")
    assert (found.n_rows, found.n_tags, found.left_out["long id"]) == (1, 3, 1)
    warnings = " ".join(found.warnings)
    assert "1 products have photos of different classes" in warnings
    assert "1 products have photos with different values in 'price'" in warnings
    assert "their id has more than 50 characters" in warnings
    assert "--image-url" in warnings
    (only,) = read(tmp_path / "f.txt", "\t")
    assert (only["product_type"], only["image_link"]) == ("dress", "")


@pytest.mark.parametrize("product_column", [None, "Color", "product"])
def test_the_users_column_product(product_column: str | None, tmp_path: Path) -> None:
    table = "item_id,file,class,decision,product,Color\n1,a.jpg,dress,accept,P1,Red\n2,b.jpg,hat,accept,,Blue\n"
    (tmp_path / "tags.csv").write_text(table)
    export(tmp_path / "tags.csv", tmp_path / "out.csv", product_column=product_column)
    assert (tmp_path / "out.csv").read_text() == table


def test_a_column_that_only_some_rows_have(tmp_path: Path) -> None:
    (tmp_path / "tags.jsonl").write_bytes(ROW.replace(b"}", b', "color": "red"}\n') + ROW + b"\n")
    export(tmp_path / "tags.jsonl", tmp_path / "out.csv", columns="file,color")
    assert (tmp_path / "out.csv").read_text() == "file,color\na.jpg,red\na.jpg,\n"


def test_tables_that_are_none(tmp_path: Path, photos: Path, model: Path) -> None:
    with pytest.raises(DataError, match="has no column 'item_id', 'class', 'decision'"):
        export(photos, tmp_path / "out.csv")
    for name, content in (
        ("a.csv", b"\xff\xfe\x00"),
        ("b.parquet", b"PAR1no"),
        ("c.jsonl", b"[1]\n"),
        ("d.jsonl", b"{"),
        ("g.csv", b"item_id,file,class,decision,probability\n1,a.jpg,dress,accept,nan\n"),
        ("h.jsonl", ROW + b"\n{}\n"),
        ("i.jsonl", ROW.replace(b'"dress"', b"5") + b"\n"),
        ("j.jsonl", ROW.replace(b'"a.jpg"', b"null") + b"\n"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match="is damaged"):
            export(tmp_path / name, tmp_path / "out.csv")
    (tmp_path / "e.csv").write_text("item_id,file,class,decision\n1,2\n")
    with pytest.raises(DataError, match="more or fewer cells"):
        export(tmp_path / "e.csv", tmp_path / "out.csv")
    (tmp_path / "f.csv").write_text("item_id,file,class,decision\n")
    with pytest.raises(DataError, match="has no rows"):
        export(tmp_path / "f.csv", tmp_path / "out.csv")
    with pytest.raises(DataError, match="cannot be read"):
        export(tmp_path / "missing.csv", tmp_path / "out.csv")
    with open_store(tmp_path / "empty.db"), pytest.raises(DataError, match="has no tags"):
        export(tmp_path / "empty.db", tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_usage(tmp_path: Path, photos: Path, model: Path) -> None:
    tag(photos, tmp_path / "tags.csv", model=model)
    with pytest.raises(UnknownNameError, match="shopify"):
        export(tmp_path / "tags.csv", tmp_path / "out", format="shopfy")
    with pytest.raises(UsageError, match="csv only"):
        export(tmp_path / "tags.csv", tmp_path / "out", format="google", columns="file")
    with pytest.raises(UsageError, match="are the same"):
        export(tmp_path / "tags.csv", tmp_path / "tags.csv")
    with pytest.raises(UsageError, match=r"would replace .*tasks\.xml. Name the tasks .*tasks\.json"):
        export(tmp_path / "tags.csv", tmp_path / "tasks.xml", format="label-studio")
    for replacing in (export, duplicates):
        with pytest.raises(UsageError, match="whose photos were tagged"):
            replacing(tmp_path / "tags.csv.store", photos)
    with pytest.raises(UsageError, match="whose photos were tagged"):
        export_corrections(tmp_path / "tags.csv.store", photos)
    assert photos.read_text(encoding="utf-8") == TABLE
    with pytest.raises(UsageError, match="knows its products"):
        export(tmp_path / "tags.csv.store", tmp_path / "out", product_column="style")
    with pytest.raises(UnknownNameError, match="style"):
        export(tmp_path / "tags.csv", tmp_path / "out", product_column="styl")


@pytest.mark.parametrize("work", [export, index, duplicates])
def test_an_empty_source_is_refused(work: Callable[..., object], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the path is empty"):
        work("", tmp_path / "out.csv")
