"""A model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.color_photos import save_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clothier.bundle import Bundle


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory, color_bundle: Callable[..., Bundle]) -> Path:
    """A bundle that names the color of a photo."""
    return save_model(tmp_path_factory.mktemp("bundles") / "colors", color_bundle)
