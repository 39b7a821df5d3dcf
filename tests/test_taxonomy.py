from __future__ import annotations

import pytest

from clothier.errors import UnknownNameError
from clothier.taxonomy import FASHION_MNIST, UPPER_BODY, class_index


def test_the_ten_in_the_order_of_their_labels() -> None:
    assert FASHION_MNIST == (
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


def test_the_confused_five_are_among_them() -> None:
    assert [class_index(name) for name in UPPER_BODY] == [0, 2, 3, 4, 6]


@pytest.mark.parametrize(("label", "name"), list(enumerate(FASHION_MNIST)))
def test_label_of_a_name_whatever_its_case(label: int, name: str) -> None:
    assert class_index(name) == class_index(name.upper()) == class_index(name.lower()) == label


def test_own_classes() -> None:
    assert class_index("GRÖSSE", ("kleid", "größe")) == 1


def test_unknown_class() -> None:
    with pytest.raises(UnknownNameError) as caught:
        class_index("sneeker")
    assert str(caught.value) == "'sneeker' is not a garment class; did you mean 'Sneaker'?"
