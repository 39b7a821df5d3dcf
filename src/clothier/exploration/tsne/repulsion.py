"""The force that drives the points of a map apart, from a potential on a grid.

t-SNE's repulsion on a point y is sum_j q_j^2 (y - y_j) with q_j = 1 / (1 + |y - y_j|^2), which is -1/2 of the slope of
the potential phi(y) = sum_j q_j; and the sum of phi over all points, less their own terms, is t-SNE's normalisation Z.
So one scalar potential gives both. It is the convolution of the points with 1 / (1 + r^2): two Fourier transforms.

FIt-SNE (Linderman et al. 2019, 10.1038/s41592-018-0308-4) convolves four charges with polynomials on 3 x 3 nodes a
unit. Cubic splines in place of polynomials have a slope of their own, so one charge is enough, and at two nodes a unit
they come nearer to the exact sums.

Legend: M points of the plane, m nodes along each side of the grid, n along a side of its padded transform.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.fft

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    Doubles = npt.NDArray[np.float64]
    Reals = npt.NDArray[Any]  # float32 or float64, as the grid is

SPACING = 0.5  # between nodes, in the unit of 1 / (1 + r^2); relative error of the force 0.2 to 3 %, see docs/log.md
MIN_NODES = 50  # nodes along a side, so that a small map is resolved as well
SUPPORT = 4  # nodes along each axis that a cubic spline reaches
MARGIN = 2  # nodes beyond the outermost point that its splines reach
CHUNK_SIZE = 8192  # points at a time, so that what is made of them stays in the processor's cache
FLOAT64_BELOW_WIDTH = 20.0  # width of a map up to which neighbouring potentials differ by too little for float32


@dataclass(frozen=True, slots=True)
class Grid:
    """Nodes of equal spacing over a square of the plane.

    Attributes:
        corner: (2,) float64, where the first node lies.
        spacing: between nodes.
        n_nodes: m.
        dtype: float64 for small maps, else float32.
    """

    corner: Doubles
    spacing: float
    n_nodes: int
    dtype: type[np.floating[Any]]

    @classmethod
    def covering(cls, points: Doubles, spacing: float) -> Grid:
        """The grid that covers ``points``, (M, 2), at ``spacing`` or, where they lie close together, less."""
        lowest = points.min(axis=0)
        width = float((points.max(axis=0) - lowest).max())
        step = min(spacing, width / MIN_NODES) or spacing
        nodes = int(width / step) + 2 * MARGIN + 1
        # Half a node more than the splines reach: rounding must not carry the outermost point over the edge.
        return cls(lowest - 1.5 * step, step, nodes, np.float64 if width < FLOAT64_BELOW_WIDTH else np.float32)

    def splines(self, points: Doubles) -> Splines:
        """How ``points`` within the square share in the nodes around them."""
        places = (points - self.corner).T / self.spacing
        whole = places.astype(np.int32)
        (x, y), (dx, dy) = _cubic_bsplines((places - whole).astype(self.dtype))
        first = (whole[0] - 1) * self.n_nodes + whole[1] - 1
        steps = np.arange(SUPPORT, dtype=np.int32)
        return Splines(first + (steps[:, np.newaxis] * self.n_nodes + steps)[:, :, np.newaxis], x, y, dx, dy)


@dataclass(frozen=True, slots=True, eq=False)
class Splines:
    """The cubic B-splines of M points: 4 x 4 nodes each.

    Attributes:
        node_indices: (4, 4, M) int32, places in the flattened grid.
        x, y: (4, M), the weights along each axis.
        dx, dy: (4, M), their derivatives, per node spacing.
    """

    node_indices: npt.NDArray[np.int32]
    x_weights: Reals
    y_weights: Reals
    x_derivatives: Reals
    y_derivatives: Reals


@dataclass(frozen=True, slots=True, eq=False)
class PotentialGrid:
    """The potential of a set of points.

    Attributes:
        grid: where its nodes lie.
        coefficients: (m * m,), the coefficients of the splines at the nodes.
    """

    grid: Grid
    coefficients: Reals

    @classmethod
    def from_points(cls, points: Doubles, spacing: float = SPACING) -> PotentialGrid:
        """The potential of ``points``, (M, 2) float64."""
        grid = Grid.covering(points, spacing)
        density = np.zeros(grid.n_nodes**2)
        for part in _chunks(points):
            splines = grid.splines(part)
            shares = splines.x_weights[:, np.newaxis] * splines.y_weights
            density += np.bincount(splines.node_indices.ravel(), shares.ravel(), len(density))
        return cls(grid, _convolve(density.astype(grid.dtype).reshape(grid.n_nodes, -1), grid))

    def evaluate(self, points: Doubles) -> tuple[Doubles, Doubles]:
        """Potential (M,) and slope (M, 2) float64 at ``points``, (M, 2), which lie within the grid."""
        potential, slope = np.empty(len(points)), np.empty((len(points), 2))
        for start in range(0, len(points), CHUNK_SIZE):
            part = slice(start, start + CHUNK_SIZE)
            potential[part], slope[part, 0], slope[part, 1] = self._interpolate(self.grid.splines(points[part]))
        return potential, slope / self.grid.spacing

    def _interpolate(self, splines: Splines) -> tuple[Reals, Reals, Reals]:
        """Potential and its derivatives per node spacing, (M,) each."""
        around = self.coefficients.take(splines.node_indices)
        along_x, slope_y = ((around * weights).sum(axis=1) for weights in (splines.y_weights, splines.y_derivatives))
        sums = ((along_x, splines.x_weights), (along_x, splines.x_derivatives), (slope_y, splines.x_weights))
        potential, dx, dy = ((values * weights).sum(axis=0) for values, weights in sums)
        return potential, dx, dy


def _chunks(points: Doubles) -> Iterator[Doubles]:
    for start in range(0, len(points), CHUNK_SIZE):
        yield points[start : start + CHUNK_SIZE]


def _cubic_bsplines(t: Reals) -> tuple[Reals, Reals]:
    """The four cubic B-splines that reach places ``t`` (2, M) between two nodes, 0 to 1, and their derivatives.

    Returns:
        Two of (2, 4, M).
    """
    u = 1 - t
    values = [u * u * u / 6, 2 / 3 - t * t * (1 - t / 2), 2 / 3 - u * u * (1 - u / 2), t * t * t / 6]
    slopes = [u * u / -2, t * (1.5 * t - 2), u * (2 - 1.5 * u), t * t / 2]
    return np.stack(values, axis=1), np.stack(slopes, axis=1)


def _convolve(density: Reals, grid: Grid) -> Reals:
    """The spline coefficients of the potential, flattened; zeros beyond the square keep its ends from meeting."""
    padded = scipy.fft.next_fast_len(2 * grid.n_nodes, real=True)
    waves = scipy.fft.fft(scipy.fft.rfft(density, padded, axis=1), padded, axis=0, overwrite_x=True)
    waves *= _kernel(padded, grid.spacing, np.dtype(grid.dtype).name)
    back = scipy.fft.ifft(waves, axis=0, overwrite_x=True)[: grid.n_nodes]
    return np.ascontiguousarray(scipy.fft.irfft(back, padded, axis=1)[:, : grid.n_nodes]).ravel()


@lru_cache(maxsize=4)
def _kernel(padded_size: int, spacing: float, dtype: str) -> Reals:
    """The transform of 1 / (1 + r^2), divided by that of the splines at the nodes, twice: once a side.

    The division is the prefilter of spline interpolation (Unser 1999, 10.1109/79.799930): the splines then go through
    the kernel's values at the nodes in place of smoothing them.
    """
    steps = np.arange(padded_size)
    squares = (np.minimum(steps, padded_size - steps) * spacing) ** 2
    kernel = scipy.fft.rfft2(1 / (1 + squares[:, np.newaxis] + squares)).real
    spline = (2 + np.cos(2 * np.pi * steps / padded_size)) / 3
    return np.asarray(kernel / np.outer(spline, spline[: padded_size // 2 + 1]) ** 2, dtype)
