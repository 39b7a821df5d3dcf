"""The repulsive force between the points of a map, from a potential on a grid.

t-SNE's repulsion on a point y is sum_j q_j^2 (y - y_j) with q_j = 1 / (1 + |y - y_j|^2), which is -1/2 of the slope of
the potential phi(y) = sum_j q_j. The sum of phi over all points, minus their own terms, is t-SNE's normalization Z. So
one scalar potential gives both. It is the convolution of the points with 1 / (1 + r^2): two Fourier transforms.

FIt-SNE (Linderman et al. 2019, 10.1038/s41592-018-0308-4) convolves four charges with polynomials on 3 x 3 nodes per
unit. Cubic splines instead of polynomials can be differentiated, so one charge is enough, and with two nodes per unit
they are closer to the exact sums.

Legend: M points in the plane, m nodes along each side of the grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import scipy.fft

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.types import Float64Array

    Reals = npt.NDArray[Any]  # float32 or float64, like the grid

SPACING = (
    0.5  # between nodes, in the unit of 1 / (1 + r^2); relative error of the force on maps: 2 to 4 % (docs/log.md)
)
FINE_SPACING, FINE_UP_TO = 0.25, 2000  # points; a few lie far apart, where it would be up to 12 %: 0.3 to 1.3 % instead
MIN_NODES = 50  # nodes along a side, for a small map
SUPPORT = 4  # nodes along each axis where a cubic spline is not zero
MARGIN = 2  # nodes beyond the outermost point
CHUNK_SIZE = 8192  # points at a time, so that the intermediate arrays fit the cache
FLOAT64_BELOW_WIDTH = 20.0  # on a narrower map, nearby potentials differ too little for float32


class Splines(NamedTuple):
    """Cubic B-splines of M points: 4 x 4 nodes (4, 4, M) of the flattened grid, weights (4, M) and derivatives."""

    nodes: npt.NDArray[np.int32]
    x: Reals
    y: Reals
    dx: Reals
    dy: Reals


@dataclass(frozen=True, slots=True)
class Grid:
    """Equally spaced nodes on a square.

    Attributes:
        corner: (2,) float64, position of the first node.
        spacing: between nodes.
        n_nodes: m.
        dtype: float64 for small maps, else float32.
    """

    corner: Float64Array
    spacing: float
    n_nodes: int
    dtype: type[np.floating[Any]]

    @classmethod
    def covering(cls, points: Float64Array, spacing: float) -> Grid:
        """The grid that covers ``points``, (M, 2), with ``spacing`` or less."""
        lowest = points.min(axis=0)
        width = float((points.max(axis=0) - lowest).max())
        step = min(spacing, width / MIN_NODES) or spacing
        nodes = int(width / step) + 2 * MARGIN + 1
        # Half a node of extra margin: rounding must not move the outermost point over the edge.
        return cls(lowest - 1.5 * step, step, nodes, np.float64 if width < FLOAT64_BELOW_WIDTH else np.float32)

    def splines(self, points: Float64Array) -> Splines:
        """The splines of ``points`` within the square."""
        coordinates = (points - self.corner).T / self.spacing
        node = coordinates.astype(np.int32)
        (x, y), (dx, dy) = _cubic_bsplines((coordinates - node).astype(self.dtype))
        first = (node[0] - 1) * self.n_nodes + node[1] - 1
        steps = np.arange(SUPPORT, dtype=np.int32)
        return Splines(first + (steps[:, np.newaxis] * self.n_nodes + steps)[:, :, np.newaxis], x, y, dx, dy)


@dataclass(frozen=True, slots=True, eq=False)
class PotentialGrid:
    """The potential of a set of points; ``coefficients`` (m * m,) of the splines at the nodes of ``grid``."""

    grid: Grid
    coefficients: Reals

    @classmethod
    def from_points(cls, points: Float64Array, spacing: float | None = None) -> PotentialGrid:
        """The potential of ``points``, (M, 2) float64; a finer grid for few."""
        grid = Grid.covering(points, spacing or (FINE_SPACING if len(points) <= FINE_UP_TO else SPACING))
        density = np.zeros(grid.n_nodes**2)
        for start in range(0, len(points), CHUNK_SIZE):
            splines = grid.splines(points[start : start + CHUNK_SIZE])
            weights = splines.x[:, np.newaxis] * splines.y
            density += np.bincount(splines.nodes.ravel(), weights.ravel(), len(density))
        return cls(grid, _convolve(density.astype(grid.dtype).reshape(grid.n_nodes, -1), grid))

    def evaluate(self, points: Float64Array) -> tuple[Float64Array, Float64Array]:
        """Potential (M,) and slope (M, 2) float64 at ``points``, (M, 2), within the grid."""
        potential, slope = np.empty(len(points)), np.empty((len(points), 2))
        for start in range(0, len(points), CHUNK_SIZE):
            part = slice(start, start + CHUNK_SIZE)
            splines = self.grid.splines(points[part])
            around = self.coefficients.take(splines.nodes)
            along_x, slope_y = ((around * weights).sum(axis=1) for weights in (splines.y, splines.dy))
            potential[part] = (along_x * splines.x).sum(axis=0)
            slope[part, 0] = (along_x * splines.dx).sum(axis=0)
            slope[part, 1] = (slope_y * splines.x).sum(axis=0)
        return potential, slope / self.grid.spacing


def _cubic_bsplines(t: Reals) -> tuple[Reals, Reals]:
    """The four cubic B-splines that are not zero at ``t`` (2, M), 0 to 1 between two nodes, and their derivatives.

    Returns:
        Two of (2, 4, M).
    """
    u = 1 - t
    values = [u * u * u / 6, 2 / 3 - t * t * (1 - t / 2), 2 / 3 - u * u * (1 - u / 2), t * t * t / 6]
    slopes = [u * u / -2, t * (1.5 * t - 2), u * (2 - 1.5 * u), t * t / 2]
    return np.stack(values, axis=1), np.stack(slopes, axis=1)


def _convolve(density: Reals, grid: Grid) -> Reals:
    """The spline coefficients of the potential, flattened; zero padding makes the convolution linear, not circular."""
    padded = scipy.fft.next_fast_len(2 * grid.n_nodes, real=True)
    spectrum = scipy.fft.fft(scipy.fft.rfft(density, padded, axis=1), padded, axis=0, overwrite_x=True)
    spectrum *= _kernel(padded, grid.spacing, np.dtype(grid.dtype).name)
    rows = scipy.fft.ifft(spectrum, axis=0, overwrite_x=True)[: grid.n_nodes]
    return np.ascontiguousarray(scipy.fft.irfft(rows, padded, axis=1)[:, : grid.n_nodes]).ravel()


@lru_cache(maxsize=4)
def _kernel(padded_size: int, spacing: float, dtype: str) -> Reals:
    """The transform of 1 / (1 + r^2), divided twice by that of the splines at the nodes: once per side.

    The division is the prefilter of spline interpolation (Unser 1999, 10.1109/79.799930): the splines then interpolate
    the kernel's values at the nodes instead of smoothing them.
    """
    steps = np.arange(padded_size)
    squares = (np.minimum(steps, padded_size - steps) * spacing) ** 2
    kernel = scipy.fft.rfft2(1 / (1 + squares[:, np.newaxis] + squares)).real
    spline = (2 + np.cos(2 * np.pi * steps / padded_size)) / 3
    return np.asarray(kernel / np.outer(spline, spline[: padded_size // 2 + 1]) ** 2, dtype)
