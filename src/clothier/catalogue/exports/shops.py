"""Products as shop systems import them: Shopify's product CSV, and a feed for Google Merchant Center.

Only what is known is filled: the category, the class, the color and the photos. A column of the user's table with the
heading of one of theirs, such as ``Title``, ``Price`` or ``brand``, is taken along.
"""

from __future__ import annotations

import csv
from typing import IO, TYPE_CHECKING

from clothier.catalogue.exports.categories import category_of
from clothier.catalogue.exports.products import image_url, unique_handles
from clothier.catalogue.tables import text_file
from clothier.untrusted import disarm_cell

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from clothier.catalogue.exports.products import Product

HANDLE, TITLE, CATEGORY, TYPE = "URL handle", "Title", "Product category", "Type"
IMAGE, POSITION, GOOGLE = "Product image URL", "Image position", "Google Shopping / Google product category"
SHOPIFY_GIVEN = (
    "Description", "Vendor", "Tags", "Published on online store", "Status", "SKU", "Barcode", "Price",
    "Compare-at price", "Cost per item", "Charge tax", "Tax code", "Inventory tracker", "Inventory quantity",
    "Continue selling when out of stock", "Weight value (grams)", "Weight unit for display", "Requires shipping",
    "Fulfillment service", "Image alt text", "Gift card", "SEO title", "SEO description",
)  # fmt: skip
"""Columns of Shopify's product CSV that only the user can fill."""
GOOGLE_GIVEN = (
    "title", "description", "link", "availability", "price", "sale_price", "brand", "gtin", "mpn", "condition",
    "age_group", "gender", "size", "material", "pattern", "item_group_id",
)  # fmt: skip
"""Attributes of Google's product data that only the user can fill."""
GOOGLE_REQUIRED = ("title", "description", "link", "availability", "price")
MAX_ADDITIONAL_IMAGES = 10
MAX_GOOGLE_ID = 50  # characters
MAX_TITLE = 255  # characters
NO_COLORS = ("multicolor", "")  # Google wants names of colors


def write_shopify(file: IO[bytes], products: Sequence[Product], image_prefix: str | None) -> None:
    """A product's first row has its values; each further image is a row with the same handle."""
    given = [name for name in SHOPIFY_GIVEN if any(one.given(name) for one in products)]
    columns = [TITLE, HANDLE, CATEGORY, TYPE, *given, IMAGE, POSITION, GOOGLE]
    with text_file(file) as text:
        writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
        writer.writeheader()
        for one, handle in zip(products, unique_handles(products), strict=True):
            for row in _shopify_rows(one, handle, given, image_prefix):
                writer.writerow({name: disarm_cell(value) for name, value in row.items()})


def _shopify_rows(product: Product, handle: str, given: Sequence[str], prefix: str | None) -> Iterator[dict[str, str]]:
    category, name = category_of(product.class_name), product.class_name
    values = {
        TITLE: (product.given(TITLE) or product.name)[:MAX_TITLE],
        CATEGORY: category.shopify_name if category else "",
        TYPE: product.given(TYPE) or name,
        GOOGLE: str(category.google_id) if category else "",
        **{column: product.given(column) for column in given},
    }
    urls = _urls(product, prefix)
    yield {HANDLE: handle, **values, IMAGE: urls[0] if urls else "", POSITION: "1" if urls else ""}
    for position, url in enumerate(urls[1:], 2):
        yield {HANDLE: handle, IMAGE: url, POSITION: str(position)}


def write_google(file: IO[bytes], products: Sequence[Product], image_prefix: str | None) -> None:
    """Text separated by tabs, one line for each product."""
    optional = [
        name for name in GOOGLE_GIVEN if name not in GOOGLE_REQUIRED and any(one.given(name) for one in products)
    ]
    given = [*GOOGLE_REQUIRED, *optional]
    columns = ["id", *given, "image_link", "additional_image_link", "google_product_category", "product_type", "color"]
    for values in ([*columns], *(_google_values(one, given, image_prefix) for one in products)):
        file.write("\t".join(" ".join(value.split()) for value in values).encode() + b"\n")


def _google_values(product: Product, given: Sequence[str], prefix: str | None) -> list[str]:
    category, urls = category_of(product.class_name), _urls(product, prefix)
    color = product.given("color") if product.color in NO_COLORS else product.color
    return [
        product.name,
        *(product.given(name) for name in given),
        urls[0] if urls else "",
        ",".join(one.replace(",", "%2C") for one in urls[1 : MAX_ADDITIONAL_IMAGES + 1]),
        str(category.google_id) if category else "",
        product.class_name,
        "" if color in NO_COLORS else color,
    ]


def _urls(product: Product, prefix: str | None) -> list[str]:
    found = [image_url(one["file"], prefix) for one in product.photos]
    return list(dict.fromkeys(one for one in found if one))
