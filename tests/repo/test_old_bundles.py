"""Every bundle that a Clothier ever wrote still loads and still answers the same.

``data/format-N`` was written by the first Clothier with format N (``data/make_bundle.py`` tells how) and never again.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from clothier.bundle import FORMAT_VERSION, open_bundle
from clothier.inference.session import OnnxClassifier
from clothier.recipes import from_json
from clothier.taxonomy import FASHION_MNIST_CLASSES
from clothier.types import InputSpec

DATA = Path(__file__).parent / "data"
CARDS = {1: "0f9ab539d6f34cce0a65f2fa9d327c9fd05ff7ec0511046c8381df39de320139"}
"""SHA-256 of each format's card, which holds the digests of the other files: nobody may make them anew."""

OLD = [pytest.param(DATA / f"format-{number}", id=f"format-{number}") for number in CARDS]


def test_every_format_has_its_bundle() -> None:
    assert list(CARDS) == list(range(1, FORMAT_VERSION + 1)), (
        "a new format wants a bundle of its own: data/make_bundle.py"
    )


def test_they_are_what_was_written_then() -> None:
    assert {n: hashlib.sha256((DATA / f"format-{n}/card.json").read_bytes()).hexdigest() for n in CARDS} == CARDS


@pytest.mark.parametrize("folder", OLD)
def test_small_enough_to_keep_for_ever(folder: Path) -> None:
    assert sum(file.stat().st_size for file in folder.iterdir()) < 20_000


@pytest.mark.parametrize("folder", OLD)
def test_the_card_is_understood(folder: Path) -> None:
    card = open_bundle(folder).metadata
    assert (card.name, card.model, card.preset, card.classes, card.input_spec) == (
        "tiny",
        "dnn",
        "fast",
        FASHION_MNIST_CLASSES,
        InputSpec(),
    )
    assert (card.parameters, card.clothier_version) == (472, "0.1.0")
    assert card.data == {"name": "drawn", "digest": "ab" * 32}
    assert card.metrics == {"test": {"n": 3, "accuracy": 0.1}}
    assert (card.calibration, card.thresholds) == ({"temperature": 1.5}, {"accept": 0.9})


@pytest.mark.parametrize("folder", OLD)
def test_the_recipe_can_be_trained_again(folder: Path) -> None:
    recipe = from_json({name: value for name, value in open_bundle(folder).metadata.recipe.items() if name != "seed"})
    assert (recipe.model, recipe.preset) == ("dnn", "fast")


@pytest.mark.parametrize("folder", OLD)
def test_the_answers_are_the_same(folder: Path) -> None:
    pictures = (np.arange(3 * 28 * 28) * 7919 % 256).astype(np.uint8).reshape(3, 28, 28)
    bundle = open_bundle(folder)
    outputs = OnnxClassifier(bundle, threads=1).run(pictures)
    then = json.loads((folder / "answers.json").read_text(encoding="utf-8"))
    logits = np.array(then["logits"]) / bundle.metadata.calibration["temperature"]
    np.testing.assert_allclose(outputs.logits, logits, rtol=0, atol=1e-4)
    np.testing.assert_allclose(outputs.embeddings, then["embeddings"], rtol=0, atol=1e-4)
