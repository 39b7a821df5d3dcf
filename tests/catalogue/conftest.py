"""A store on each engine, and a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clothier.catalogue.store import Store, open_store
from tests.color_photos import save_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from clothier.bundle import Bundle


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory, color_bundle: Callable[..., Bundle]) -> Path:
    """A bundle that names the color of a photo."""
    return save_model(tmp_path_factory.mktemp("bundles") / "colors", color_bundle)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty place for a store."""
    return str(tmp_path / "tags.db") if request.param == "sqlite" else request.getfixturevalue("postgresql_url")


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An empty store."""
    with open_store(store_url) as opened:
        yield opened
