"""What a browser does with the forms of a page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.testclient import TestClient


def token(page: str) -> str:
    """The token in the first form of a page."""
    return re.search(r'name="csrf" value="([0-9a-f]{64})"', page)[1]  # type: ignore[index]


def sign_in(client: TestClient, key: dict[str, str], next_path: str = "/") -> None:
    """Signs in with the header that has a key."""
    secret = key["Authorization"].removeprefix("Bearer ")
    form = {"key": secret, "next": next_path, "csrf": token(client.get("/sign-in").text)}
    answer = client.post("/sign-in", data=form, follow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, next_path)
    assert secret not in answer.headers["Set-Cookie"]
