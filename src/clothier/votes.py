"""Photos of one product vote on its class.

The vote is the mean of the photos' log-probabilities, normalized: the product of experts (Hinton 2002, Neural
Computation 14:1771-1800) with equal weights that sum to one. A photo that excludes a class outweighs an unsure one.

Legend: N photos, P products, K classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from clothier.data.photo_table import NO_PRODUCT
from clothier.metrics import MIN_PROBABILITY, softmax

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.types import Float64Array, Int64Array, Labels

MANY_PHOTOS = 3  # photos a product, of the products that are evaluated separately


class ProductVotes(NamedTuple):
    """The votes on P products."""

    products: Int64Array  # (P,), ascending
    probabilities: Float64Array  # (P, K)
    counts: Int64Array  # (P,), photos of each


def log_probabilities(probabilities: npt.ArrayLike) -> Float64Array:
    """Finite logarithms of probabilities."""
    return np.log(np.maximum(np.asarray(probabilities, np.float64), MIN_PROBABILITY))


def vote_on_products(probabilities: npt.ArrayLike, products: npt.ArrayLike) -> ProductVotes:
    """The votes of photos with ``probabilities`` (N, K), each of one of the ``products`` (N,) of integers."""
    found, index, counts = np.unique(np.asarray(products), return_inverse=True, return_counts=True)
    values = log_probabilities(probabilities)
    sums = np.zeros((len(found), values.shape[1]))
    np.add.at(sums, index, values)
    return ProductVotes(found, softmax(sums / counts[:, None]), counts)


def evaluate_products(probabilities: npt.ArrayLike, labels: Labels, products: npt.ArrayLike) -> dict[str, Any]:
    """Accuracy of the votes on products, and of their photos alone, as ``--json`` prints it.

    ``labels`` (N,) are 0 to K - 1. Photos without a product, -1, are left out. Products whose photos have several
    labels are left out and counted.

    Returns:
        ``n`` products with one label, ``n_photos`` of them, ``n_mixed_labels`` (products that are left out),
        ``accuracy`` of the votes, ``photo_accuracy`` of the same photos alone; and ``many_photos``: the same of the
        products with three photos or more. Accuracies are None without products.
    """
    known = np.asarray(products) != NO_PRODUCT
    probabilities, labels, products = (np.asarray(one)[known] for one in (probabilities, labels, products))
    votes = vote_on_products(probabilities, products)
    index = np.searchsorted(votes.products, products)
    first_label = np.full(len(votes.products), -1, np.int64)
    first_label[index[::-1]] = np.asarray(labels)[::-1]
    is_mixed = np.zeros(len(votes.products), bool)
    is_mixed[index[first_label[index] != labels]] = True
    vote_right = votes.probabilities.argmax(axis=1) == first_label
    photo_right = np.asarray(probabilities).argmax(axis=1) == labels

    def scores(used: npt.NDArray[np.bool_]) -> dict[str, Any]:
        return {
            "n": int(used.sum()),
            "n_photos": int(used[index].sum()),
            "accuracy": float(vote_right[used].mean()) if used.any() else None,
            "photo_accuracy": float(photo_right[used[index]].mean()) if used.any() else None,
        }

    many = ~is_mixed & (votes.counts >= MANY_PHOTOS)
    return {**scores(~is_mixed), "n_mixed_labels": int(is_mixed.sum()), "many_photos": scores(many)}
