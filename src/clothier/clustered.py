"""Standard errors and paired tests where images come in groups, such as the photos of one photographer.

Photos of one group are not independent, so the groups are the unit: their totals are resampled or change their sign,
never single photos. numpy only.

Legend: N images, G groups.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier.errors import DataError

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.types import BoolArray, Float64Array

RESAMPLES = 10_000  # of the bootstrap, and of the signs
BATCH = 500  # resamples at a time; bounds memory


@dataclass(frozen=True, slots=True)
class GroupedTest:
    """Two classifiers on the same n images of ``n_groups`` groups.

    Attributes:
        n: images.
        n_groups: groups.
        only_first: images that only the first classified correctly.
        only_second: images that only the second classified correctly.
        difference: accuracy of the first minus accuracy of the second.
        interval: 95 % interval of the difference, by a bootstrap of the groups. A single group says nothing about
            others: it is -1 to 1.
        p_value: two-sided, by changing the signs of the groups' differences at random.
    """

    n: int
    n_groups: int
    only_first: int
    only_second: int
    difference: float
    interval: tuple[float, float]
    p_value: float

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return {**asdict(self), "interval": list(self.interval)}


def clustered_standard_error(correct: BoolArray, groups: npt.ArrayLike) -> float:
    """Standard error of the accuracy of N images, from the variation between groups (Liang and Zeger 1986).

    A single group says nothing about others: it counts as one image.
    """
    sizes, wins = _totals(np.asarray(correct, np.float64), groups)
    n, g = sizes.sum(), len(sizes)
    if g < 2:
        accuracy = wins.sum() / n
        return float(np.sqrt(accuracy * (1 - accuracy)))
    deviations = wins * n - wins.sum() * sizes  # whole numbers, so 0 is not a tiny number where all accuracies agree
    return float(np.sqrt(g / (g - 1) * (deviations**2).sum()) / n**2)


def grouped_test(first_correct: BoolArray, second_correct: BoolArray, groups: npt.ArrayLike) -> GroupedTest:
    """Tests whether two classifiers differ on N images: a sign-flip test over groups, and a bootstrap interval.

    Raises:
        DataError: no images, or arrays of different lengths.
    """
    first, second = np.asarray(first_correct, bool), np.asarray(second_correct, bool)
    if not first.size or not first.shape == second.shape == np.shape(groups):
        raise DataError(
            f"a paired test needs two predictions and a group for every image, but got {first.size}, {second.size} and "
            f"{np.size(groups)}. Evaluate both models on the same images."
        )
    sizes, wins = _totals(first.astype(np.float64) - second, groups)
    return GroupedTest(
        n=first.size,
        n_groups=len(sizes),
        only_first=int((first & ~second).sum()),
        only_second=int((second & ~first).sum()),
        difference=float(wins.sum() / first.size),
        interval=_bootstrap_interval(sizes, wins),
        p_value=_sign_flip(wins),
    )


def _totals(values: Float64Array, groups: npt.ArrayLike) -> tuple[Float64Array, Float64Array]:
    """Number of images and sum of their values, of each group."""
    members = np.unique(np.asarray(groups), return_inverse=True)[1]
    sums: Float64Array = np.bincount(members, values).astype(np.float64)
    return np.bincount(members).astype(np.float64), sums


def _bootstrap_interval(sizes: Float64Array, wins: Float64Array) -> tuple[float, float]:
    rng, g, found = np.random.default_rng(0), len(sizes), []
    if g < 2:
        return -1.0, 1.0
    for _ in range(RESAMPLES // BATCH):
        drawn = rng.integers(g, size=(BATCH, g))
        found.append(wins[drawn].sum(axis=1) / sizes[drawn].sum(axis=1))
    low, high = np.quantile(np.concatenate(found), (0.025, 0.975))
    return float(low), float(high)


def _sign_flip(wins: Float64Array) -> float:
    """The fraction of random signs of the groups with a total at least as far from 0; the observed one is counted."""
    rng, differing = np.random.default_rng(0), wins[wins != 0]
    n_as_far = 1
    for _ in range(RESAMPLES // BATCH):
        signs = rng.integers(2, size=(BATCH, len(differing))) * 2 - 1
        n_as_far += int((np.abs(signs @ differing) >= abs(wins.sum())).sum())
    return n_as_far / (RESAMPLES + 1)
