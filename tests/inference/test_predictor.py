"""A model with all that its bundle knows of doubt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from clothier.bundle import LEARNT, NOVELTY
from clothier.data.perceptual_hash import difference_hashes, to_bytes
from clothier.errors import ModelError
from clothier.inference.predictor import open_judge
from clothier.metrics import softmax
from clothier.selective.decisions import decide
from clothier.selective.ood import fit_novelty
from clothier.selective.thresholds import Thresholds

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clothier.bundle import Bundle

COLOURS = {"dress": (230, 20, 20), "hat": (20, 20, 230)}
PICTURES = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)


def test_without_thresholds_it_decides_nothing(tmp_path: Path, colour_bundle: Callable[..., Bundle]) -> None:
    judge = open_judge(colour_bundle(tmp_path / "plain", COLOURS))
    judged = judge.judge(PICTURES)
    assert judged.novelty is None
    assert judge.verdicts(judged) == [None] * 5
    np.testing.assert_array_equal(judged.probabilities, softmax(judge.classifier.run(PICTURES).logits))


def test_with_thresholds_and_novelty(tmp_path: Path, colour_bundle: Callable[..., Bundle]) -> None:
    known = np.random.default_rng(1).normal(0.5, 0.2, (30, 3))
    novelty = fit_novelty(known, np.zeros(30, np.int64), components=2)
    thresholds = Thresholds(accept=0.7, reject=0.5)
    saved = colour_bundle(
        tmp_path / "sure", COLOURS, extras={NOVELTY: novelty.to_bytes()}, thresholds=thresholds.to_json()
    )
    judge = open_judge(saved)
    judged = judge.judge(PICTURES)
    assert judged.novelty is not None
    assert judged.novelty.shape == (5,)
    assert judge.verdicts(judged) == decide(judged.probabilities, judged.novelty, thresholds, tuple(COLOURS))
    empty = judge.judge(PICTURES[:0])
    assert judge.verdicts(empty) == []


def test_damaged_thresholds(tmp_path: Path, colour_bundle: Callable[..., Bundle]) -> None:
    with pytest.raises(ModelError, match="the card's thresholds are damaged"):
        open_judge(colour_bundle(tmp_path / "odd", COLOURS, thresholds={"sure": 1}))


def test_it_knows_what_it_learnt_from(tmp_path: Path, colour_bundle: Callable[..., Bundle]) -> None:
    saved = colour_bundle(tmp_path / "open", COLOURS, extras={LEARNT: to_bytes(difference_hashes(PICTURES[1:3]))})
    assert open_judge(saved).learnt_from(PICTURES).tolist() == [False, True, True, False, False]
    silent = colour_bundle(tmp_path / "silent", COLOURS)
    assert not open_judge(silent).learnt_from(PICTURES).any()


@pytest.mark.parametrize("content", [b"no array", to_bytes(np.zeros((2, 5), np.uint8)), to_bytes(np.zeros((2, 32)))])
def test_damaged_hashes(tmp_path: Path, colour_bundle: Callable[..., Bundle], content: bytes) -> None:
    with pytest.raises(ModelError, match=r"learnt\.npy (is damaged: .*|holds .*, no hashes)\. Make the bundle again"):
        open_judge(colour_bundle(tmp_path / "odd", COLOURS, extras={LEARNT: content}))
