import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from clothier.data.splits import stratified_folds, stratified_split
from clothier.errors import DataError

FASHION = np.random.default_rng(0).permutation(np.repeat(np.arange(10), 6000))


def test_the_split_is_that_of_the_reference_study() -> None:
    train, validation = stratified_split(FASHION, 12_000)
    theirs = train_test_split(np.arange(60_000), test_size=0.2, stratify=FASHION, random_state=42)
    assert np.array_equal(train, theirs[0])
    assert np.array_equal(validation, theirs[1])
    assert (len(train), len(validation)) == (48_000, 12_000)


def test_a_split_is_stratified_and_complete() -> None:
    train, validation = stratified_split(FASHION, 5_000, seed=1)
    assert np.bincount(FASHION[validation]).tolist() == [500] * 10
    assert np.bincount(FASHION[train]).tolist() == [5500] * 10
    assert np.array_equal(np.sort(np.concatenate([train, validation])), np.arange(60_000))


def test_the_seed_determines_the_split() -> None:
    first, again, other = (stratified_split(FASHION, 100, seed)[1].tolist() for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    ("labels", "n_validation", "sentence"),
    [
        ([0, 0, 0, 1], 2, "class 1 has 1 image"),
        ([], 1, "there are no images to split"),
        ([0, 0, 1, 1], 1, "cannot use 1 of 4 images in 2 classes for validation; 2 to 2 are possible"),
        ([0] * 5 + [1] * 5, 9, "cannot use 9 of 10 images in 2 classes for validation; 2 to 8 are possible"),
    ],
)
def test_too_few_images(labels: list[int], n_validation: int, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        stratified_split(np.array(labels, np.int64), n_validation)


def test_folds_cover_every_image_once_and_are_stratified() -> None:
    labels = np.random.default_rng(0).integers(0, 4, 403)
    folds = stratified_folds(labels, 3, seed=5)
    assert sorted(np.concatenate(folds).tolist()) == list(range(403))
    counts = np.array([np.bincount(labels[fold], minlength=4) for fold in folds])
    assert np.ptp(counts, axis=0).max() <= 1
    assert np.ptp(counts.sum(axis=1)) <= 1
    again, other = stratified_folds(labels, 3, seed=5), stratified_folds(labels, 3, seed=6)
    assert all(np.array_equal(one, same) for one, same in zip(folds, again, strict=True))
    assert not all(np.array_equal(one, same) for one, same in zip(folds, other, strict=True))


def test_groups_are_not_split() -> None:
    labels = np.arange(90) % 3
    groups = ((0, 3, 6, 9), (1, 2), (4, 88, 89), (50, 53))
    for seed in range(5):
        folds = stratified_folds(labels, 3, seed, groups)
        assert sorted(np.concatenate(folds).tolist()) == list(range(90))
        for group in groups:
            assert sum(bool(set(group) & set(fold.tolist())) for fold in folds) == 1


def test_too_few_images_of_a_class_for_the_folds() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1])
    stratified_folds(labels, 3)
    with pytest.raises(DataError, match="class 1 has 2 images, duplicates counted once; 3 folds need 3 or more"):
        stratified_folds(labels, 3, groups=[(3, 4)])
