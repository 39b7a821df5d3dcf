"""The category of each class in the product taxonomies of Shopify and Google.

Names and numbers were compared in November 2026 with version 2026-08 of Shopify's open product taxonomy
(github.com/Shopify/product-taxonomy) and with version 2021-09-21 of Google's, the last one at that time. A class that
is wider than any category has the category that holds all of it: a long-sleeved top may be a shirt, a sweater or a
T-shirt.
"""

from __future__ import annotations

from dataclasses import dataclass

from clothier.taxonomy import label_key


@dataclass(frozen=True, slots=True)
class Category:
    """A category of both taxonomies.

    Attributes:
        shopify_name: the full name.
        google_id: a number.
    """

    shopify_name: str
    google_id: int


_CLOTHING = "Apparel & Accessories > Clothing"
_SHOES = "Apparel & Accessories > Shoes"
_TOPS = Category(f"{_CLOTHING} > Clothing Tops", 212)
_SHIRTS = Category(f"{_CLOTHING} > Clothing Tops > Shirts", 212)
_T_SHIRTS = Category(f"{_CLOTHING} > Clothing Tops > T-Shirts", 212)
_DRESSES = Category(f"{_CLOTHING} > Dresses", 2271)
_OUTERWEAR = Category(f"{_CLOTHING} > Outerwear", 203)
_PANTS = Category(f"{_CLOTHING} > Pants", 204)
_BOOTS = Category(f"{_SHOES} > Boots", 187)
_SANDALS = Category(f"{_SHOES} > Sandals", 187)
_SNEAKERS = Category(f"{_SHOES} > Sneakers", 187)

CATEGORIES = {
    "t-shirt": _T_SHIRTS,
    "longsleeve": _TOPS,
    "shirt": _SHIRTS,
    "dress": _DRESSES,
    "outwear": _OUTERWEAR,
    "pants": _PANTS,
    "shorts": Category(f"{_CLOTHING} > Shorts", 207),
    "skirt": Category(f"{_CLOTHING} > Skirts", 1581),
    "hat": Category("Apparel & Accessories > Clothing Accessories > Hats", 173),
    "shoes": Category(_SHOES, 187),
    "boot": _BOOTS,
    "sandal": _SANDALS,
    "sneaker": _SNEAKERS,
    "T-shirt/top": _TOPS,
    "Trouser": _PANTS,
    "Pullover": _TOPS,
    "Coat": Category(f"{_CLOTHING} > Outerwear > Coats & Jackets", 5598),
    "Bag": Category("Apparel & Accessories > Handbags, Wallets & Cases > Handbags", 3032),
    "Ankle boot": _BOOTS,
}
"""The classes of the photo model and of Fashion-MNIST."""

_BY_KEY = {label_key(name): category for name, category in CATEGORIES.items()}


def category_of(class_name: str) -> Category | None:
    """The category of a class, whatever its letter case; None for a class of a user's own model that has none."""
    return _BY_KEY.get(label_key(class_name))
