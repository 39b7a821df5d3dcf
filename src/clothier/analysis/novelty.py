"""Is this one of my classes at all? How far a photo lies from the garments that a model was trained on.

Fitting and scoring need numpy only. Legend: N images, K classes, D embedding, P principal components.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clothier.errors import DataError, ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt

    from clothier.records import Floats, Labels

    Doubles = npt.NDArray[np.float64]
    Arrays = Mapping[str, npt.NDArray[np.generic]]

COMPONENTS = 64
NEIGHBOURS = 10
ROWS = 1024  # photos scored at a time: 1,024 x 3,400 distances are 14 MB


@dataclass(frozen=True, slots=True, eq=False)
class Novelty:
    """Known garments as points on a sphere, and how far from them a photo may lie.

    Attributes:
        mean: (D,) float32, of the normalised embeddings.
        components: (P, D) float32, their principal components.
        bank: (M, P) float32, the known garments, each of length 1.
        neighbours: k: the distance to the k-th nearest is the score.
    """

    mean: Floats
    components: Floats
    bank: Floats
    neighbours: int = NEIGHBOURS

    def score(self, logits: npt.ArrayLike, embeddings: npt.ArrayLike) -> Doubles:
        """How strange N photos are: (N,) float64, higher is stranger.

        Args:
            logits: (N, K).
            embeddings: (N, D).
        """
        del logits
        points = _projected(np.asarray(embeddings, dtype=np.float32), self.mean, self.components)
        return np.concatenate([self._distances(points[start : start + ROWS]) for start in range(0, len(points), ROWS)])

    def _distances(self, points: Floats) -> Doubles:
        cosines = points @ self.bank.T
        kth = -np.partition(-cosines, self.neighbours - 1, axis=1)[:, self.neighbours - 1]
        return np.sqrt(np.maximum(2.0 - 2.0 * kth.astype(np.float64), 0.0))

    def to_arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """As ``novelty.npz`` holds it, in float16."""
        halves = {name: getattr(self, name).astype(np.float16) for name in ("mean", "components", "bank")}
        return {**halves, "neighbours": np.array(self.neighbours)}

    def to_bytes(self) -> bytes:
        """``novelty.npz`` as a bundle takes it; the same bytes each time."""
        file = io.BytesIO()
        np.savez_compressed(file, **self.to_arrays())  # type: ignore[arg-type]
        return file.getvalue()

    @classmethod
    def read(cls, path: Path) -> Novelty:
        """Reads a bundle's ``novelty.npz``.

        Raises:
            ModelError: it is none.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return cls.from_arrays(arrays)
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise ModelError(f"{path} is damaged: {error}. Make the bundle again.") from error

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Novelty:
        """Reads what :meth:`to_arrays` wrote."""
        try:
            mean, components, bank = (arrays[name].astype(np.float32) for name in ("mean", "components", "bank"))
            return cls(mean, components, bank, int(arrays["neighbours"]))
        except (KeyError, ValueError, TypeError) as error:
            raise ModelError(f"the novelty score is damaged: {error}. Make the bundle again.") from error


def fit_novelty(embeddings: npt.ArrayLike, labels: Labels, *, components: int = COMPONENTS) -> Novelty:
    """Learns what known garments look like.

    Args:
        embeddings: (N, D), of photos that the model was trained on, or out of fold.
        labels: (N,) int64; -1, outside the classes, is left out.
        components: P, principal components to keep.
    """
    inside = np.asarray(labels) >= 0
    rows = _normalised(np.asarray(embeddings, dtype=np.float32)[inside])
    if len(rows) <= NEIGHBOURS:
        raise DataError(f"a novelty score wants more than {NEIGHBOURS} labelled photos, and got {len(rows)}.")
    mean = rows.mean(axis=0)
    _, _, directions = np.linalg.svd(rows - mean, full_matrices=False)
    kept = np.ascontiguousarray(directions[:components])
    return Novelty(mean, kept, _normalised((rows - mean) @ kept.T))


def auroc(known: npt.ArrayLike, strange: npt.ArrayLike) -> float:
    """The probability that a stranger scores higher than a known photo, ties counted as half (Mann-Whitney), 0 to 1."""
    low, high = np.sort(np.asarray(known, dtype=np.float64)), np.asarray(strange, dtype=np.float64)
    below = np.searchsorted(low, high, side="left") + np.searchsorted(low, high, side="right")
    return float(below.mean() / (2 * len(low)))


def fpr_at_95_tpr(known: npt.ArrayLike, strange: npt.ArrayLike) -> float:
    """The share of strangers that pass for known where 95 % of the known photos do, 0 to 1."""
    limit = np.quantile(np.asarray(known, dtype=np.float64), 0.95, method="higher")
    return float((np.asarray(strange, dtype=np.float64) <= limit).mean())


def _projected(embeddings: Floats, mean: Floats, components: Floats) -> Floats:
    return _normalised((_normalised(embeddings) - mean) @ components.T)


def _normalised(rows: npt.NDArray[np.floating]) -> Floats:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-12), dtype=np.float32)
