"""The words for garments: the classes that models know, and which of them are finer words for others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clothier.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    Probabilities = npt.NDArray[np.floating]

FASHION_MNIST = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
"""Labels 0 to 9 of Fashion-MNIST, named as in arXiv 1708.07747, table 2."""

UPPER_BODY = ("T-shirt/top", "Pullover", "Dress", "Coat", "Shirt")
"""The five classes among which 76-80 % of all errors fall (our runs of the study); half of those touch Shirt."""

PHOTO_CLASSES = (
    "dress",
    "hat",
    "longsleeve",
    "outwear",
    "pants",
    "shirt",
    "shoes",
    "shorts",
    "skirt",
    "t-shirt",
    "sandal",
    "sneaker",
    "boot",
)
"""What the photo model tells apart; ``shoes`` is footwear that is none of the last three, or not surely."""

BROADER = {"sandal": "shoes", "sneaker": "shoes", "boot": "shoes"}
"""Finer words, and the broader one that others use for the same thing."""


def class_index(name: str, classes: tuple[str, ...] = FASHION_MNIST) -> int:
    """The label of a class by its name, letter case aside.

    Raises:
        UnknownNameError: no such class; the sentence offers the nearest.
    """
    folded = [known.casefold() for known in classes]
    if name.casefold() not in folded:
        raise UnknownNameError(name, "garment class", classes)
    return folded.index(name.casefold())


def in_terms_of(probabilities: Probabilities, classes: Sequence[str], wanted: Sequence[str]) -> Probabilities:
    """A model's answers in the words of the data: what it tells apart finer is added up to the broader word.

    Args:
        probabilities: (N, K), rows sum to 1.
        classes: the model's K classes.
        wanted: the data's classes, in any order.

    Returns:
        (N, len(wanted)); rows sum to 1.

    Raises:
        UsageError: the data lack a word for one of the model's classes, or the model one of the data's.
    """
    words = [name if name in wanted else BROADER.get(name, name) for name in classes]
    if lacking := sorted(set(words) - set(wanted)):
        raise UsageError(
            f"the model answers with {', '.join(lacking)}, and the data only have {', '.join(wanted)}; "
            "give data that have all of the model's classes, or broader ones."
        )
    if unknown := sorted(set(wanted) - set(words)):
        raise UsageError(
            f"the data have {', '.join(unknown)}, and the model only answers with {', '.join(classes)}; "
            "leave those rows out, or their labels empty."
        )
    return added_up(probabilities, words, wanted)


def added_up(probabilities: Probabilities, words: Sequence[str], wanted: Sequence[str]) -> Probabilities:
    """Columns of the same word added up, in the order of ``wanted``: (N, K) with a word each to (N, len(wanted)).

    A product with ones and noughts, so that nothing but the array itself needs numpy.
    """
    return probabilities @ [[float(word == name) for name in wanted] for word in words]
