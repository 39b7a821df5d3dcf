"""Addresses of items. Their ids are the user's, so they may have slashes and line breaks, but no NUL."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import Path
from starlette.convertors import Convertor, register_url_convertor


class _AnyText(Convertor[str]):
    """Starlette's own ``path`` does not match line breaks."""

    regex = r"[^\x00]*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("any_text", _AnyText())

ITEM_ID = "{item_id:any_text}"
"""The last part of a route's address."""
ItemIdInPath = Annotated[str, Path(max_length=1_000)]


def segment(text: str) -> str:
    """``text`` as one part of an address, or as a field of a form: browsers change line breaks in those."""
    return quote(text, safe="")


def photo_url(item_id: str, size: str = "small") -> str:
    """The address of an item's photo."""
    return f"/photos/{size}/{segment(item_id)}"


def item_url(item_id: str) -> str:
    """The address of an item's page."""
    return f"/catalogue/items/{segment(item_id)}"
