"""A model with all that its bundle knows of doubt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from clothier.bundle import OOD_FILE, TRAINING_HASHES_FILE
from clothier.data.perceptual_hash import dhash, to_bytes
from clothier.errors import ModelError
from clothier.inference.predictor import load_predictor
from clothier.metrics import softmax
from clothier.selective.decisions import decide
from clothier.selective.ood import fit_ood_scorer
from clothier.selective.thresholds import Thresholds

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clothier.bundle import Bundle

COLORS = {"dress": (230, 20, 20), "hat": (20, 20, 230)}
IMAGES = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)


def test_without_thresholds_it_decides_nothing(tmp_path: Path, colour_bundle: Callable[..., Bundle]) -> None:
    judge = load_predictor(colour_bundle(tmp_path / "plain", COLORS))
    judged = judge.predict_images(IMAGES)
    assert judged.ood_scores is None
    assert judge.decide(judged) == [None] * 5
    np.testing.assert_array_equal(judged.probabilities, softmax(judge.classifier.run(IMAGES).logits))


def test_with_thresholds_and_ood_scorer(tmp_path: Path, colour_bundle: Callable[..., Bundle]) -> None:
    known = np.random.default_rng(1).normal(0.5, 0.2, (30, 3))
    novelty = fit_ood_scorer(known, np.zeros(30, np.int64), n_components=2)
    thresholds = Thresholds(min_probability=0.7, max_ood=0.5)
    saved = colour_bundle(
        tmp_path / "sure", COLORS, extras={OOD_FILE: novelty.to_bytes()}, thresholds=thresholds.to_json()
    )
    judge = load_predictor(saved)
    judged = judge.predict_images(IMAGES)
    assert judged.ood_scores is not None
    assert judged.ood_scores.shape == (5,)
    assert judge.decide(judged) == decide(judged.probabilities, judged.ood_scores, thresholds, tuple(COLORS))
    empty = judge.predict_images(IMAGES[:0])
    assert judge.decide(empty) == []


def test_damaged_thresholds(tmp_path: Path, colour_bundle: Callable[..., Bundle]) -> None:
    with pytest.raises(ModelError, match="the card's thresholds are damaged"):
        load_predictor(colour_bundle(tmp_path / "odd", COLORS, thresholds={"sure": 1}))


def test_was_trained_on(tmp_path: Path, colour_bundle: Callable[..., Bundle]) -> None:
    saved = colour_bundle(tmp_path / "open", COLORS, extras={TRAINING_HASHES_FILE: to_bytes(dhash(IMAGES[1:3]))})
    assert load_predictor(saved).was_trained_on(IMAGES).tolist() == [False, True, True, False, False]
    silent = colour_bundle(tmp_path / "silent", COLORS)
    assert not load_predictor(silent).was_trained_on(IMAGES).any()


@pytest.mark.parametrize("content", [b"no array", to_bytes(np.zeros((2, 5), np.uint8)), to_bytes(np.zeros((2, 32)))])
def test_damaged_hashes(tmp_path: Path, colour_bundle: Callable[..., Bundle], content: bytes) -> None:
    with pytest.raises(ModelError, match=r"training_hashes\.npy (is damaged: .*|holds .*, no hashes)\. Make the bundle again"):
        load_predictor(colour_bundle(tmp_path / "odd", COLORS, extras={TRAINING_HASHES_FILE: content}))
