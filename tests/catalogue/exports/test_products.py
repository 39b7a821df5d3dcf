from __future__ import annotations

import csv
import io

import pytest

from clothier.catalogue.exports.categories import CATEGORIES, category_of
from clothier.catalogue.exports.products import Product, group_products, image_url, unique_handles
from clothier.catalogue.exports.shops import write_google, write_shopify
from clothier.catalogue.exports.tags import PRODUCT
from clothier.inference import load


@pytest.mark.parametrize(
    ("name", "handle"),
    [
        ("Women's Snowboard", "women-s-snowboard"),
        ("  Été 2026. ", "ete-2026"),
        ("SKU_12/34", "sku-12-34"),
        ("鞋", "product"),
        ("x" * 300, "x" * 200),
    ],
)
def test_handles(name: str, handle: str) -> None:
    assert unique_handles([Product(name)]) == [handle]


def test_equal_handles_are_numbered() -> None:
    names = ["A b", "a-b", "A.B", "a-b-2", "鞋", "帽"]
    found = unique_handles([Product(name) for name in names])
    assert found == ["a-b", "a-b-2", "a-b-3", "a-b-2-2", "product", "product-2"]
    assert len(set(found)) == len(names)


def row(product: str, **values: object) -> dict[str, object]:
    return {"item_id": "i1", "file": "a.jpg", PRODUCT: product, "class": "hat", "probability": 0.9, **values}


def test_groups_keep_the_order_and_do_not_mix_ids_with_names() -> None:
    found = group_products([row("b"), row("a"), row("b", file="b.jpg"), row("", item_id="a")])
    assert [(one.name, len(one.photos)) for one in found] == [("b", 2), ("a", 1), ("a", 1)]


def test_class_and_color_of_a_product() -> None:
    photos = [row("p", color="red"), row("p", **{"class": "dress", "probability": 0.99, "color": "red"})]
    product = Product("p", photos)
    assert (product.class_name, product.color, product.is_mixed) == ("dress", "red", True)
    product.photos.append(row("p", color="blue", probability=0.1))
    assert (product.class_name, product.color) == ("hat", "red")
    product.photos.append(row("p", color=None))
    assert product.color == "", "no color of more than half"


def test_addresses_of_images() -> None:
    assert image_url("more/a b&c.jpg", "https://x/y") == "https://x/y/more/a%20b%26c.jpg"
    assert image_url("https://x/a.jpg", "https://y") == "https://x/a.jpg"
    assert image_url("a.jpg", None) == ""


@pytest.mark.parametrize("name", ["photo", "fashion-cnn"])
def test_every_class_of_the_bundled_models_has_a_category(name: str) -> None:
    for one in load(name).classes:
        category = category_of(one)
        assert category is not None
        assert category.shopify_name.startswith("Apparel & Accessories > ")


def test_categories() -> None:
    assert category_of("T-SHIRT") is CATEGORIES["t-shirt"]
    assert category_of("sofa") is None


def test_google_wants_names_of_colors_and_one_line_a_product() -> None:
    products = [
        Product("p1", [row("p1", color="red", Brand="A\tB\nC")]),
        Product("p2", [row("p2", color="multicolor"), row("p2", color="multicolor", file="b,c.jpg")]),
        Product("p3", [row("p3", **{"class": "sofa", "color": None})]),
        Product("p4", [row("p4", color="red"), row("p4", color="blue")]),
        Product("p5", [row("p5", color="red", Color="Rainbow"), row("p5", color="blue", Color="Rainbow")]),
        Product("p6", [row("p6", color="multicolor", **{"input.color": "Rainbow"})]),
    ]
    file = io.BytesIO()
    write_google(file, products, "https://x")  # type: ignore[arg-type]
    heading, *lines = file.getvalue().decode().splitlines()
    names = heading.split("\t")
    found = [dict(zip(names, line.split("\t"), strict=True)) for line in lines]
    assert names[:7] == ["id", "title", "description", "link", "availability", "price", "brand"]
    assert [one["color"] for one in found] == ["red", "", "", "", "Rainbow", "Rainbow"]
    assert found[0]["brand"] == "A B C"
    assert found[1]["additional_image_link"] == "https://x/b%2Cc.jpg"
    assert (found[2]["google_product_category"], found[2]["product_type"]) == ("", "sofa")


def test_a_shop_table_has_no_cell_that_a_spreadsheet_executes() -> None:
    file = io.BytesIO()
    write_shopify(file, [Product("=1+1", [{"class": "@x", "file": "a.jpg", "item_id": "1", "SKU": "-5"}])], None)
    (row,) = csv.DictReader(file.getvalue().decode().splitlines())
    assert (row["Title"], row["Type"], row["SKU"]) == ("'=1+1", "'@x", "-5")


def test_prices_are_written_as_each_shop_reads_them() -> None:
    products = [Product("p1", [row("p1", Price="1.299,00 €")]), Product("p2", [row("p2", Price="19,90")])]
    shopify, google = io.BytesIO(), io.BytesIO()
    write_shopify(shopify, products, None)
    assert write_google(google, products, None) == 1, "without a currency"
    assert [one["Price"] for one in csv.DictReader(shopify.getvalue().decode().splitlines())] == ["1299.00", "19.90"]
    feed = csv.DictReader(google.getvalue().decode().splitlines(), delimiter="\t")
    assert [one["price"] for one in feed] == ["1299.00 EUR", "19.90"]
