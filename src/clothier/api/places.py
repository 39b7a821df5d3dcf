"""Places in a list of items, as clients get them and give them back."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from clothier.api.responses import cursor, invalid_cursor, read_cursor
from clothier.catalogue.items import ORDERS, place_of
from clothier.untrusted import is_storable

if TYPE_CHECKING:
    from clothier.catalogue.items import Place
    from clothier.store.store import Row


def place_after(row: Row, order: str) -> str:
    """The place behind this row in a list in this order."""
    return cursor(json.dumps(place_of(row, order), ensure_ascii=False))


def read_place(after: str | None, order: str) -> Place | None:
    """What :func:`place_after` was made from; None for the beginning.

    Raises:
        Problem: it was not made for this order.
    """
    if (text := read_cursor(after)) is None:
        return None
    try:
        value, item_id = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise invalid_cursor() from error
    kind = float if ORDERS[order][0] == "probability" else str
    if not isinstance(value, kind) or not isinstance(item_id, str) or not is_storable(f"{value}{item_id}"):
        raise invalid_cursor()
    if isinstance(value, float) and not math.isfinite(value):
        raise invalid_cursor()
    return value, item_id
