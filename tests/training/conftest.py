"""Synthetic garments, and small versions of the presets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from clothier.recipes import Augment, PcaMlp, StudyCnn, WhitenedCnn, preset
from clothier.runs import Run
from clothier.training.device import Device
from tests.synthetic import draw_garments

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.data.dataset import LabeledImages
    from clothier.recipes import Recipe

SMALL = {
    "dnn": PcaMlp(components=24, whitening=0.25, hidden=(48, 32), batch_norm=True, dropout=0.2),
    "cnn": WhitenedCnn(patch=3, widths=(16, 24), depths=(3, 3)),
    "study-cnn": StudyCnn(),
}


@pytest.fixture(scope="session")
def garments() -> LabeledImages:
    """300 synthetic training images; more than 187, the components of the reference study's DNN."""
    return draw_garments(300, seed=1)


@pytest.fixture(scope="session")
def others() -> LabeledImages:
    """100 synthetic validation images."""
    return draw_garments(100, seed=2)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A new run, without options."""
    folder = Run(tmp_path / "run")
    folder.create({})
    return folder


@pytest.fixture
def cpu() -> Device:
    """The CPU in float32, on any machine."""
    return Device("cpu", 2, "float32", "the tests ask for it")


@pytest.fixture(params=list(SMALL))
def recipe(request: pytest.FixtureRequest) -> Recipe:
    """A small recipe of each network, with shifts, flips, cutout and dropout."""
    base = preset("cnn", "classic") if request.param == "study-cnn" else preset(request.param, "fast")
    augment = Augment(shift=1, flip=True, cutout=6)
    return replace(base, network=SMALL[request.param], augment=augment, epochs=4, batch_size=60)
