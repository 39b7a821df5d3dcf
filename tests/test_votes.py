"""Photos of a product vote on its class."""

from __future__ import annotations

import numpy as np
import pytest

from clothier.votes import evaluate_products, vote_on_products

PROBABILITIES = np.array([[0.6, 0.4], [0.6, 0.4], [0.02, 0.98], [0.9, 0.1], [0.3, 0.7]])
PRODUCTS = np.array([7, 7, 7, 2, 9])


def test_the_vote_is_the_normalized_geometric_mean() -> None:
    votes = vote_on_products(PROBABILITIES, PRODUCTS)
    assert (votes.products.tolist(), votes.counts.tolist()) == ([2, 7, 9], [1, 3, 1])
    means = np.exp(np.log(PROBABILITIES[:3]).mean(axis=0))
    assert votes.probabilities[1] == pytest.approx(means / means.sum())
    assert votes.probabilities[1].argmax() == 1, "the sure photo outweighs two that are unsure"
    assert votes.probabilities[[0, 2]] == pytest.approx(PROBABILITIES[3:]), "a single photo keeps its probabilities"


def test_a_probability_of_zero_leaves_the_vote_finite() -> None:
    votes = vote_on_products([[0.0, 1.0], [1.0, 0.0], [0.6, 0.4]], [0, 0, 0])
    assert np.isfinite(votes.probabilities).all()
    assert votes.probabilities.sum() == pytest.approx(1)
    assert votes.probabilities.argmax() == 0


def test_products_and_their_photos_are_evaluated() -> None:
    found = evaluate_products(PROBABILITIES, np.array([1, 1, 1, 0, 0]), PRODUCTS)
    assert found == {
        "n": 3,
        "n_photos": 5,
        "accuracy": pytest.approx(2 / 3),
        "photo_accuracy": pytest.approx(2 / 5),
        "n_mixed_labels": 0,
        "many_photos": {"n": 1, "n_photos": 3, "accuracy": 1.0, "photo_accuracy": pytest.approx(1 / 3)},
    }


def test_products_with_several_labels_are_left_out_and_counted() -> None:
    found = evaluate_products(PROBABILITIES, np.array([1, 0, 1, 0, 0]), PRODUCTS)
    assert (found["n"], found["n_photos"], found["n_mixed_labels"]) == (2, 2, 1)
    assert found["many_photos"] == {"n": 0, "n_photos": 0, "accuracy": None, "photo_accuracy": None}


def test_photos_without_a_product_are_left_out() -> None:
    labels = np.array([1, 1, 1, 0, 0])
    found = evaluate_products(PROBABILITIES, labels, np.array([-1, 7, 7, -1, 9]))
    assert (found["n"], found["n_photos"], found["n_mixed_labels"]) == (2, 3, 0)
    none = evaluate_products(PROBABILITIES, labels, np.full(5, -1))
    assert (none["n"], none["n_photos"], none["accuracy"]) == (0, 0, None)
