"""The words for garments: the classes that models know, in the order of their labels."""

from __future__ import annotations

from clothier.errors import UnknownNameError

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


def class_index(name: str, classes: tuple[str, ...] = FASHION_MNIST) -> int:
    """The label of a class by its name, letter case aside.

    Raises:
        UnknownNameError: no such class; the sentence offers the nearest.
    """
    folded = [known.casefold() for known in classes]
    if name.casefold() not in folded:
        raise UnknownNameError(name, "garment class", classes)
    return folded.index(name.casefold())
