"""The PCA against numpy's SVD, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import decomposition

from clothier.errors import DataError, UsageError
from clothier.exploration.pca import fit_pca


def correlated_images(n: int = 300, side: int = 6, seed: int = 1) -> np.ndarray:
    """Correlated uint8 images, so that the components differ clearly."""
    generator = np.random.default_rng(seed)
    mixing = generator.normal(size=(side * side, side * side)) * np.geomspace(60, 1, side * side)[:, None]
    pixels = 128 + generator.normal(size=(n, side * side)) @ mixing / 4
    return pixels.clip(0, 255).astype(np.uint8).reshape(n, side, side)


def flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1) / 255


def test_images_whose_covariance_would_not_fit_are_refused() -> None:
    with pytest.raises(DataError, match="at most 64x64 pixels, and got 200x200"):
        fit_pca(np.zeros((3, 200, 200), np.uint8))


def test_it_is_the_svd_of_the_centered_pixels() -> None:
    images = correlated_images(200, 5)
    centered = flat(images) - flat(images).mean(axis=0)
    _, singular, rows = np.linalg.svd(centered, full_matrices=False)
    ours = fit_pca(images)
    assert ours.explained_variance == pytest.approx(singular**2 / 199, rel=1e-9)
    assert np.abs((ours.components * rows).sum(axis=1)) == pytest.approx(1.0, abs=1e-8)
    assert ours.total_variance == pytest.approx(centered.var(axis=0, ddof=1).sum())


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.95, 0.999])
def test_a_variance_ratio_keeps_as_many_as_scikit_learn_does(share: float) -> None:
    images = correlated_images()
    reference = decomposition.PCA(share, svd_solver="full").fit(flat(images))
    assert len(fit_pca(images, share).components) == reference.n_components_
    assert fit_pca(images).n_components_for(share) == reference.n_components_


def test_floats_and_uint8_give_the_same_analysis() -> None:
    images = correlated_images()
    of_bytes, of_floats = fit_pca(images, 5), fit_pca(flat(images), 5)
    assert of_bytes.components == pytest.approx(of_floats.components, abs=1e-9)
    assert of_bytes.transform(images) == pytest.approx(of_floats.transform(flat(images)), abs=1e-6)


def test_the_covariance_comes_back_from_all_components() -> None:
    images = correlated_images()
    assert fit_pca(images).covariance == pytest.approx(np.cov(flat(images), rowvar=False), abs=1e-12)
    few = fit_pca(images[:9])  # fewer images than pixels: the rest of the components explain nothing
    assert few.covariance == pytest.approx(np.cov(flat(images[:9]), rowvar=False), abs=1e-12)
    assert few.rank == 8


def test_reconstruction_errors_are_those_of_the_reconstructions() -> None:
    images = correlated_images(50)
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
    images = correlated_images()
    found = fit_pca(images)
    features = found.transform(images)
    errors = [float(((found.inverse_transform(features[:, :r]) - flat(images)) ** 2).sum()) for r in (0, 3, 10, 36)]
    assert errors == sorted(errors, reverse=True)
    lost = found.explained_variance[3:].sum() * (len(images) - 1)
    assert errors[1] == pytest.approx(lost, rel=1e-4)


def test_a_share_beyond_what_was_kept_is_refused() -> None:
    few = fit_pca(correlated_images(), 2)
    with pytest.raises(UsageError, match=r"2 components explain .*% of the variance.* 99\.9%"):
        few.n_components_for(0.999)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5, 95.0, float("nan")])
def test_a_share_lies_between_nothing_and_everything(share: float) -> None:
    with pytest.raises(UsageError, match=f"{share} is not a fraction"):
        fit_pca(correlated_images(), share)


@pytest.mark.parametrize("count", [0, -3])
def test_a_count_starts_at_one(count: int) -> None:
    with pytest.raises(UsageError, match=f"{count} components were requested"):
        fit_pca(correlated_images(), count)


@pytest.mark.parametrize("images", [np.full((9, 4, 4), 7, np.uint8), np.full((9, 16), 0.1), np.zeros((9, 16))])
def test_constant_pixels_have_no_components(images: np.ndarray) -> None:
    with pytest.raises(DataError, match="all 9 images are the same"):
        fit_pca(images, 3)


def test_more_components_than_images_are_refused() -> None:
    with pytest.raises(DataError, match="20 components were requested; 10 images of 36 pixels have 10"):
        fit_pca(correlated_images(10), 20)


def test_one_image_is_refused() -> None:
    with pytest.raises(DataError, match="and got 1"):
        fit_pca(correlated_images(1))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_is_refused(bad: float) -> None:
    images = flat(correlated_images(20))
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
