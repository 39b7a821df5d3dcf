"""How fast the PCA is, beside scikit-learn's quickest exact solver: in one process, in turns, by paired ratios."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.decomposition import PCA

from clothier.analysis.pca import fit_pca
from clothier.records import silent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from clothier.records import Images, Progress

TASK = "benchmark pca"
OURS = "pca"
SOLVER = "covariance_eigh"  # scikit-learn's quickest for many more images than pixels (its User Guide, 2.5.1)
RATIO = "pca/scikit-learn"


@dataclass(frozen=True, slots=True)
class PcaBenchmark:
    """Seconds of each side, round by round; place i of every list belongs to the same round.

    Attributes:
        n: images analysed.
        seconds: name of a side to its seconds.
    """

    n: int
    seconds: Mapping[str, Sequence[float]]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A row a side, as ``benchmark --json`` prints it."""
        return [_row(name, self.n, taken) for name, taken in self.seconds.items()]

    @property
    def ratio(self) -> float:
        """Median over the rounds of our seconds by those of scikit-learn's quicker side; below 1 ours is quicker."""
        rivals = [taken for name, taken in self.seconds.items() if name != OURS]
        rival = min(rivals, key=statistics.median)
        return statistics.median(ours / theirs for ours, theirs in zip(self.seconds[OURS], rival, strict=True))

    def to_json(self) -> dict[str, Any]:
        """Rows and ratios, for the benchmark that they belong to."""
        return {"rows": self.rows, "ratios": {RATIO: self.ratio}}


def benchmark_pca(
    images: Images, *, components: int = 50, rounds: int = 7, progress: Progress = silent
) -> PcaBenchmark:
    """Fits the same PCA in turns, ours and scikit-learn's.

    Ours starts from bytes. scikit-learn is given floats of 0 to 1 that are made beforehand, once in each precision: its
    time is of the fit alone. A round that nobody counts comes first.

    Args:
        images: (N, H, W) uint8.
        components: how many are kept, on both sides.
        rounds: how often each side is timed.
        progress: told of every round.
    """
    flat = images.reshape(len(images), -1)
    sides: dict[str, Callable[[], object]] = {OURS: lambda: fit_pca(images, components)}
    for precision in (np.float32, np.float64):
        pixels = np.divide(flat, 255, dtype=precision)
        sides[f"scikit-learn, {np.dtype(precision).name}"] = _rival(pixels, components)
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for done in range(rounds + 1):
        for name, side in sides.items():
            taken = _timed(side)
            if done:
                seconds[name].append(taken)
        progress(TASK, done, rounds)
    return PcaBenchmark(len(images), seconds)


def _rival(pixels: Any, components: int) -> Callable[[], object]:
    return lambda: PCA(components, svd_solver=SOLVER).fit(pixels)


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _row(name: str, n: int, taken: Sequence[float]) -> dict[str, Any]:
    spread = {"min": min(taken), "median": statistics.median(taken), "max": max(taken)}
    return {"name": name, "n": n, **spread, "unit": "s", "accuracy": None}
