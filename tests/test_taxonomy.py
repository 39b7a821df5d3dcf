from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

from clothier.errors import DataError, UnknownNameError, UsageError
from clothier.taxonomy import (
    FASHION_MNIST_CLASSES,
    PARENT_CLASS,
    PHOTO_CLASSES,
    UPPER_BODY_CLASSES,
    Taxonomy,
    aggregate_to,
    class_index,
    read_taxonomy,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_the_ten_in_the_order_of_their_labels() -> None:
    assert FASHION_MNIST_CLASSES == (
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
    assert [class_index(name) for name in UPPER_BODY_CLASSES] == [0, 2, 3, 4, 6]


@pytest.mark.parametrize(("label", "name"), list(enumerate(FASHION_MNIST_CLASSES)))
def test_label_of_a_name_whatever_its_case(label: int, name: str) -> None:
    assert class_index(name) == class_index(name.upper()) == class_index(name.lower()) == label


def test_own_classes() -> None:
    assert class_index("GRÖSSE", ("kleid", "größe")) == 1


def test_unknown_class() -> None:
    with pytest.raises(UnknownNameError) as caught:
        class_index("sneeker")
    assert str(caught.value) == "'sneeker' is not a garment class; did you mean 'Sneaker'?"


def test_photo_classes_end_with_the_subclasses() -> None:
    assert len(set(PHOTO_CLASSES)) == 13
    assert list(PHOTO_CLASSES[:10]) == sorted(PHOTO_CLASSES[:10])
    assert PHOTO_CLASSES[10:] == tuple(PARENT_CLASS)
    assert set(PARENT_CLASS.values()) <= set(PHOTO_CLASSES)


class TestAggregateTo:
    answers = np.array([[0.1, 0.2, 0.3, 0.4], [0.25, 0.25, 0.5, 0]], np.float32)
    classes = ("hat", "shoes", "boot", "sandal")

    def test_finer_words_are_added_to_the_broader_one(self) -> None:
        assert np.allclose(aggregate_to(self.answers, self.classes, ("shoes", "hat")), [[0.9, 0.1], [0.75, 0.25]])

    def test_what_the_data_know_too_stays(self) -> None:
        told = aggregate_to(self.answers, self.classes, ("hat", "shoes", "boot"))
        assert np.allclose(told, [[0.1, 0.6, 0.3], [0.25, 0.25, 0.5]])
        assert np.allclose(aggregate_to(self.answers, self.classes, self.classes), self.answers)

    def test_a_word_that_the_data_lack_is_said(self) -> None:
        with pytest.raises(UsageError, match="the model answers with shoes, and the data only have hat; give data"):
            aggregate_to(self.answers, self.classes, ("hat",))

    def test_a_word_that_the_model_lacks_is_said(self) -> None:
        with pytest.raises(UsageError, match="the data have bag, and the model only answers with hat, shoes, boot, sa"):
            aggregate_to(self.answers, self.classes, ("hat", "shoes", "bag"))


CODES = """
[codes]  # ours
hat = "H-1"
Shoes = "FOOT"
boot = " FOOT "
"t-shirt" = "TS-100"
"""
CLASSES = ("boot", "hat", "shoes", "t-shirt")


class TestTaxonomy:
    def read(self, tmp_path: Path, text: str, classes: tuple[str, ...] = CLASSES) -> Taxonomy:
        (tmp_path / "codes.toml").write_text(text, encoding="utf-8")
        return read_taxonomy(tmp_path / "codes.toml", classes)

    def test_each_class_has_its_code(self, tmp_path: Path) -> None:
        taxonomy = self.read(tmp_path, CODES)
        assert taxonomy == Taxonomy(CLASSES, ("FOOT", "H-1", "FOOT", "TS-100"))
        assert taxonomy.code_of("Hat") == "H-1"
        with pytest.raises(UnknownNameError, match="'skirt' is not a garment class; did you mean 't-shirt'"):
            taxonomy.code_of("skirt")

    def test_probabilities_of_one_code_add_up(self, tmp_path: Path) -> None:
        answers = np.array([[0.1, 0.2, 0.3, 0.4]], np.float32)
        merged, codes = self.read(tmp_path, CODES).aggregate(answers, CLASSES)
        assert codes == ("FOOT", "H-1", "TS-100")
        assert np.allclose(merged, [[0.4, 0.2, 0.4]])
        merged, codes = self.read(tmp_path, CODES).aggregate(answers[:, :2], ("shoes", "hat"))
        assert codes == ("FOOT", "H-1")
        assert np.allclose(merged, answers[:, :2])

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("[codes]\nhat = 1\n", "gives 'hat' the code 1; a code is text in quotes, such as \"TS-100\"."),
            ("[codes]\nhat = ' '\n", "gives 'hat' the code ' '; a code is text in quotes"),
            ("[codes]\nhat.felt = 'x'\n", "gives 'hat' the code {'felt': 'x'}; a code is text"),
            ("hat = 'H-1'\n", "has hat beside [codes]; put all lines below the line [codes]."),
            ("codes = 'H-1'\n", "has no table [codes]; begin with the line [codes], then a line for each class."),
            ("", "has no table [codes]"),
            ("[codes]\nhat = H-1\n", "is not TOML: Invalid value (at line 2, column 7). Write a line for each class"),
            ("[codes]\nhat = 'a'\nHAT = 'b'\n", "names a class twice in [codes], in other letter cases. Keep one"),
            (
                "[codes]\nhat = 'a'\nboot = 'b'\n",
                "has no code for shoes, t-shirt; every class of the model needs one. Add under [codes] a line such",
            ),
        ],
    )
    def test_what_cannot_be_taken(self, tmp_path: Path, text: str, sentence: str) -> None:
        with pytest.raises(DataError, match=re.escape(sentence)):
            self.read(tmp_path, text)

    def test_a_class_that_the_model_has_not(self, tmp_path: Path) -> None:
        with pytest.raises(UnknownNameError, match="'booot' is not a garment class; did you mean 'boot'"):
            self.read(tmp_path, "[codes]\nbooot = 'x'\n")

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"none\.toml cannot be read: No such file or directory\. Check the path"):
            read_taxonomy(tmp_path / "none.toml", CLASSES)

    @pytest.mark.parametrize("content", [b"\xff\xfe", b"a = " + b"[" * 5000])
    def test_bytes_that_are_no_toml(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "codes.toml").write_bytes(content)
        with pytest.raises(DataError, match="is not TOML"):
            read_taxonomy(tmp_path / "codes.toml", CLASSES)
