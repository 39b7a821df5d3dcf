"""What a browser does with the forms of a page."""

from __future__ import annotations

import re


def token(page: str) -> str:
    """The token in the first form of a page."""
    return re.search(r'name="csrf" value="([0-9a-f]{64})"', page)[1]  # type: ignore[index]
