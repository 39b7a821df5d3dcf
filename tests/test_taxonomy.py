from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

from clothier.errors import DataError, UsageError
from clothier.taxonomy import (
    FASHION_MNIST_CLASSES,
    UPPER_BODY_CLASSES,
    aggregate_to,
    company_code,
    labels_by_code,
    map_classes,
    map_labels,
    read_taxonomy,
    to_fashion_class,
    without_subclasses,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_upper_body_classes_are_fashion_mnist_classes() -> None:
    assert [FASHION_MNIST_CLASSES.index(name) for name in UPPER_BODY_CLASSES] == [0, 2, 3, 4, 6]


class TestAggregateTo:
    probabilities = np.array([[0.1, 0.2, 0.3, 0.4], [0.25, 0.25, 0.5, 0]], np.float32)
    classes = ("hat", "shoes", "boot", "sandal")

    def test_subclasses_are_summed_into_their_parent(self) -> None:
        assert np.allclose(aggregate_to(self.probabilities, self.classes, ("shoes", "hat")), [[0.9, 0.1], [0.75, 0.25]])

    def test_classes_that_the_data_have_stay(self) -> None:
        summed = aggregate_to(self.probabilities, self.classes, ("hat", "shoes", "boot"))
        assert np.allclose(summed, [[0.1, 0.6, 0.3], [0.25, 0.25, 0.5]])
        assert np.allclose(aggregate_to(self.probabilities, self.classes, self.classes), self.probabilities)

    def test_a_class_that_the_data_lack(self) -> None:
        with pytest.raises(UsageError, match="shoes, but the data only have hat"):
            aggregate_to(self.probabilities, self.classes, ("hat",))

    def test_a_class_that_the_model_lacks(self) -> None:
        with pytest.raises(UsageError, match="bag, but the model only predicts hat, shoes, boot, sandal"):
            aggregate_to(self.probabilities, self.classes, ("hat", "shoes", "bag"))


def test_map_labels() -> None:
    classes = ("boot", "hat", "shoes")
    assert map_classes(classes, ("hat", "shoes")) == ("shoes", "hat", "shoes")
    assert map_classes(classes, classes) == classes
    assert map_labels(np.array([0, 1, 2, -1]), classes, ("hat", "shoes")).tolist() == [1, 0, 1, -1]
    with pytest.raises(ValueError, match="not in tuple"):
        map_labels(np.array([0]), classes, ("shoes",))


def test_without_subclasses() -> None:
    assert without_subclasses(("boot", "hat", "shoes")) == ("hat", "shoes")
    assert without_subclasses(("boot", "hat")) == ("boot", "hat")


@pytest.mark.parametrize(
    ("name", "fashion"), [("Boot", "Ankle boot"), ("bag", "Bag"), ("DRESS", "Dress"), ("hat", ""), ("", "")]
)
def test_to_fashion_class(name: str, fashion: str) -> None:
    assert to_fashion_class(name) == fashion


CODES = """
[codes]  # ours
hat = "H-1"
Shoes = "FOOT"
boot = " FOOT "
"t-shirt" = "TS-100"
"""
CLASSES = ("boot", "hat", "shoes", "t-shirt")


class TestTaxonomy:
    def read(self, tmp_path: Path, text: str, classes: tuple[str, ...] = CLASSES) -> dict[str, str]:
        (tmp_path / "codes.toml").write_text(text, encoding="utf-8")
        return read_taxonomy(tmp_path / "codes.toml", classes)

    def test_each_class_has_its_code(self, tmp_path: Path) -> None:
        found = self.read(tmp_path, CODES)
        assert list(found.items()) == list(zip(CLASSES, ("FOOT", "H-1", "FOOT", "TS-100"), strict=True))

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("[codes]\nhat = 1\n", "gives 'hat' the code 1; a code is text, such as \"TS-100\"."),
            ("[codes]\nhat = ' '\n", "gives 'hat' the code ' '; a code is text"),
            ("[codes]\nhat.felt = 'x'\n", "gives 'hat' the code {'felt': 'x'}; a code is text"),
            ("hat = 'H-1'\n", "has hat outside [codes]"),
            ("codes = 'H-1'\n", "has no table [codes]"),
            ("", "has no table [codes]"),
            ("[codes]\nhat = H-1\n", "is not TOML: Invalid value (at line 2, column 7)."),
            ("[codes]\nhat = 'a'\nHAT = 'b'\n", "names hat twice"),
            (
                "[codes]\nhat = 'a'\nboot = 'b'\n",
                "has no code for shoes, t-shirt; every class of the model needs one",
            ),
        ],
    )
    def test_invalid_files(self, tmp_path: Path, text: str, sentence: str) -> None:
        with pytest.raises(DataError, match=re.escape(sentence)):
            self.read(tmp_path, text)

    @pytest.mark.parametrize("text", ["\ufeffclass;code;note\n\nBoot;FOOT;x\nhat;H-1\nshoes;FOOT\nT-Shirt; TS-100 \n"])
    def test_a_csv_has_two_columns(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "codes.CSV").write_text(text, encoding="utf-8")
        assert read_taxonomy(tmp_path / "codes.CSV", CLASSES) == self.read(tmp_path, CODES)

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            (b"class,name\nhat,H-1\n", "has the columns class, name; the columns class and code"),
            (b"", "has no lines; the columns class and code are needed"),
            (b"class,code\nhat\n", "gives 'hat' the code ''; a code is text"),
            (b"class,code\nhat,H-1\nHat,H-2\n", "names hat twice"),
            (
                b"class,code\nhat,H-1\n",
                "has no code for boot, shoes, t-shirt; every class of the model needs one. Add a line such as boot,",
            ),
            (b"class,code\nhat,H\xff\n", "is not a CSV in UTF-8"),
            (b'class,code\nhat,"' + 200_000 * b"x", "is not a CSV in UTF-8: field larger than field limit"),
        ],
    )
    def test_invalid_csv(self, tmp_path: Path, content: bytes, sentence: str) -> None:
        (tmp_path / "codes.csv").write_bytes(content)
        with pytest.raises(DataError, match=re.escape(sentence)):
            read_taxonomy(tmp_path / "codes.csv", CLASSES)

    def test_a_class_that_the_model_does_not_have(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"codes\.toml: 'booot' is not a class of the model; did you mean 'boot'"):
            self.read(tmp_path, "[codes]\nbooot = 'x'\n")

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"none\.toml cannot be read: No such file or directory\. Check the path"):
            read_taxonomy(tmp_path / "none.toml", CLASSES)

    def test_a_pipe_does_not_hang(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "codes.toml")
        with pytest.raises(DataError, match="cannot be read: not a regular file"):
            read_taxonomy(tmp_path / "codes.toml", CLASSES)

    @pytest.mark.parametrize("content", [b"\xff\xfe", b"a = " + b"[" * 5000])
    def test_not_toml(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "codes.toml").write_bytes(content)
        with pytest.raises(DataError, match="is not TOML"):
            read_taxonomy(tmp_path / "codes.toml", CLASSES)


def test_a_code_stands_for_the_class_above_those_that_share_it() -> None:
    codes = {"boot": "FOOT", "shoes": "FOOT", "sandal": "S", "t-shirt": "TS-100"}
    assert labels_by_code(codes) == {"FOOT": "shoes", "S": "sandal", "TS-100": "t-shirt"}
    with pytest.raises(UsageError, match="the code 'TOP' stands for shirt and t-shirt, so it names no class"):
        labels_by_code({"shirt": "TOP", "t-shirt": "TOP"})


def test_a_code_that_names_another_class_is_ambiguous_as_a_label() -> None:
    assert labels_by_code({"shirt": "Shirt", "hat": "H"}) == {"Shirt": "shirt", "H": "hat"}
    for codes, code in (({"shirt": "BLOUSE", "t-shirt": "Shirt"}, "Shirt"), ({"hat": "shoes", "boot": "B"}, "shoes")):
        with pytest.raises(UsageError, match=f"the code '{code}' stands for .* is also the name of another class"):
            labels_by_code(codes)


def test_a_rejected_photo_has_no_code() -> None:
    codes = {"shirt": "S-1"}
    assert [company_code("shirt", one, codes) for one in ("accept", "review", None)] == ["S-1"] * 3
    assert company_code("shirt", "reject", codes) is None
    assert company_code("shirt", "accept", None) is None
