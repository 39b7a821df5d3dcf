"""An out-of-distribution (OOD) score: how far a photo is from the photos that a model was trained on.

The score is the relative Mahalanobis distance (Ren et al. 2021, arXiv 2106.09022): the distance to the nearest class
minus that to all training photos together, in the principal subspace of the normalized embeddings. What lies outside
that subspace cancels out there, so the residual norm is added (as in ViM, Wang et al. 2022, arXiv 2203.10807). The
distance detects unusual garments, the residual detects photos without a garment; docs/log.md has the experiments.

Fitting and scoring need numpy only. Legend: N images, K classes, D embedding, P principal components.
"""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from clothier.bundle import EXPORT_HINT
from clothier.errors import DataError, ModelError
from clothier.selective.npz import check_arrays, read_arrays
from clothier.untrusted import DAMAGED_ARRAYS

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from clothier.types import Float64Array, Floats, Labels

MIN_SAMPLES = 10  # labeled photos that fitting needs
N_COMPONENTS = 128
SHRINKAGE = 0.1  # of a covariance towards a sphere of the same trace, as there are few photos for each component
MIN_VARIANCE = 1e-12  # of embeddings of length 1; less is rounding of equal ones
MIN_STD = 0.01  # of a part of the score; less is rounding
RESIDUAL_WEIGHT = 0.5  # of the residual relative to the distance, both in standard deviations


@dataclass(frozen=True, slots=True, eq=False)
class OodScorer:
    """The distribution of the training photos' embeddings.

    Attributes:
        mean: (D,) float32, of the normalized embeddings.
        components: (P, D) float32, orthonormal rows.
        class_means: (K', P) float32, of the classes that have photos, whitened by ``within_whitening``.
        within_whitening: (P, P) float32, whitens the variation within classes.
        total_whitening: (P, P) float32, whitens the variation of all photos.
        scale: (4,) float32: mean and standard deviation of the relative distance, then of the residual.
    """

    mean: Floats
    components: Floats
    class_means: Floats
    within_whitening: Floats
    total_whitening: Floats
    scale: Floats

    def score(self, embeddings: npt.ArrayLike) -> Float64Array:
        """OOD scores (N,) float64 of (N, D) embeddings: about 0 for training photos, higher is further from them."""
        arrays = (getattr(self, field.name) for field in fields(self)[:-1])
        relative, residual = _distances(_l2_normalize(embeddings), *arrays)
        mean, std, residual_mean, residual_std = self.scale
        return np.asarray((relative - mean) / std + RESIDUAL_WEIGHT * (residual - residual_mean) / residual_std)

    def to_bytes(self) -> bytes:
        """The content of ``ood.npz``, always the same bytes: the components in float16, the rest in float32."""
        file = io.BytesIO()
        np.savez_compressed(file, **asdict(self) | {"components": self.components.astype(np.float16)})
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes, path: Path, width: int) -> OodScorer:
        """Reads a bundle's ``ood.npz``.

        Args:
            content: of the file.
            path: of the file, for messages.
            width: D, of the model's embeddings.

        Raises:
            ModelError: the file is damaged, or its arrays do not match each other or the model.
        """
        try:
            values = read_arrays(content, (one.name for one in fields(cls)))
            scorer = cls(**values)
            scorer._check(width)
        except DAMAGED_ARRAYS as error:
            raise ModelError(f"{path} is damaged: {error}. {EXPORT_HINT}") from error
        return scorer

    def _check(self, width: int) -> None:
        """Raises ValueError if the arrays do not match each other or embeddings of ``width``, or are not finite."""
        n_components, n_classes = len(self.components), len(self.class_means)
        square = (n_components, n_components)
        expected = [(width,), (n_components, width), (n_classes, n_components), square, square, (4,)]
        check_arrays(asdict(self), expected)
        if min(self.scale[1], self.scale[3]) < np.float32(MIN_STD):
            raise ValueError(f"scale has a standard deviation below {MIN_STD}")


def fit_ood_scorer(embeddings: npt.ArrayLike, labels: Labels, *, n_components: int = N_COMPONENTS) -> OodScorer:
    """Fits an OOD score to the embeddings (N, D) of the training photos; those with the label -1 are left out.

    Raises:
        DataError: too few labeled photos, or embeddings that do not vary.
    """
    labeled = np.asarray(labels) >= 0
    rows, truth = _l2_normalize(np.asarray(embeddings)[labeled]), np.asarray(labels)[labeled]
    if len(rows) < MIN_SAMPLES:
        raise DataError(f"an OOD score needs {MIN_SAMPLES} or more labeled photos, but got {len(rows)}. Add photos.")
    mean = rows.mean(axis=0)
    components = _principal_components(rows - mean, min(n_components, len(rows) - 1))
    projected = (rows - mean) @ components.T
    classes, class_indices = np.unique(truth, return_inverse=True)
    class_means = np.stack([projected[class_indices == index].mean(axis=0) for index in range(len(classes))])
    within, total = _whitening(projected - class_means[class_indices]), _whitening(projected)
    arrays = [one.astype(np.float32) for one in (mean, components, class_means @ within.T, within, total)]
    scale = [value for part in _distances(rows, *arrays) for value in (part.mean(), max(part.std(), MIN_STD))]
    return OodScorer(*(*arrays, np.array(scale, np.float32)))


def _distances(
    embeddings: Float64Array, mean: Floats, components: Floats, class_means: Floats, within: Floats, total: Floats
) -> tuple[Float64Array, Float64Array]:
    """(N,) relative Mahalanobis distances, squared, and (N,) residual norms, of normalized embeddings."""
    centered = embeddings - mean
    projected = centered @ components.T.astype(np.float64)
    residual = np.sqrt(np.maximum((centered**2).sum(axis=1) - (projected**2).sum(axis=1), 0.0))
    whitened = projected @ within.T.astype(np.float64)
    to_classes = np.stack([((whitened - class_mean) ** 2).sum(axis=1) for class_mean in class_means], axis=1)
    return to_classes.min(axis=1) - ((projected @ total.T) ** 2).sum(axis=1), residual


def _principal_components(centered: Float64Array, n_components: int) -> Float64Array:
    """(P, D) principal components, each with its largest entry positive, so that they are the same everywhere."""
    rows = np.linalg.svd(centered, full_matrices=False)[2][:n_components]
    largest = np.abs(rows).argmax(axis=1)
    return np.asarray(rows * np.sign(rows[np.arange(len(rows)), largest])[:, None])


def _whitening(centered: Float64Array) -> Float64Array:
    """(P, P): makes the shrunk covariance of (N, P) centered rows the identity."""
    covariance = centered.T @ centered / len(centered)
    sphere = np.trace(covariance) / len(covariance)
    if sphere < MIN_VARIANCE:
        raise DataError("the embeddings do not vary, so there is no OOD score. Train the model again.")
    shrunk = (1 - SHRINKAGE) * covariance + SHRINKAGE * sphere * np.eye(len(covariance))
    return np.asarray(np.linalg.inv(np.linalg.cholesky(shrunk)))


def _l2_normalize(embeddings: npt.ArrayLike) -> Float64Array:
    rows = np.asarray(embeddings, dtype=np.float64)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))
