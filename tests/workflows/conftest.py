"""SQLite without waiting for the disk: a killed process loses nothing by it, and a test cannot pull the plug."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECT = sqlite3.connect


def connect_quickly(*given: Any, **options: Any) -> sqlite3.Connection:
    """What ``sqlite3.connect`` does, but for the waiting."""
    connection = CONNECT(*given, **options)
    connection.execute("PRAGMA synchronous = OFF")
    return connection


@pytest.fixture(scope="package", autouse=True)
def _no_waiting_for_the_disk() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", connect_quickly)
        yield
