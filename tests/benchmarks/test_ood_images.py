"""The pictures without a garment, by which novelty is measured, are the same ones each time."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType


@pytest.fixture
def strangers(script: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, drawing few."""
    module: ModuleType = script("benchmarks/ood_images.py")
    assert module.CROPS * len(module.samples()) + 4 * module.DRAWN >= 500
    monkeypatch.setattr(module, "CROPS_PER_SAMPLE", 1)
    monkeypatch.setattr(module, "IMAGES_PER_KIND", 2)
    return module


def test_the_same_pictures_each_time(strangers: ModuleType) -> None:
    first, second, other = (strangers.strangers(seed) for seed in (0, 0, 1))
    assert list(first) == list(second)
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert not any(np.array_equal(first[name], other[name]) for name in first if not name.startswith("logo"))
    assert {picture.shape for picture in first.values()} == {(224, 224, 3)}


def test_a_table_of_them(strangers: ModuleType, tmp_path: Path) -> None:
    strangers.main(tmp_path)
    with (tmp_path / "labels.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(strangers.samples()) + 8
    assert {row["label"] for row in rows} == {""}
    for row in rows:
        with Image.open(tmp_path / row["file"]) as picture:
            assert picture.size == (224, 224)
