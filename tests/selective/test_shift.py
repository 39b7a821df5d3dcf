"""Batches unlike the training photos are recognized, and like ones by new photographers are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from clothier.errors import DataError, ModelError
from clothier.selective.shift import (
    LEVEL,
    MIN_BATCH,
    REFERENCE_PER_GROUP,
    ShiftDetector,
    fit_shift_detector,
    held_out_distances,
    reference_rows,
    shift_reason,
)
from clothier.types import CatalogueShift

if TYPE_CHECKING:
    import numpy.typing as npt

    Doubles = npt.NDArray[np.float64]
    Numbers = npt.NDArray[np.int64]

N_EARLY, N_EMBEDDING, GROUPS = 12, 30, 120
GROUP_STD, STD = 0.35, 1.0  # between and within photographers


def sample(groups: Numbers, width: int, seed: int, shift: float = 0.0) -> npt.NDArray[np.float32]:
    """Activations of photos whose photographers differ."""
    generator = np.random.default_rng(seed)
    _, indices = np.unique(groups, return_inverse=True)
    effects = generator.normal(0, GROUP_STD, (indices.max() + 1, width))[indices]
    values = 4 + effects + generator.normal(0, STD, (len(groups), width)) + shift * (np.arange(width) % 2)
    return np.maximum(values, 0).astype(np.float32)


def photographers(n: int, seed: int = 0) -> Numbers:
    """The photographer of each photo: 3 to 40 photos each."""
    return np.repeat(np.arange(n), np.random.default_rng(seed).integers(3, 41, n))


def fit(groups: Numbers, seed: int = 0) -> ShiftDetector | None:
    early, embeddings = sample(groups, N_EARLY, seed), sample(groups, N_EMBEDDING, seed + 1)
    folds = groups % 5
    distances = held_out_distances([embeddings] * 5, folds, np.zeros(len(groups), np.int64), groups)
    return fit_shift_detector(early, embeddings, distances, groups)


@pytest.fixture(scope="module")
def detector() -> ShiftDetector:
    found = fit(photographers(GROUPS))
    assert found
    return found


def batch(
    detector: ShiftDetector, n: int, seed: int, early: float = 0.0, embedding: float = 0.0
) -> npt.NDArray[np.float16]:
    """Projected features of ``n`` photos by one new photographer."""
    one = np.zeros(n, np.int64)
    return detector.project(sample(one, N_EARLY, seed, early), sample(one, N_EMBEDDING, seed + 10_000, embedding))


@pytest.mark.parametrize("n", [30, 100, 400])
def test_false_alarms_among_new_photographers(detector: ShiftDetector, n: int) -> None:
    assert detector.level == LEVEL
    p_values = np.array([detector.test(batch(detector, n, seed)).p_value for seed in range(100, 400)])
    for level in (0.05, 0.2, 0.5):  # one training set is one draw: its level may be higher than the expected one
        assert (p_values <= level).mean() < level + 0.06
    assert (p_values <= LEVEL).mean() < 0.04


@pytest.mark.parametrize("shifts", [(3.0, 0.0), (0.0, 3.0)])
def test_a_shift_in_one_of_the_spaces(detector: ShiftDetector, shifts: tuple[float, float]) -> None:
    for seed in range(1_000, 1_010):
        found = detector.test(batch(detector, 30, seed, *shifts))
        assert found.unlike
        assert found.p_value == pytest.approx(1 / (1 + len(np.unique(photographers(GROUPS)))), abs=0.002)
        assert found.share > 0.5 > found.expected_share


def test_a_batch_of_two_catalogues(detector: ShiftDetector) -> None:
    mixed = np.concatenate([batch(detector, 30, 1), batch(detector, 30, 2, 6.0)])
    found = detector.test(mixed)
    assert found.unlike
    assert 0.45 < found.share < 0.65


@pytest.mark.parametrize("n", [0, 1, MIN_BATCH - 1])
def test_a_few_photos_cannot_tell(detector: ShiftDetector, n: int) -> None:
    found = detector.test(batch(detector, MIN_BATCH, 3)[:n])
    assert found == CatalogueShift(n, None, None, None, 0.05)
    assert f"{n} photo" in shift_reason(found)
    assert f"{MIN_BATCH} are needed" in shift_reason(found)


def test_features_that_are_no_numbers(detector: ShiftDetector) -> None:
    rows = batch(detector, MIN_BATCH, 4)
    rows[7, 3] = np.nan
    with pytest.raises(DataError, match="not finite"):
        detector.test(rows)


def test_exact_p_values(detector: ShiftDetector) -> None:
    """Where all groups are as large as the batch, the p-value is the rank of the batch among them."""
    means = np.linspace(0.1, 0.9, 25)
    pairs = np.array([-0.05, 0.05] * 15)
    scores = (means[:, None] + pairs).ravel().astype(np.float32)
    equal = replace(detector, scores=scores, groups=np.repeat(np.arange(25), 30).astype(np.float32))
    assert equal.p_value(0.95, 30) == pytest.approx(1 / 26)
    assert equal.p_value(float(means[-2]) - 1e-6, 30) == pytest.approx(3 / 26)
    assert equal.p_value(0.0, 30) == 1
    assert equal.level == pytest.approx(1 / 26)


def test_the_null_is_scaled_to_the_size_of_the_batch(detector: ShiftDetector) -> None:
    """Means of few photos vary more, so the same mean is stranger for a larger batch."""
    score = 1.25 * float(detector.scores.mean())
    p_values = [detector.p_value(score, n) for n in (5, 30, 1_000)]
    assert p_values == sorted(p_values, reverse=True)
    assert p_values[0] > p_values[-1]


def test_too_few_groups() -> None:
    assert fit(photographers(10)) is None
    assert fit(np.arange(500)) is None, "every photo its own group"
    found = fit(photographers(40))
    assert found
    assert LEVEL < found.level < 0.05


def test_a_calibrated_catalogue_is_like_and_a_third_one_is_not(detector: ShiftDetector) -> None:
    n = 300
    reviewed = batch(detector, n, 5, early=3.0)
    mine = detector.recalibrated(reviewed[: n - 60], np.arange(n - 60))
    assert detector.test(reviewed[n - 60 :]).unlike
    assert mine.test(reviewed[n - 60 :]).unlike is False
    assert mine.test(batch(detector, 60, 6, embedding=4.0)).unlike
    assert mine.projection_bytes() == detector.projection_bytes()
    assert len(mine.scores) == len(detector.scores) + n - 60
    assert mine.level == detector.level, "single photos are no groups"
    grouped = detector.recalibrated(reviewed, np.arange(n) // 10)
    assert grouped.p_value(9.0, 30) < detector.p_value(9.0, 30), "30 more groups"


def test_a_second_calibration_replaces_the_first(detector: ShiftDetector) -> None:
    n, new = 300, 60
    reviewed = batch(detector, n, 5, early=3.0)
    features, groups = reviewed[:-new], np.arange(n - new)
    once = detector.recalibrated(features, groups)
    again = once.recalibrated(features, groups)
    assert again.to_bytes() == once.to_bytes()
    assert again.test(reviewed[-new:]).unlike is False
    other = batch(detector, 90, 6, embedding=4.0)
    assert once.recalibrated(other, np.arange(90)).to_bytes() == detector.recalibrated(other, np.arange(90)).to_bytes()


def test_reference_photos_are_a_few_of_each_group() -> None:
    groups = photographers(GROUPS)
    counts = np.bincount(groups[reference_rows(groups)])
    assert counts.tolist() == np.minimum(np.bincount(groups), REFERENCE_PER_GROUP).tolist()


def test_held_out_distances_use_the_network_and_the_photos_of_other_folds() -> None:
    groups = np.repeat(np.arange(40), 6)
    embeddings, labels, folds = sample(groups, N_EMBEDDING, 0), np.zeros(240, np.int64), groups % 2
    labels[:3] = -1  # trained on by none
    distances = held_out_distances([embeddings, embeddings], folds, labels, groups)
    broken = embeddings.copy()
    broken[folds == 0] = 99.0
    other = held_out_distances([broken, embeddings], folds, labels, groups)
    assert (other[folds == 0] > distances[folds == 0]).all()
    np.testing.assert_array_equal(other[folds == 1], distances[folds == 1])


def test_saved_and_read(detector: ShiftDetector) -> None:
    content = detector.to_bytes()
    assert content == detector.to_bytes()
    read = ShiftDetector.from_bytes(content, Path("shift.npz"), N_EARLY, N_EMBEDDING)
    assert read.to_bytes() == content
    rows = batch(detector, 50, 8)
    np.testing.assert_allclose(read.score(rows), detector.score(rows), atol=0.3)
    assert ShiftDetector.from_bytes(read.to_bytes(), Path("s"), N_EARLY, N_EMBEDDING).projection_bytes() == (
        read.projection_bytes()
    )


@pytest.mark.parametrize("widths", [(N_EARLY + 1, N_EMBEDDING), (N_EARLY, 3)])
def test_of_another_model(detector: ShiftDetector, widths: tuple[int, int]) -> None:
    with pytest.raises(ModelError, match=r"shift\.npz is damaged: .*shape"):
        ShiftDetector.from_bytes(detector.to_bytes(), Path("shift.npz"), *widths)


def test_damaged(detector: ShiftDetector) -> None:
    few, content = replace(detector, groups=np.zeros_like(detector.groups)), detector.to_bytes()
    lost = replace(detector, distances=np.full_like(detector.distances, np.nan))
    longer = replace(detector, distances=np.repeat(detector.distances, 2, axis=0))
    for damaged in (b"", b"no archive", content[:-40], few.to_bytes(), lost.to_bytes(), longer.to_bytes()):
        with pytest.raises(ModelError, match=r"shift\.npz is damaged"):
            ShiftDetector.from_bytes(damaged, Path("shift.npz"), N_EARLY, N_EMBEDDING)


def test_reason_of_an_unlike_catalogue() -> None:
    found = CatalogueShift(120, True, 1 / 130, 0.6083, 0.05)
    assert shift_reason(found) == ("61 % of these photos look unlike the training photos; 5 % expected (p = 0.0077).")
    assert shift_reason(CatalogueShift(120, False, 0.4, 0.06, 0.05)) == ""


def test_another_graph_of_the_same_network(detector: ShiftDetector) -> None:
    """Rounded features change the distances in the early block; those of held-out photos in the embedding stay."""
    groups = photographers(GROUPS)
    rows = reference_rows(groups)
    early, embeddings = sample(groups, N_EARLY, 0)[rows], sample(groups, N_EMBEDDING, 1)[rows]
    rounded = detector.with_features(early.round(1), embeddings.round(1))
    assert not np.array_equal(rounded.distances[:, 0], detector.distances[:, 0])
    np.testing.assert_allclose(rounded.distances[:, 0], detector.distances[:, 0], rtol=0.2)
    np.testing.assert_array_equal(rounded.distances[:, 1], detector.distances[:, 1])
    split = len(detector.early_projection)
    np.testing.assert_allclose(rounded.reference[:, split:], detector.reference[:, split:], atol=0.5)
