"""Recognizes a catalogue that is unlike the photos from which a model's risk guarantee was made (dataset shift).

A photo's distance to its five nearest reference photos (Sun et al. 2022, arXiv 2204.06507) is compared with those of
like photos to reference photos of other groups. The fraction of these that are as far is its conformal p-value (Bates
et al. 2023, arXiv 2104.08279), in the features of an early block and in the embedding; its shift score is the negative
logarithm of the smaller one. The early block sees the background, the embedding sees how a garment is worn or laid.

The mean score of a batch, as in Fisher's combination of p-values, is tested against the means of the photographers (or
other groups) of the training photos. This p-value is conformal, too, with groups as the exchangeable units (Dunn et al.
2023, arXiv 1809.07441): the fraction of groups, the batch included, whose mean is as large. So a batch by one more
photographer of the same kind is falsely called unlike with at most the probability of the level. As the mean of fewer
photos varies more, the deviation of each group's mean is scaled to the standard deviation that it would have for as
many photos as the batch (one-way random effects). docs/log.md has the experiments.

Legend: N photos, F early features, D embedding, P principal components of both, R reference photos, M like photos, G
groups.
"""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from clothier.bundle import EXPORT_HINT
from clothier.errors import DataError, ModelError
from clothier.selective.feature_space import N_NEIGHBORS, knn_distances, project_features, whiten
from clothier.selective.npz import check_arrays, read_arrays
from clothier.selective.thresholds import format_percent
from clothier.types import CatalogueShift
from clothier.untrusted import DAMAGED_ARRAYS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from clothier.types import Float64Array, Floats, Int64Array, Labels

    Float16Array = npt.NDArray[np.float16]

MIN_BATCH = 30  # photos that a batch needs
MIN_GROUP = 5  # photos of a group whose mean counts
LEVEL, MAX_LEVEL = 0.01, 0.05  # of the test; it is higher than LEVEL where there are fewer than 99 groups
MIN_GROUPS = round(1 / MAX_LEVEL) - 1
UNLIKE_SHARE = 0.05  # of like photos that count as unlike
EARLY_COMPONENTS = EMBEDDING_COMPONENTS = 24
REFERENCE_PER_GROUP = 20  # photos, so that no group dominates
MAX_REFERENCE = 5_000  # photos that a calibration adds
MAX_FEATURE = 1_000.0  # standard deviations; float16 holds it
NO_GROUP = -1  # of reference photos that are compared with photos of any group


@dataclass(frozen=True, eq=False)
class ShiftDetector:
    """Reference photos, and how far like photos are from them.

    Attributes:
        early_mean: (F,) float32, of the square roots of the early features.
        early_projection: (P1, F) float32, whitens them.
        embedding_mean: (D,) float32, of the square roots of the embeddings.
        embedding_projection: (P2, D) float32, whitens them.
        reference: (R, P) float32, projected features of the reference photos.
        distances: (M, 2) float32, of like photos to reference photos of other groups, in both spaces.
        scores: (S,) float32, shift scores of the photos whose groups the test compares with.
        groups: (S,) float32, their groups, whole numbers.
        limit: () float32, the score that :data:`UNLIKE_SHARE` of the like photos exceed.
    """

    early_mean: Floats
    early_projection: Floats
    embedding_mean: Floats
    embedding_projection: Floats
    reference: Floats
    distances: Floats
    scores: Floats
    groups: Floats
    limit: Floats

    def project(self, early_features: npt.ArrayLike, embeddings: npt.ArrayLike) -> Float16Array:
        """(N, P) float16: all that the scores need, from (N, F) early features and (N, D) embeddings."""
        parts = (
            project_features(early_features, self.early_mean, self.early_projection),
            project_features(embeddings, self.embedding_mean, self.embedding_projection),
        )
        return np.concatenate(parts, axis=1).clip(-MAX_FEATURE, MAX_FEATURE).astype(np.float16)

    def score(self, features: npt.ArrayLike) -> Float64Array:
        """Shift scores (N,) of projected features (N, P): 0 or more, about 1.5 on average for like photos."""
        return shift_scores(self.distances_to_reference(np.asarray(features, np.float32)), self._sorted_distances)

    def test(self, features: npt.ArrayLike) -> CatalogueShift:
        """Tests whether a batch of N photos is unlike the photos of the guarantee, from projected features (N, P).

        Raises:
            DataError: features are not finite.
        """
        rows = np.asarray(features, np.float32)
        if not np.isfinite(rows).all():
            raise DataError("shift features are not finite. Run the model on these photos again.")
        if len(rows) < MIN_BATCH:
            return CatalogueShift(len(rows), None, None, None, UNLIKE_SHARE)
        scores = self.score(rows)
        p_value = self.p_value(float(scores.mean()), len(rows))
        share = float((scores > self.limit).mean())
        return CatalogueShift(len(rows), p_value <= self.level, p_value, share, UNLIKE_SHARE)

    def p_value(self, mean_score: float, n: int) -> float:
        """Fraction of the groups and the batch itself whose mean score for ``n`` photos is at least ``mean_score``."""
        means, sizes, within = self._group_means
        between = max(float(means.var(ddof=1) - (within / sizes).mean()), 0.0)
        expected, variance = means.mean(), between + within / sizes
        scale = np.sqrt((between + within / n) / np.maximum(variance, 1e-12))
        null = expected + (means - expected) * scale
        return float((1 + (null >= mean_score).sum()) / (1 + len(null)))

    @property
    def level(self) -> float:
        """The largest p-value of a batch that is called unlike: the probability of a false alarm."""
        return max(LEVEL, 1 / (1 + len(self._group_means[0])))

    def recalibrated(self, features: npt.ArrayLike, groups: Int64Array) -> ShiftDetector:
        """The detector for photos like those with these projected features (N, P), which it takes as like.

        Photos of none of the model's classes must not be among them, or catalogues of such photos would be like.
        They are added to the reference. Scores then compare with their distances to photos of other ``groups`` (N,).
        The test compares with the groups of training, which say how much catalogues of one kind differ, and with
        theirs. The photos replace those of an earlier calibration.
        """
        rows, trained = np.asarray(features, np.float32), self._as_trained()
        added = np.random.default_rng(0).permutation(len(rows))[:MAX_REFERENCE]
        own = np.concatenate([np.full(len(trained.reference), NO_GROUP), groups[added]])
        larger = replace(trained, reference=np.concatenate([trained.reference, rows[added]]))
        like = like_statistics(larger.distances_to_reference(rows, groups, own))
        new_groups = np.unique(groups, return_inverse=True)[1] + trained.groups.max() + 1
        all_groups = np.concatenate([trained.groups, new_groups]).astype(np.float32)
        scores = np.concatenate([trained.scores, like["scores"]])
        return replace(larger, **like | {"scores": scores, "groups": all_groups})

    def _as_trained(self) -> ShiftDetector:
        """The detector without the photos of a calibration; ``distances`` and ``limit`` stay those of the calibration.

        Training makes a score and a distance of each reference photo. A calibration adds scores and reference photos
        behind them, and replaces the distances by one for each score that it adds. If the same photos stayed in the
        reference, which does not say their groups, each would find itself at a distance of 0.
        """
        n = len(self.scores) - len(self.distances) or len(self.scores)
        return replace(self, reference=self.reference[:n], scores=self.scores[:n], groups=self.groups[:n])

    def with_features(self, early_features: Floats, embeddings: Floats) -> ShiftDetector:
        """The detector for another graph of the same network, which rounds features otherwise, such as an int8 graph.

        ``early_features`` (R, F) and ``embeddings`` (R, D) are those of the reference photos by that graph, in their
        order. A recalibrated detector, whose reference photos are not all of known groups, cannot be converted.
        """
        mean, projection = whiten(early_features, EARLY_COMPONENTS)
        early, groups = project_features(early_features, mean, projection), self.groups.astype(np.int64)
        embedded = project_features(embeddings, self.embedding_mean, self.embedding_projection)
        distances = np.stack([knn_distances(early, early, groups, groups), self.distances[:, 1]], axis=1)
        reference = np.concatenate([early, embedded], axis=1)
        return replace(
            self, early_mean=mean, early_projection=projection, reference=reference, **like_statistics(distances)
        )

    def projection_bytes(self) -> bytes:
        """What determines :meth:`project`; a calibration does not change it."""
        names = ("early_mean", "early_projection", "embedding_mean", "embedding_projection")
        return b"".join(getattr(self, name).astype(np.float32).tobytes() for name in names)

    def to_bytes(self) -> bytes:
        """The content of ``shift.npz``, always the same bytes: large arrays in float16, the rest in float32."""
        small = {name: getattr(self, name).astype(np.float16) for name in ("embedding_projection", "reference")}
        file = io.BytesIO()
        np.savez_compressed(file, **asdict(self) | small)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes, path: Path, n_early: int, n_embedding: int) -> ShiftDetector:
        """Reads a bundle's ``shift.npz``.

        Args:
            content: of the file.
            path: of the file, for messages.
            n_early: F, of the model's early features.
            n_embedding: D, of the model's embeddings.

        Raises:
            ModelError: the file is damaged, or its arrays do not match each other or the model.
        """
        try:
            detector = cls(**read_arrays(content, (one.name for one in fields(cls))))
            detector._check(n_early, n_embedding)
        except DAMAGED_ARRAYS as error:
            raise ModelError(f"{path} is damaged: {error}. {EXPORT_HINT}") from error
        return detector

    def _check(self, n_early: int, n_embedding: int) -> None:
        """Raises ValueError if the arrays do not match each other or the model, or are not finite."""
        first, second, n = len(self.early_projection), len(self.embedding_projection), len(self.scores)
        r, m = len(self.reference), len(self.distances)
        expected = [(n_early,), (first, n_early), (n_embedding,), (second, n_embedding), (r, first + second)]
        expected += [(m, 2), (n,), (n,), ()]
        check_arrays(asdict(self), expected)
        if n < m:
            raise ValueError(f"it has {m} distances, more than its {n} scores")
        if r < N_NEIGHBORS:
            raise ValueError(f"it has {r} reference photos, fewer than {N_NEIGHBORS}")
        if len(self._group_means[0]) < MIN_GROUPS:
            raise ValueError(f"it has {len(self._group_means[0])} groups, fewer than {MIN_GROUPS}")

    def distances_to_reference(
        self, features: Floats, groups: Int64Array | None = None, reference_groups: Int64Array | None = None
    ) -> Float64Array:
        """(N, 2) distances of projected features in both spaces, to photos of other groups where groups are given."""
        split = len(self.early_projection)
        spaces = (features[:, :split], self.reference[:, :split]), (features[:, split:], self.reference[:, split:])
        return np.stack([knn_distances(*one, groups, reference_groups) for one in spaces], axis=1)

    @cached_property
    def _sorted_distances(self) -> Floats:
        return np.sort(self.distances, axis=0)

    @cached_property
    def _group_means(self) -> tuple[Float64Array, Int64Array, float]:
        """(G,) mean scores and (G,) sizes of the groups that count, and the variance within groups."""
        _, indices, counts = np.unique(self.groups, return_inverse=True, return_counts=True)
        scores = self.scores.astype(np.float64)
        means = np.bincount(indices, scores) / counts
        counted = counts >= MIN_GROUP
        squares = np.bincount(indices, (scores - means[indices]) ** 2)[counted].sum()
        return means[counted], counts[counted], float(squares / max((counts[counted] - 1).sum(), 1))


def fit_shift_detector(
    early_features: Floats, embeddings: Floats, embedding_distances: npt.ArrayLike, groups: Int64Array
) -> ShiftDetector | None:
    """Fits a detector to the N training photos of a model; None if there are too few groups for a test.

    Args:
        early_features: (N, F), of blocks that were not trained.
        embeddings: (N, D), of the model itself.
        embedding_distances: (N,), of each photo by a model that was not trained on it, as
            :func:`held_out_distances` computes them.
        groups: (N,), such as photographers.
    """
    if (np.unique(groups, return_counts=True)[1] >= MIN_GROUP).sum() < MIN_GROUPS:
        return None
    rows = reference_rows(groups)
    early_mean, early_projection = whiten(early_features, EARLY_COMPONENTS)
    embedding_mean, embedding_projection = whiten(embeddings, EMBEDDING_COMPONENTS)
    early = project_features(early_features[rows], early_mean, early_projection)
    embedded = project_features(embeddings[rows], embedding_mean, embedding_projection)
    early_distances = knn_distances(early, early, groups[rows], groups[rows])
    return ShiftDetector(
        early_mean,
        early_projection,
        embedding_mean,
        embedding_projection,
        reference=np.concatenate([early, embedded], axis=1),
        groups=np.unique(groups[rows], return_inverse=True)[1].astype(np.float32),
        **like_statistics(np.stack([early_distances, np.asarray(embedding_distances)[rows]], axis=1)),
    )


def held_out_distances(
    fold_embeddings: Sequence[Floats], folds: Int64Array, labels: Labels, groups: Int64Array
) -> Float64Array:
    """Distance of each of N photos to training photos in the embedding of the fold that was not trained on it.

    Args:
        fold_embeddings: (N, D) of each fold's model.
        folds: (N,), the fold that tests each photo.
        labels: (N,); photos with the label -1 were not trained on.
        groups: (N,), no group is in two folds.
    """
    distances = np.zeros(len(folds))
    for number, embeddings in enumerate(fold_embeddings):
        train, test = np.flatnonzero((folds != number) & (labels >= 0)), folds == number
        mean, projection = whiten(embeddings[train], EMBEDDING_COMPONENTS)
        reference = train[reference_rows(groups[train])]
        queries, references = (project_features(embeddings[rows], mean, projection) for rows in (test, reference))
        distances[test] = knn_distances(queries, references)
    return distances


def reference_rows(groups: Int64Array) -> Int64Array:
    """Indices of at most :data:`REFERENCE_PER_GROUP` random photos of each group, ascending."""
    order = np.random.default_rng(0).permutation(len(groups))
    order = order[np.argsort(groups[order], kind="stable")]
    _, starts, indices = np.unique(groups[order], return_index=True, return_inverse=True)
    return np.sort(order[np.arange(len(order)) - starts[indices] < REFERENCE_PER_GROUP])


def shift_reason(shift: CatalogueShift) -> str:
    """One sentence on a batch: that it is unlike, or that it is too small to tell; empty if it is like."""
    if shift.unlike is None:
        photos = "1 photo is" if shift.n == 1 else f"{shift.n} photos are"
        return f"{photos} too few to tell whether your catalogue is like the training photos; {MIN_BATCH} are needed."
    if not shift.unlike or shift.share is None:
        return ""
    return (
        f"{format_percent(round(shift.share, 2))} of these photos look unlike the training photos; "
        f"{format_percent(round(shift.expected_share, 2))} expected (p = {shift.p_value:.2g})."
    )


def shift_scores(distances: npt.ArrayLike, like: npt.NDArray[np.floating]) -> Float64Array:
    """(N,) negative logarithms of the smaller p-values of both spaces, for (N, 2) distances; ``like`` is sorted."""
    columns, n = np.asarray(distances, np.float32).T, len(like)
    nearer = [np.searchsorted(one.astype(np.float32), own) for one, own in zip(like.T, columns, strict=True)]
    return np.asarray(-np.log((1 + n - np.max(nearer, axis=0)) / (1 + n)), np.float64)


def like_statistics(distances: Float64Array) -> dict[str, Floats]:
    """What a detector knows of like photos, from their (M, 2) distances."""
    scores = shift_scores(distances, np.sort(distances, axis=0))
    return {
        "distances": distances.astype(np.float32),
        "scores": scores.astype(np.float32),
        "limit": _limit(scores),
    }


def _limit(scores: Float64Array) -> Floats:
    return np.asarray(np.quantile(scores, 1 - UNLIKE_SHARE, method="higher"), np.float32)
