"""Drawn garments, and the presets made small enough to train in a blink."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from clothier.data.synthetic import draw_garments
from clothier.recipes import Augment, PcaMlp, StudyCnn, WhitenedCnn, preset
from clothier.training.device import Device

if TYPE_CHECKING:
    from clothier.data.dataset import LabeledImages
    from clothier.recipes import Recipe

SMALL = {
    "dnn": PcaMlp(components=24, whitening=0.25, hidden=(48, 32), batch_norm=True, dropout=0.2),
    "cnn": WhitenedCnn(patch=3, widths=(16, 24), depths=(3, 3)),
    "study-cnn": StudyCnn(),
}


@pytest.fixture(scope="session")
def garments() -> LabeledImages:
    """300 drawn pictures to learn from; more than 187, the components of the study's DNN."""
    return draw_garments(300, seed=1)


@pytest.fixture(scope="session")
def others() -> LabeledImages:
    """100 drawn pictures to choose by."""
    return draw_garments(100, seed=2)


@pytest.fixture
def cpu() -> Device:
    """The CPU in float32, whatever this machine is good at."""
    return Device("cpu", 2, "float32", "the tests ask for it")


@pytest.fixture(params=list(SMALL))
def recipe(request: pytest.FixtureRequest) -> Recipe:
    """A small recipe of each network, with everything random that there is: shifts, flips, cutout, dropout."""
    base = preset("cnn", "classic") if request.param == "study-cnn" else preset(request.param, "fast")
    augment = Augment(shift=1, flip=True, cutout=6)
    return replace(base, network=SMALL[request.param], augment=augment, epochs=4, batch_size=60)
