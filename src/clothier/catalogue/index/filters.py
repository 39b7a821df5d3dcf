"""Which neighbors are wanted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Filters:
    """Conditions that all must hold; None for any.

    Attributes:
        class_name: of the tag.
        color: the main color of the garment.
        product: the product's name.
        other_products: whether photos of the searched photo's own product are left out.
        one_per_product: whether each product is named once, by its most similar photo.
    """

    class_name: str | None = None
    color: str | None = None
    product: str | None = None
    other_products: bool = False
    one_per_product: bool = False
