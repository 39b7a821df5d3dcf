"""Simulated shops: who is in one, and which photos make a product."""

from __future__ import annotations

import numpy as np

from benchmarks.simulated_shops import MIN_PHOTOS_PER_CLASS, SHOP_PHOTOS, simulate_shop, simulated_products

N = 900


def test_a_shop_is_tested_on_other_photographers_of_its_fold() -> None:
    rng = np.random.default_rng(0)
    groups, folds = np.arange(N) // 9, np.arange(N) // 450
    names = rng.choice(["Dress", "Hat", "Shirt", "Not sure"], N)
    names[3] = "Scarf"
    shop = simulate_shop(names, groups, folds, 0, 1)
    assert set(folds[shop.train]) | set(folds[shop.test]) == {0}
    assert not set(groups[shop.train]) & set(groups[shop.test])
    assert SHOP_PHOTOS - 9 < len(shop.train) <= SHOP_PHOTOS
    assert shop.classes == ("Dress", "Hat", "Shirt"), "one scarf is too few, and 'Not sure' is no class"
    assert np.bincount(shop.train_labels).min() >= MIN_PHOTOS_PER_CLASS
    assert [shop.classes[label] for label in shop.test_labels] == names[shop.test].tolist()
    other = simulate_shop(names, groups, folds, 0, 2)
    assert set(groups[other.train]) != set(groups[shop.train])


def test_three_photos_of_a_class_by_a_photographer_are_a_product() -> None:
    groups, labels = np.array([1, 1, 1, 1, 2, 1, 1, 2]), np.array([0, 0, 0, 0, 0, 1, 1, 0])
    assert simulated_products(groups, labels).tolist() == [0, 0, 0, -1, -1, -1, -1, -1]
