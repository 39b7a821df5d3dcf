"""Statistics of the pixels of a dataset. numpy only.

Legend: N images, H, W, P = H * W pixels, K classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clothier.types import Float64Array, Images, Int64Array, Labels


N_LEVELS = 256  # of a uint8 pixel
BLACK, WHITE = 0, 255


@dataclass(frozen=True, slots=True, eq=False)
class PixelStatistics:
    """Counts, means and standard deviations of the gray levels, 0 to 255, of N images in K classes.

    Attributes:
        histogram: (K, 256) int64, pixels of each class at each gray level.
        class_counts: (K,) int64, images of each class.
        class_mean_images: (K, H, W) float64, the average image of each class; 0 where a class has none.
        class_std_images: (K, H, W) float64, the standard deviation of each pixel over the images of a class.
        constant_pixels: pixels that have one gray level in all N images.
    """

    histogram: Int64Array
    class_counts: Int64Array
    class_mean_images: Float64Array
    class_std_images: Float64Array
    constant_pixels: int

    @property
    def present_classes(self) -> list[int]:
        """Labels of the classes that have images."""
        return [int(label) for label in np.flatnonzero(self.class_counts)]

    @property
    def mean_image(self) -> Float64Array:
        """(H, W) float64, the average of all N images."""
        return np.asarray(np.tensordot(self.class_counts, self.class_mean_images, axes=1) / self.class_counts.sum())

    @property
    def std_image(self) -> Float64Array:
        """(H, W) float64, the standard deviation of each pixel over all N images."""
        squares = self.class_std_images**2 + (self.class_mean_images - self.mean_image) ** 2
        return np.asarray(np.sqrt(np.tensordot(self.class_counts, squares, axes=1) / self.class_counts.sum()))

    def fraction_at(self, level: int) -> float:
        """Fraction of all pixels that have this gray level."""
        return float(self.histogram[:, level].sum() / self.histogram.sum())

    def to_json(self, classes: Sequence[str]) -> dict[str, Any]:
        """As ``explore.json`` holds it, with the names of the K ``classes``; gray levels of 255."""
        total = self.histogram.sum(axis=0)
        return {
            "n": int(self.class_counts.sum()),
            **_summary(total),
            "white_fraction": self.fraction_at(WHITE),
            "constant_pixels": self.constant_pixels,
            "per_class": [
                {"class": classes[label], "n": int(self.class_counts[label]), **_summary(self.histogram[label])}
                for label in self.present_classes
            ],
            "histogram": total.tolist(),
        }


def describe_pixels(images: Images, labels: Labels, n_classes: int) -> PixelStatistics:
    """Counts gray levels and averages images, class by class.

    Args:
        images: (N, H, W) uint8, N of 1 or more.
        labels: (N,) 0 to K - 1.
        n_classes: K.

    Raises:
        DataError: no images, not a label for each, or labels that are not 0 to K - 1.
    """
    if not len(images) == len(labels) > 0 or not 0 <= labels.min() <= labels.max() < n_classes:
        found = f"labels from {labels.min()} to {labels.max()}" if len(labels) else "no labels"
        raise DataError(f"got {len(images)} images, {len(labels)} {found} and {n_classes} classes; they do not match.")
    shape = images.shape[1:]
    histogram = np.zeros((n_classes, N_LEVELS), np.int64)
    means, deviations = np.zeros((n_classes, *shape)), np.zeros((n_classes, *shape))
    for label in np.unique(labels):
        of_class = images[labels == label]
        histogram[label] = np.bincount(of_class.ravel(), minlength=N_LEVELS)
        means[label], deviations[label] = of_class.mean(axis=0), of_class.std(axis=0)
    constant = int((images.min(axis=0) == images.max(axis=0)).sum())
    return PixelStatistics(histogram, np.bincount(labels, minlength=n_classes), means, deviations, constant)


def histogram_mean_std(counts: Int64Array) -> tuple[float, float]:
    """Mean and standard deviation of the gray levels that (256,) ``counts`` counts."""
    levels, n = np.arange(N_LEVELS), int(counts.sum())
    first, second = int(counts @ levels), int(counts @ levels**2)
    return first / n, math.sqrt(n * second - first**2) / n  # integers of any size: no cancellation


def _summary(counts: Int64Array) -> dict[str, float]:
    mean, deviation = histogram_mean_std(counts)
    return {"mean": mean, "standard_deviation": deviation, "black_fraction": float(counts[BLACK] / counts.sum())}
