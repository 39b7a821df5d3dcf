"""From tags of photos to products with several images."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from clothier.catalogue.exports.tags import OUR_NAMES, PRODUCT
from clothier.catalogue.rows import USER_PREFIX
from clothier.catalogue.tags import ID_LENGTH

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from clothier.store.store import Row

MAX_HANDLE = 200  # characters; Shopify takes 255
SKU, ITEM_ID = "SKU", "item_id"
MADE_ID = re.compile(rf"[0-9a-f]{{{ID_LENGTH}}}")  # of a photo without an id of the user's


@dataclass(slots=True)
class Product:
    """A product.

    Attributes:
        name: as the user's table names it; the id of the photo where there is no product.
        photos: its rows, in the order of the table.
    """

    name: str
    photos: list[Row] = field(default_factory=list)

    @property
    def class_name(self) -> str:
        """The class of most of its photos; of equally many, the more probable one."""
        sums: dict[str, tuple[int, float]] = {}
        for one in self.photos:
            n, total = sums.get(one["class"], (0, 0.0))
            sums[one["class"]] = n + 1, total + (one.get("probability") or 1.0)
        return max(sums, key=lambda name: sums[name])

    @property
    def is_mixed(self) -> bool:
        """Whether its photos have different classes."""
        return len({one["class"] for one in self.photos}) > 1

    @property
    def color(self) -> str:
        """The main color of more than half of its photos; "" if there is none."""
        counts = Counter(one.get("color") for one in self.photos)
        color, n = counts.most_common(1)[0]
        return str(color) if color and 2 * n > len(self.photos) else ""

    def given(self, column: str) -> str:
        """What the user's table says in a column of this name, whatever its letter case; "" if nothing."""
        value = self.given_value(column)
        return "" if value is None else str(value)

    def given_value(self, column: str) -> Any:
        """As :meth:`given`, of the type that the table has; None if nothing."""
        return next(self._values(column), None)

    @property
    def has_own_ids(self) -> bool:
        """Whether its photos have ids of the user's."""
        return not any(MADE_ID.fullmatch(one[ITEM_ID]) for one in self.photos)

    def sku(self, column: str | None) -> str:
        """What this heading has. None: what ``SKU`` has, or else the user's id of a photo without a product."""
        if column is not None:
            return str(next(self._cells(column), "")) if column != ITEM_ID or self.has_own_ids else ""
        is_photo = all(one[ITEM_ID] == self.name for one in self.photos)
        return self.given(SKU) or (self.name if is_photo and self.has_own_ids else "")

    def differs_in(self, column: str) -> bool:
        """Whether the rows of its photos have different values in a column of this name, ours or the user's."""
        return len(set(self._cells(column) if column in OUR_NAMES else self._values(column))) > 1

    def _cells(self, heading: str) -> Iterator[Any]:
        return (value for photo in self.photos if (value := photo.get(heading)) not in (None, ""))

    def _values(self, column: str) -> Iterator[Any]:
        """Of the user's columns with this name or heading, in any letter case."""
        wanted = column.lower()
        for photo in self.photos:
            for heading, value in photo.items():
                names = (heading.lower(), heading.removeprefix(USER_PREFIX).lower())
                if wanted in names and heading not in OUR_NAMES and value not in (None, ""):
                    yield value


def group_products(rows: Iterable[Row]) -> list[Product]:
    """Products in the order of their first photo; a photo without one is a product of its own, under its id."""
    products: dict[tuple[bool, str], Product] = {}
    for row in rows:
        key = (True, row[PRODUCT]) if row[PRODUCT] else (False, row["item_id"])
        products.setdefault(key, Product(key[1])).photos.append(row)
    return list(products.values())


def image_url(file: str, prefix: str | None) -> str:
    """The address of a photo: its name below ``prefix``, or itself if it is an address; "" if it is unknown."""
    if re.match("https?://", file):
        return file
    return f"{prefix.rstrip('/')}/{quote(file)}" if prefix else ""


def unique_handles(products: Iterable[Product]) -> list[str]:
    """A handle for each product, as Shopify takes them: small letters, digits and dashes; equal ones are numbered."""
    seen: Counter[str] = Counter()
    handles = []
    for one in products:
        handle = _handle(one.name)
        seen[handle] += 1
        while seen[handle] > 1:
            handle = f"{handle}-{seen[handle]}"
            seen[handle] += 1
        handles.append(handle)
    return handles


def _handle(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub("[^a-z0-9]+", "-", plain).strip("-")[:MAX_HANDLE] or "product"
