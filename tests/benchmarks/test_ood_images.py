"""The images without a garment are the same ones each time."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from benchmarks import ood_images

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ood_images, "CROPS_PER_SAMPLE", 1)
    monkeypatch.setattr(ood_images, "IMAGES_PER_KIND", 2)


def test_same_images_for_the_same_seed() -> None:
    first, second, other = (ood_images.make_ood_images(seed) for seed in (0, 0, 1))
    assert list(first) == list(second)
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert not any(np.array_equal(first[name], other[name]) for name in first if not name.startswith("logo"))
    assert {image.shape for image in first.values()} == {(224, 224, 3)}


def test_csv_has_every_image_with_an_empty_label(tmp_path: Path) -> None:
    ood_images.main(tmp_path)
    with (tmp_path / "labels.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(ood_images.sample_images()) + 8
    assert {row["label"] for row in rows} == {""}
    for row in rows:
        with Image.open(tmp_path / row["file"]) as image:
            assert image.size == (224, 224)
