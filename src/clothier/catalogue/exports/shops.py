"""Products as shop systems import them: Shopify's product CSV, and a feed for Google Merchant Center.

Only what is known is filled: the category, the class, the color and the photos. A column of the user's table with the
heading of one of theirs, such as ``Title``, ``Price`` or ``brand``, is taken along; prices in the form that the shop
wants (:mod:`clothier.catalogue.exports.prices`).
"""

from __future__ import annotations

import csv
from typing import IO, TYPE_CHECKING

from clothier.catalogue.exports.categories import category_of
from clothier.catalogue.exports.prices import check_codes, check_one_currency, read_prices
from clothier.catalogue.exports.products import SKU, image_url, unique_handles
from clothier.catalogue.tables import text_file
from clothier.untrusted import disarm_cell

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from clothier.catalogue.exports.prices import Price
    from clothier.catalogue.exports.products import Product

HANDLE, TITLE, CATEGORY, TYPE = "URL handle", "Title", "Product category", "Type"
IMAGE, POSITION, GOOGLE = "Product image URL", "Image position", "Google Shopping / Google product category"
SHOPIFY_GIVEN = (
    "Description", "Vendor", "Tags", "Published on online store", "Status", SKU, "Barcode", "Price",
    "Compare-at price", "Cost per item", "Charge tax", "Tax code", "Inventory tracker", "Inventory quantity",
    "Continue selling when out of stock", "Weight value (grams)", "Weight unit for display", "Requires shipping",
    "Fulfillment service", "Image alt text", "Gift card", "SEO title", "SEO description",
)  # fmt: skip
"""Columns of Shopify's product CSV that only the user can fill."""
SHOPIFY_PRICES = ("Price", "Compare-at price", "Cost per item")  # numbers, in the currency of the shop
GOOGLE_GIVEN = (
    "title", "description", "link", "availability", "price", "sale_price", "brand", "gtin", "mpn", "condition",
    "age_group", "gender", "size", "material", "pattern", "item_group_id",
)  # fmt: skip
"""Attributes of Google's product data that only the user can fill."""
GOOGLE_PRICES = ("price", "sale_price")  # numbers with the code of their currency
GOOGLE_REQUIRED = ("title", "description", "link", "availability", "price")
MAX_ADDITIONAL_IMAGES = 10
MAX_GOOGLE_ID = 50  # characters
MAX_TITLE = 255  # characters
NO_COLORS = ("multicolor", "")  # Google wants names of colors


def write_shopify(
    file: IO[bytes], products: Sequence[Product], image_prefix: str | None, sku_column: str | None = None
) -> None:
    """A product's first row has its values; each further image is a row with the same handle.

    Args:
        file: to write.
        products: in their order.
        image_prefix: the address of the folder of photos; None if it is unknown.
        sku_column: of the user's table; None for ``SKU``, or else the user's ids of photos without a product.

    Raises:
        DataError: a price of the user's table cannot be read, or they have different currencies.
    """
    skus = [one.sku(sku_column) for one in products]
    given = [name for name in SHOPIFY_GIVEN if (any(skus) if name == SKU else any(one.given(name) for one in products))]
    prices = {name: read_prices(products, name) for name in SHOPIFY_PRICES if name in given}
    for name, found in prices.items():
        check_one_currency(name, found)
    columns = [TITLE, HANDLE, CATEGORY, TYPE, *given, IMAGE, POSITION, GOOGLE]
    with text_file(file) as text:
        writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
        writer.writeheader()
        for number, (one, handle) in enumerate(zip(products, unique_handles(products), strict=True)):
            own = {name: price.amount if (price := column[number]) else "" for name, column in prices.items()}
            own |= {SKU: skus[number]} if any(skus) else {}
            values = {**{name: one.given(name) for name in given}, **own}
            for row in _shopify_rows(one, handle, values, image_prefix):
                writer.writerow({name: disarm_cell(value) for name, value in row.items()})


def _shopify_rows(
    product: Product, handle: str, given: Mapping[str, str], prefix: str | None
) -> Iterator[dict[str, str]]:
    category, name = category_of(product.class_name), product.class_name
    values = {
        TITLE: (product.given(TITLE) or product.name)[:MAX_TITLE],
        CATEGORY: category.shopify_name if category else "",
        TYPE: product.given(TYPE) or name,
        GOOGLE: str(category.google_id) if category else "",
        **given,
    }
    urls = _urls(product, prefix)
    yield {HANDLE: handle, **values, IMAGE: urls[0] if urls else "", POSITION: "1" if urls else ""}
    for position, url in enumerate(urls[1:], 2):
        yield {HANDLE: handle, IMAGE: url, POSITION: str(position)}


def write_google(file: IO[bytes], products: Sequence[Product], image_prefix: str | None) -> int:
    """Text separated by tabs, one line for each product.

    Returns:
        The number of products whose price has no currency, which Google asks for.

    Raises:
        DataError: a price of the user's table cannot be read, or has a sign of several currencies.
    """
    optional = [
        name for name in GOOGLE_GIVEN if name not in GOOGLE_REQUIRED and any(one.given(name) for one in products)
    ]
    given = [*GOOGLE_REQUIRED, *optional]
    prices = {name: read_prices(products, name) for name in GOOGLE_PRICES if name in given}
    for name, column in prices.items():
        check_codes(name, column)
    columns = ["id", *given, "image_link", "additional_image_link", "google_product_category", "product_type", "color"]
    lines = [columns]
    for number, one in enumerate(products):
        own = {name: _with_currency(column[number]) for name, column in prices.items()}
        lines.append(_google_values(one, {**{name: one.given(name) for name in given}, **own}, image_prefix))
    for values in lines:
        file.write("\t".join(" ".join(value.split()) for value in values).encode() + b"\n")
    return sum(any(one and not one.currency for one in found) for found in zip(*prices.values(), strict=True))


def _with_currency(price: Price | None) -> str:
    return f"{price.amount} {price.currency}".rstrip() if price else ""


def _google_values(product: Product, given: Mapping[str, str], prefix: str | None) -> list[str]:
    category, urls = category_of(product.class_name), _urls(product, prefix)
    color = product.given("color") if product.color in NO_COLORS else product.color
    return [
        product.name,
        *given.values(),
        urls[0] if urls else "",
        ",".join(one.replace(",", "%2C") for one in urls[1 : MAX_ADDITIONAL_IMAGES + 1]),
        str(category.google_id) if category else "",
        product.class_name,
        "" if color in NO_COLORS else color,
    ]


def _urls(product: Product, prefix: str | None) -> list[str]:
    found = [image_url(one["file"], prefix) for one in product.photos]
    return list(dict.fromkeys(one for one in found if one))
