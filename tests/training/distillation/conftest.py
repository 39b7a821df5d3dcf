"""Pictures that trainings of a second learn from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clothier.data.synthetic import write_synthetic_dataset

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 drawn pictures to learn from, 60 to test on."""
    folder = tmp_path_factory.mktemp("data") / "garments"
    write_synthetic_dataset(folder, train=200, test=60)
    return folder
