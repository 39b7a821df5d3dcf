"""A small data set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.synthetic import write_synthetic_dataset

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 training images and 60 test images."""
    folder = tmp_path_factory.mktemp("data") / "garments"
    write_synthetic_dataset(folder, train=200, test=60)
    return folder
