"""The repository's scripts as modules."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(scope="session")
def script() -> Callable[[str], Any]:
    """Imports a script by its path in the repository."""
    return lambda path: import_module(path.removesuffix(".py").replace("/", "."))
