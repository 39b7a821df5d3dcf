"""The PCA against numpy's SVD and scikit-learn's, and its sentences."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import decomposition

from clothier.errors import DataError, UsageError
from clothier.exploration import pca
from clothier.exploration.pca import EXACT_ROWS, fit_pca


def pictures(n: int = 300, side: int = 6, seed: int = 1) -> np.ndarray:
    """Correlated uint8 pictures, so that the components differ clearly."""
    chance = np.random.default_rng(seed)
    mixing = chance.normal(size=(side * side, side * side)) * np.geomspace(60, 1, side * side)[:, None]
    pixels = 128 + chance.normal(size=(n, side * side)) @ mixing / 4
    return pixels.clip(0, 255).astype(np.uint8).reshape(n, side, side)


def flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1) / 255


def test_it_is_scikit_learns_pca_signs_included() -> None:
    images = pictures()
    ours, reference = fit_pca(images, 12), decomposition.PCA(12, svd_solver="full").fit(flat(images))
    assert ours.mean == pytest.approx(reference.mean_, abs=1e-12)
    assert ours.components == pytest.approx(reference.components_, abs=1e-8)
    assert ours.explained_variance == pytest.approx(reference.explained_variance_, rel=1e-9)
    assert ours.cumulative_ratio == pytest.approx(np.cumsum(reference.explained_variance_ratio_))
    assert ours.transform(images) == pytest.approx(reference.transform(flat(images)), abs=1e-5)
    back = reference.inverse_transform(reference.transform(flat(images)))
    assert ours.inverse_transform(ours.transform(images)) == pytest.approx(back, abs=1e-5)


def test_a_few_components_are_the_first_of_all() -> None:
    images = pictures(300, 8)
    few, every = fit_pca(images, 8), fit_pca(images)  # 8 of 64 are found alone
    assert few.components == pytest.approx(every.components[:8], abs=1e-10)
    assert few.explained_variance == pytest.approx(every.explained_variance[:8], rel=1e-12)
    assert few.total_variance == every.total_variance
    assert few.components @ few.components.T == pytest.approx(np.eye(8), abs=1e-12)


def test_it_is_the_svd_of_the_centred_pixels() -> None:
    images = pictures(200, 5)
    centred = flat(images) - flat(images).mean(axis=0)
    _, singular, rows = np.linalg.svd(centred, full_matrices=False)
    ours = fit_pca(images)
    assert ours.explained_variance == pytest.approx(singular**2 / 199, rel=1e-9)
    assert np.abs((ours.components * rows).sum(axis=1)) == pytest.approx(1.0, abs=1e-8)
    assert ours.total_variance == pytest.approx(centred.var(axis=0, ddof=1).sum())


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.95, 0.999])
def test_a_share_keeps_as_many_as_scikit_learn_would(share: float) -> None:
    images = pictures()
    reference = decomposition.PCA(share, svd_solver="full").fit(flat(images))
    assert len(fit_pca(images, share).components) == reference.n_components_
    assert fit_pca(images).n_components_for(share) == reference.n_components_


def test_floats_and_uint8_give_the_same_analysis() -> None:
    images = pictures()
    of_bytes, of_floats = fit_pca(images, 5), fit_pca(flat(images), 5)
    assert of_bytes.components == pytest.approx(of_floats.components, abs=1e-9)
    assert of_bytes.transform(images) == pytest.approx(of_floats.transform(flat(images)), abs=1e-6)


def test_the_covariance_is_exact_on_any_chunking() -> None:
    images = pictures(2_500)
    backwards = fit_pca(images[::-1])
    assert np.array_equal(fit_pca(images).components, backwards.components)
    assert np.array_equal(fit_pca(images).explained_variance, backwards.explained_variance)


def test_the_largest_sums_are_exact() -> None:
    # black and white alone: the largest products that there are, and as many of one sign as go into a chunk
    images = np.repeat(np.array([0, 255], np.uint8), EXACT_ROWS)[:, None, None] * np.ones((1, 2, 2), np.uint8)
    images[0, 0, 0] = 1
    mean, covariance = pca._mean_and_covariance(images)
    whole = [[int(pixel) for pixel in row] for row in images.reshape(len(images), -1)]
    n = len(whole)
    for i, j in ((0, 0), (0, 1), (2, 3)):
        first, second = (sum(row[k] for row in whole) for k in (i, j))
        exact = Fraction(n * sum(row[i] * row[j] for row in whole) - first * second, n * (n - 1) * 255**2)
        assert covariance[i, j] == float(exact)
        assert mean[i] == float(Fraction(first, 255 * n))


def test_the_covariance_comes_back_from_all_components() -> None:
    images = pictures()
    assert fit_pca(images).covariance == pytest.approx(np.cov(flat(images), rowvar=False), abs=1e-12)
    few = fit_pca(images[:9])  # fewer images than pixels: the rest of the components explain nothing
    assert few.covariance == pytest.approx(np.cov(flat(images[:9]), rowvar=False), abs=1e-12)
    assert few.rank == 8


def test_reconstruction_errors_are_those_of_the_reconstructions() -> None:
    images = pictures(50)
    found = fit_pca(images)
    errors, features = found.reconstruction_errors(50), found.transform(images)
    for rank in (0, 1, 7, 36):
        difference = found.inverse_transform(features[:, :rank]) - flat(images)
        assert errors[rank] == pytest.approx(np.sqrt((difference**2).mean()), abs=1e-6)
    assert found.truncate(7).reconstruction_errors(50) == pytest.approx(errors[:8])


@given(st.integers(2, 40), st.integers(2, 5), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_all_components_lose_nothing(n: int, side: int, seed: int) -> None:
    images = np.random.default_rng(seed).integers(0, 256, (n, side, side), dtype=np.uint8)
    images[0], images[1] = 0, 255
    found = fit_pca(images)
    assert len(found.components) == min(n, side * side)
    assert found.components @ found.components.T == pytest.approx(np.eye(len(found.components)), abs=1e-9)
    assert found.cumulative_ratio[-1] == pytest.approx(1.0)
    assert (np.diff(found.explained_variance) <= 1e-12).all()
    assert found.inverse_transform(found.transform(images)) == pytest.approx(flat(images), abs=1e-4)
    assert (found.components[np.arange(len(found.components)), np.abs(found.components).argmax(axis=1)] > 0).all()


def test_fewer_features_reconstruct_more_coarsely() -> None:
    images = pictures()
    found = fit_pca(images)
    features = found.transform(images)
    errors = [float(((found.inverse_transform(features[:, :r]) - flat(images)) ** 2).sum()) for r in (0, 3, 10, 36)]
    assert errors == sorted(errors, reverse=True)
    lost = found.explained_variance[3:].sum() * (len(images) - 1)
    assert errors[1] == pytest.approx(lost, rel=1e-4)


def test_a_share_beyond_what_was_kept_is_refused() -> None:
    few = fit_pca(pictures(), 2)
    with pytest.raises(UsageError, match=r"the 2 components kept explain .*% of the variance, and 99\.9% was asked"):
        few.n_components_for(0.999)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5, 95.0, float("nan")])
def test_a_share_lies_between_nothing_and_everything(share: float) -> None:
    with pytest.raises(UsageError, match="is not a share of the variance; give a number between 0 and 1, such as"):
        fit_pca(pictures(), share)


@pytest.mark.parametrize("count", [0, -3])
def test_a_count_starts_at_one(count: int) -> None:
    with pytest.raises(UsageError, match=f"{count} components cannot be kept; ask for 1 or more"):
        fit_pca(pictures(), count)


@pytest.mark.parametrize("images", [np.full((9, 4, 4), 7, np.uint8), np.full((9, 16), 0.1), np.zeros((9, 16))])
def test_constant_pixels_have_no_components(images: np.ndarray) -> None:
    with pytest.raises(DataError, match="all 9 images are the same: pixels that never change have no components"):
        fit_pca(images, 3)


def test_more_components_than_images_are_refused() -> None:
    with pytest.raises(DataError, match="20 components were asked for, and 10 images of 36 pixels have 10 at most"):
        fit_pca(pictures(10), 20)


def test_one_image_is_refused() -> None:
    with pytest.raises(DataError, match="a PCA compares images, and got 1"):
        fit_pca(pictures(1))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_is_refused(bad: float) -> None:
    images = flat(pictures(20))
    images[3, 4] = bad
    with pytest.raises(DataError, match="the images hold NaN or infinity"):
        fit_pca(images)


@pytest.mark.slow
def test_the_studys_components_are_found_again() -> None:
    from clothier.data.sources import load_fashion_mnist

    found = fit_pca(load_fashion_mnist().train.images)
    assert found.n_components_for(0.95) == 187
    # The study's report reads "87 components cover about 90 %" off its curve. They do; 84 are enough.
    assert found.cumulative_ratio[86] == pytest.approx(0.903, abs=5e-4)
    assert found.n_components_for(0.90) == 84
