"""Is this one of my classes at all? How far a photo lies from the garments that a model was trained on.

The score is the relative Mahalanobis distance (Ren et al. 2021, arXiv 2106.09022): to the nearest class, less that to
all garments together, in the principal subspace of the normalised embeddings. What lies outside that subspace cancels
there, and garments lie little outside, so that residual (as in ViM, Wang et al. 2022, arXiv 2203.10807) is added. The
one tells odd garments, the other what is no garment; docs/log.md has the trials.

Fitting and scoring need numpy only. Legend: N images, K classes, D embedding, P principal components.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from clothier.errors import DataError, ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt

    from clothier.types import Floats, Labels

    Doubles = npt.NDArray[np.float64]
    Arrays = Mapping[str, npt.NDArray[np.generic]]

MIN_SAMPLES = 10  # labelled photos, from which on anything can be said of strangers
N_COMPONENTS = 128
SHRINKAGE = 0.1  # of a covariance towards a sphere of the same trace; few photos a component
MIN_VARIANCE = 1e-12  # variance of embeddings of length 1 that is left of equal ones by rounding alone
MIN_STD = 0.01  # of a part of the score; embeddings have length 1, and less than this is rounding
RESIDUAL_WEIGHT = 0.5  # weight of the residual by that of the relative distance, both in standard deviations


class _MahalanobisParams(NamedTuple):
    """What :class:`Novelty` calls by the same names, without the scale."""

    mean: Floats
    components: Floats
    class_means: Floats
    within_whitening: Floats
    total_whitening: Floats

    def distances(self, embeddings: Doubles) -> tuple[Doubles, Doubles]:
        """(N,) relative Mahalanobis distances, squared, and (N,) lengths of residuals, of normalised embeddings."""
        apart = embeddings - self.mean
        points = apart @ self.components.T.astype(np.float64)
        residual = np.sqrt(np.maximum((apart**2).sum(axis=1) - (points**2).sum(axis=1), 0.0))
        whitened = points @ self.within_whitening.T.astype(np.float64)
        to_classes = np.stack([((whitened - centre) ** 2).sum(axis=1) for centre in self.class_means], axis=1)
        return to_classes.min(axis=1) - ((points @ self.total_whitening.T) ** 2).sum(axis=1), residual


@dataclass(frozen=True, slots=True, eq=False)
class OodScorer:
    """What known garments look like.

    Attributes:
        mean: (D,) float32, of the normalised embeddings.
        components: (P, D) float32, orthonormal rows.
        class_means: (K', P) float32, the classes that have photos, whitened by ``within_whitening``.
        within_whitening: (P, P) float32, whitens what varies inside the classes.
        total_whitening: (P, P) float32, whitens what varies among all garments.
        scale: (4,) float32: mean and standard deviation of the relative distance, then of the residual.
    """

    mean: Floats
    components: Floats
    class_means: Floats
    within_whitening: Floats
    total_whitening: Floats
    scale: Floats

    def score(self, logits: npt.ArrayLike, embeddings: npt.ArrayLike) -> Doubles:
        """How strange N photos are: (N,) float64, about 0 for a common garment, higher is stranger.

        Args:
            logits: (N, K); this score does without them, so no temperature changes it.
            embeddings: (N, D).
        """
        del logits
        geometry = _MahalanobisParams(
            self.mean, self.components, self.class_means, self.within_whitening, self.total_whitening
        )
        relative, residual = geometry.distances(_l2_normalize(embeddings))
        middle, spread, residual_middle, residual_spread = self.scale
        return np.asarray(
            (relative - middle) / spread + RESIDUAL_WEIGHT * (residual - residual_middle) / residual_spread
        )

    def to_arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """As ``ood.npz`` holds it: the components in float16, the rest in float32."""
        arrays = {one.name: getattr(self, one.name) for one in fields(self)}
        return arrays | {"components": self.components.astype(np.float16)}

    def to_bytes(self) -> bytes:
        """``ood.npz`` as a bundle takes it; the same bytes each time."""
        file = io.BytesIO()
        np.savez_compressed(file, **self.to_arrays())  # type: ignore[arg-type]
        return file.getvalue()

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> OodScorer:
        """Reads what :meth:`to_arrays` wrote.

        Raises:
            ModelError: an array is missing, or they do not belong together.
        """
        try:
            found = cls(**{one.name: np.asarray(arrays[one.name], dtype=np.float32) for one in fields(cls)})
            found.score((), np.zeros((1, len(found.mean)), np.float32))
        except (KeyError, ValueError, TypeError) as error:
            raise ModelError(f"the novelty score is damaged: {error}. Make the bundle again.") from error
        return found

    @classmethod
    def read(cls, path: Path) -> OodScorer:
        """Reads a bundle's ``ood.npz``.

        Raises:
            ModelError: it is none.
        """
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
                return cls.from_arrays(arrays)
        except (OSError, EOFError, ValueError, AttributeError, zipfile.BadZipFile) as error:
            raise ModelError(f"{path} is damaged: {error}. Make the bundle again.") from error


def fit_ood_scorer(embeddings: npt.ArrayLike, labels: Labels, *, n_components: int = N_COMPONENTS) -> OodScorer:
    """Learns what known garments look like.

    Args:
        embeddings: (N, D), of the photos that the model was trained on.
        labels: (N,) int64; -1, outside the classes, is left out.
        n_components: P, principal components to keep; fewer where there are fewer photos.

    Raises:
        DataError: too few labelled photos, or embeddings that do not vary.
    """
    inside = np.asarray(labels) >= 0
    rows, truth = _l2_normalize(np.asarray(embeddings)[inside]), np.asarray(labels)[inside]
    if len(rows) < MIN_SAMPLES:
        raise DataError(f"a novelty score wants {MIN_SAMPLES} labelled photos or more, and got {len(rows)}. Give more.")
    mean = rows.mean(axis=0)
    directions = _principal_components(rows - mean, min(n_components, len(rows) - 1))
    points = (rows - mean) @ directions.T
    known, places = np.unique(truth, return_inverse=True)
    centres = np.stack([points[places == place].mean(axis=0) for place in range(len(known))])
    within, overall = _whitening(points - centres[places]), _whitening(points)
    geometry = _MahalanobisParams(*map(_float32, (mean, directions, centres @ within.T, within, overall)))
    scale = [figure for part in geometry.distances(rows) for figure in (part.mean(), max(part.std(), MIN_STD))]
    return OodScorer(*geometry, _float32(np.array(scale)))


def auroc(id_scores: npt.ArrayLike, ood_scores: npt.ArrayLike) -> float:
    """The probability that a stranger scores higher than a known photo, ties counted as half (Mann-Whitney), 0 to 1."""
    low, high = np.sort(np.asarray(id_scores, dtype=np.float64)), np.asarray(ood_scores, dtype=np.float64)
    below = np.searchsorted(low, high, side="left") + np.searchsorted(low, high, side="right")
    return float(below.mean() / (2 * len(low)))


def fpr_at_95_tpr(id_scores: npt.ArrayLike, ood_scores: npt.ArrayLike) -> float:
    """The share of strangers that pass for known where 95 % of the known photos do, 0 to 1."""
    limit = np.quantile(np.asarray(id_scores, dtype=np.float64), 0.95, method="higher")
    return float((np.asarray(ood_scores, dtype=np.float64) <= limit).mean())


def _principal_components(centered: Doubles, n_components: int) -> Doubles:
    """(P, D) principal components, each with its largest entry positive, so that they are the same everywhere."""
    rows = np.linalg.svd(centered, full_matrices=False)[2][:n_components]
    largest = np.abs(rows).argmax(axis=1)
    return np.asarray(rows * np.sign(rows[np.arange(len(rows)), largest])[:, None])


def _whitening(projected: Doubles) -> Doubles:
    """(P, P): makes the shrunk covariance of (N, P) centred points the identity."""
    covariance = projected.T @ projected / len(projected)
    sphere = np.trace(covariance) / len(covariance)
    if sphere < MIN_VARIANCE:
        raise DataError("the embeddings do not vary, so nothing can be said of strangers. Train the model again.")
    shrunk = (1 - SHRINKAGE) * covariance + SHRINKAGE * sphere * np.eye(len(covariance))
    return np.asarray(np.linalg.inv(np.linalg.cholesky(shrunk)))


def _l2_normalize(embeddings: npt.ArrayLike) -> Doubles:
    rows = np.asarray(embeddings, dtype=np.float64)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))


def _float32(array: Doubles) -> Floats:
    return array.astype(np.float32)
