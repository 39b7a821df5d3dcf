"""The repulsion against exact sums over all pairs."""

from __future__ import annotations

import numpy as np
import pytest
from openTSNE import _tsne

from clothier.exploration.tsne.repulsion import PotentialGrid


def exact(points: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Potential and slope of ``points``, summed pair by pair."""
    apart = at[:, None] - points
    kernel = 1 / (1 + (apart**2).sum(axis=2))
    return kernel.sum(axis=1), -2 * (kernel[..., None] ** 2 * apart).sum(axis=1)


def error(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def cloud(spread: float, n: int = 1500, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, spread, (n, 2))


# the start, the exaggerated phase and the end of a map; the error comes from pairs closer than the grid spacing
@pytest.mark.parametrize(("spread", "tolerance"), [(1e-4, 1e-6), (1, 1e-4), (6, 1e-2), (40, 7e-2)])
def test_it_is_the_sum_over_all_pairs(spread: float, tolerance: float) -> None:
    points = cloud(spread, n=6000)
    potential, slope = PotentialGrid.from_points(points).evaluate(points[:200])
    true_potential, true_slope = exact(points, points[:200])
    assert error(potential, true_potential) < tolerance / 10
    assert error(slope, true_slope) < tolerance


def test_it_is_more_accurate_than_the_polynomials_of_fit_sne() -> None:
    points = cloud(20, n=6000)
    theirs = np.zeros_like(points)
    normalization = _tsne.estimate_negative_gradient_fft_2d(
        points, theirs, n_interpolation_points=3, min_num_intervals=50, ints_in_interval=1, dof=1
    )
    slope = exact(points, points[:200])[1]
    assert error(PotentialGrid.from_points(points).evaluate(points[:200])[1], slope) < error(
        2 * normalization * theirs[:200], slope
    )


def test_a_finer_grid_is_more_accurate() -> None:
    points = cloud(30)
    slope = exact(points, points)[1]
    errors = [
        error(PotentialGrid.from_points(points, spacing).evaluate(points)[1], slope) for spacing in (1, 0.5, 0.25)
    ]
    assert errors[0] > 3 * errors[1]
    assert errors[1] > 3 * errors[2]


def test_few_points_that_lie_far_apart_have_a_finer_grid() -> None:
    points = cloud(40)
    assert error(PotentialGrid.from_points(points).evaluate(points)[1], exact(points, points)[1]) < 0.02


def test_it_can_be_evaluated_between_the_points() -> None:
    points, others = cloud(5), cloud(4, n=200, seed=1)
    potential, slope = PotentialGrid.from_points(points).evaluate(others)
    assert error(potential, exact(points, others)[0]) < 1e-3
    assert error(slope, exact(points, others)[1]) < 2e-2


def test_the_slope_is_the_derivative_of_the_potential() -> None:
    grid, point, step = PotentialGrid.from_points(cloud(2)), np.array([[0.3, -1.2]]), 1e-5
    _, slope = grid.evaluate(point)
    for axis in (0, 1):
        offset = np.zeros((1, 2))
        offset[0, axis] = step
        rise = grid.evaluate(point + offset)[0] - grid.evaluate(point - offset)[0]
        assert rise / (2 * step) == pytest.approx(slope[:, axis], rel=1e-4)


def test_opposite_ends_do_not_interact_around_the_edge() -> None:
    # a Fourier transform is periodic: without zero padding the ends would repel each other around the edge
    ends = np.array([[-100.0, 0.0], [100.0, 0.0], [0.0, 100.0]])
    _, slope = PotentialGrid.from_points(ends).evaluate(ends)
    assert abs(slope[0, 0]) < 1e-5


def test_coincident_points_and_a_single_point_have_no_slope() -> None:
    for points in (np.full((20, 2), 3.0), np.array([[7.0, -2.0]])):
        potential, slope = PotentialGrid.from_points(points).evaluate(points)
        # between two nodes the peak of the kernel is 3 % too low
        assert potential == pytest.approx(np.full(len(points), len(points)), rel=0.03)
        assert np.abs(slope).max() < 1e-4


def test_points_on_the_edge_of_the_grid_are_complete() -> None:
    for seed in range(200):  # rounding once moved the outermost point over the edge
        points = cloud(1e-3, n=12, seed=seed)
        potential, _ = PotentialGrid.from_points(points).evaluate(points)
        assert potential == pytest.approx(np.full(12, 12.0), rel=1e-3)
