from __future__ import annotations

import numpy as np
import pytest

from clothier.errors import UnknownNameError, UsageError
from clothier.taxonomy import BROADER, FASHION_MNIST, PHOTO_CLASSES, UPPER_BODY, class_index, in_terms_of


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


def test_photo_words_begin_with_the_ten_and_end_with_the_finer() -> None:
    assert len(set(PHOTO_CLASSES)) == 13
    assert list(PHOTO_CLASSES[:10]) == sorted(PHOTO_CLASSES[:10])
    assert PHOTO_CLASSES[10:] == tuple(BROADER)
    assert set(BROADER.values()) <= set(PHOTO_CLASSES)


class TestInTermsOf:
    answers = np.array([[0.1, 0.2, 0.3, 0.4], [0.25, 0.25, 0.5, 0]], np.float32)
    classes = ("hat", "shoes", "boot", "sandal")

    def test_finer_words_are_added_to_the_broader_one(self) -> None:
        assert np.allclose(in_terms_of(self.answers, self.classes, ("shoes", "hat")), [[0.9, 0.1], [0.75, 0.25]])

    def test_what_the_data_know_too_stays(self) -> None:
        told = in_terms_of(self.answers, self.classes, ("hat", "shoes", "boot"))
        assert np.allclose(told, [[0.1, 0.6, 0.3], [0.25, 0.25, 0.5]])
        assert np.allclose(in_terms_of(self.answers, self.classes, self.classes), self.answers)

    def test_a_word_that_the_data_lack_is_said(self) -> None:
        with pytest.raises(UsageError, match="the model answers with shoes, and the data only have hat; give data"):
            in_terms_of(self.answers, self.classes, ("hat",))

    def test_a_word_that_the_model_lacks_is_said(self) -> None:
        with pytest.raises(UsageError, match="the data have bag, and the model only answers with hat, shoes, boot, sa"):
            in_terms_of(self.answers, self.classes, ("hat", "shoes", "bag"))
