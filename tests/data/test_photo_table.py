from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clothier.data.photo_table import Columns, read_photo_table
from clothier.errors import DataError
from clothier.taxonomy import PARENT_CLASS

PHOTO_CLASSES = (
    *("dress", "hat", "longsleeve", "outwear", "pants", "shirt", "shoes", "shorts", "skirt", "t-shirt"),
    *PARENT_CLASS,
)
ROWS = "file,label,sender_id\na.png,hat,12\nb.png,boot,7\nc.png,,12\n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with a CSV of three photos, two of them in ``images/``."""
    (tmp_path / "images").mkdir()
    for number, name in enumerate(("a.png", "images/b.png", "images/c.png")):
        Image.new("RGB", (30, 40), (80 * number, 10, 10)).save(tmp_path / name)
    return write(tmp_path, ROWS).parent


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    (folder / "labels.csv").write_text(text, encoding=encoding)
    return folder / "labels.csv"


class TestCsv:
    def test_files_labels_and_groups(self, shop: Path) -> None:
        table = read_photo_table(shop / "labels.csv")
        assert table.name == shop.name
        assert table.files == tuple(str(shop / name) for name in ("a.png", "images/b.png", "images/c.png"))
        assert table.classes == ("boot", "hat")
        assert table.labels.tolist() == [1, 0, -1]
        assert table.labels.dtype == np.int64
        assert (table.groups.tolist(), table.has_groups) == ([12, 7, 12], True)
        assert table.class_counts == {"boot": 1, "hat": 1}
        assert (table.failures, table.warnings, len(table)) == ((), (), 3)

    def test_its_folder_or_another_name(self, shop: Path) -> None:
        assert read_photo_table(shop).files == read_photo_table(shop / "labels.csv").files
        (shop / "labels.csv").rename(shop / "autumn.csv")
        assert read_photo_table(shop / "autumn.csv").name == "autumn"

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    def test_delimiters_and_encodings(self, shop: Path, encoding: str, delimiter: str) -> None:
        text = '"file", label ,price,sender_id\r\n"a.png",größe,"1,5;2",Ann\r\n\r\nb.png,hat,3,Bob\r\n'
        quoted = text if delimiter == "," else re.sub(r",(?!5)", delimiter, text)
        table = read_photo_table(write(shop, quoted.replace("; ", ";"), encoding))
        assert table.classes == ("größe", "hat")
        assert table.groups.tolist() == [0, 1]

    def test_columns_by_other_names(self, shop: Path) -> None:
        write(shop, "label,photo,what,who\n1,a.png,hat,x\n2,b.png,boot,y\n")
        table = read_photo_table(shop, columns=Columns("photo", "what", "who"))
        assert (table.classes, table.groups.tolist()) == (("boot", "hat"), [0, 1])

    def test_without_groups_every_photo_is_its_own_group(self, shop: Path) -> None:
        table = read_photo_table(write(shop, "file,label\na.png,hat\nb.png,hat\n"))
        assert (table.groups.tolist(), table.has_groups) == ([0, 1], False)
        assert table.warnings == (
            f"{shop / 'labels.csv'} has no column 'sender_id': every photo is treated as its own group.",
        )

    def test_columns_that_look_like_groups_are_suggested(self, shop: Path) -> None:
        """Not the label, not one value for all, not one for each photo, not a column that is mostly empty."""
        lines = ["file,label,brand,product,sku,note,size"]
        for number in range(24):
            (shop / f"{number}.png").write_bytes((shop / "a.png").read_bytes())
            note = f"n{number // 2}" if number < 8 else ""
            lines.append(f"{number}.png,hat,own,p{number // 3},{number},{note},{'SML'[number % 3]}")
        (warning,) = read_photo_table(write(shop, "\n".join(lines))).warnings
        assert warning.endswith("own group. product may identify related photos; name one with --group-column.")

    def test_products(self, shop: Path) -> None:
        """A photo without one is in a group of its own, but in no product."""
        table_path = write(shop, "file,label,sku\na.png,hat,\nb.png,hat,B7\nc.png,boot,B7\n")
        table = read_photo_table(table_path, columns=Columns(group="sku", product="sku"))
        assert table.products is not None
        assert table.products.tolist() == [-1, 0, 0]
        assert table.groups.tolist() == [1, 0, 0]
        assert table.product_rows == [(1, 2)]
        text = (
            f"Photos of {table_path} without sku: 1. They belong to no product, and each is treated as its own group."
        )
        assert table.warnings == (text,), "said once"
        few = table.subset(np.array([2, 0]))
        assert few.products is not None
        assert few.products.tolist() == [0, -1]
        assert few.subset(np.array([1])).product_rows == []
        assert read_photo_table(table_path).products is None
        with pytest.raises(DataError, match=r"has no column 'style'.*--product-column"):
            read_photo_table(table_path, columns=Columns(product="style"))

    def test_a_photo_without_a_group_is_its_own_group(self, shop: Path) -> None:
        table_path = write(shop, "file,label,sender_id\na.png,hat,\nb.png,hat,3\nc.png,hat,\n")
        table = read_photo_table(table_path)
        assert (table.groups.tolist(), table.has_groups) == ([4, 3, 5], True)
        assert table.warnings == (f"Photos of {table_path} without sender_id: 2. Each is treated as its own group.",)

    def test_an_empty_group_column_is_none(self, shop: Path) -> None:
        table = read_photo_table(write(shop, "file,label,sender_id\na.png,hat,\nb.png,hat, \n"))
        assert (table.groups.tolist(), table.has_groups) == ([0, 1], False)

    def test_absolute_paths(self, shop: Path, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").mkdir()
        write(tmp_path / "elsewhere", f"file,label\n{shop / 'a.png'},hat\n")
        assert read_photo_table(tmp_path / "elsewhere").files == (str(shop / "a.png"),)

    def test_missing_files_are_failures(self, shop: Path) -> None:
        path = write(shop, ROWS + "gone.png,hat,1\n,hat,1\n" + "n" * 300 + ",hat,1\n")
        table = read_photo_table(path)
        assert len(table) == 3
        assert [(failure.file[:8], failure.code) for failure in table.failures] == [
            ("gone.png", "not-found"),
            (str(path)[:8], "not-found"),
            ("nnnnnnnn", "not-found"),
        ]
        assert table.failures[0].message == (
            f"gone.png (line 5 of {path}) is neither beside the CSV nor in images/ there. Check the path."
        )
        assert table.failures[1].file == f"{path}, line 6"
        assert f"line 6 of {path} has no file name" in table.failures[1].message

    def test_repeated_files_are_used_once(self, shop: Path) -> None:
        path = write(shop, ROWS + "a.png,hat,12\nb.png,hat,7\n")
        table = read_photo_table(path)
        assert table.labels.tolist() == [1, 0, -1]
        assert table.warnings == (
            f"line 5 of {path} repeats {shop / 'a.png'}; line 2 is used.",
            f"line 6 of {path} repeats {shop / 'images/b.png'} ('boot' and 'hat'); line 3 is used.",
        )

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("photo,label\na.png,hat\n", "no column 'file', only photo, label. Name it with --file-column."),
            ("file;what\na.png;hat\n", "no column 'label', only file, what. Name it with --label-column."),
            (
                "image,kind\na.png,hat\n",
                "has no column 'file' and no column 'label', only image, kind. Name them with --file-column and --la",
            ),
            ("", "has no column 'file' and no column 'label', only an empty header"),
            ("file,label\n\n", "has a header but no rows"),
            ("file,label,label\na.png,hat,boot\n", "has 2 columns 'label'. Rename or remove all but one."),
            (
                "file,note,label\na.png,x,hat\na.png,x, y,hat\n",
                "has 4 cells, but the header has 3: they are",
            ),
            ('file,label\n"' + "x" * 140_000 + '",hat\n', "is not a CSV: line 2: field larger than field limit"),
        ],
    )
    def test_invalid_csv(self, shop: Path, text: str, sentence: str) -> None:
        with pytest.raises(DataError, match=re.escape(sentence)):
            read_photo_table(write(shop, text))

    @pytest.mark.parametrize("line", ["sep=;\r\n", '"sep=;"\n', "SEP=|\n"])
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
    def test_a_line_that_names_the_delimiter(self, shop: Path, line: str, encoding: str) -> None:
        text = line + ROWS.replace(",", line.strip('"\r\n')[-1])
        table = read_photo_table(write(shop, text + "gone.png", encoding))
        assert (table.classes, table.groups.tolist()) == (("boot", "hat"), [12, 7, 12])
        assert "gone.png (line 6 of" in table.failures[0].message

    def test_many_columns_are_not_all_shown(self, shop: Path) -> None:
        pixels = ",".join(f"pixel{number}" for number in range(784))
        with pytest.raises(DataError, match=r"no column 'file', only label, pixel0, .*, pixel8 and 775 more\. Name it"):
            read_photo_table(write(shop, f"label,{pixels}\n"))

    def test_a_line_that_is_too_long_for_a_csv(self, shop: Path) -> None:
        with pytest.raises(DataError, match=r"labels\.csv is not a CSV: line \d: field larger than field limit"):
            read_photo_table(write(shop, "file,label\n" + "7" * 140_000))
        with pytest.raises(DataError, match=r"labels\.csv is not a CSV: line \d: field larger than field limit"):
            read_photo_table(write(shop, "7" * 140_000 + ",label\n"))
        with pytest.raises(DataError, match=r"labels\.csv is not a CSV: it starts with '{\"images\": "):
            read_photo_table(write(shop, '\n{"images": [' + '{"id": 1, "file": "a.jpg"},' * 10_000))

    def test_a_pipe_or_a_device(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.csv")
        for path in (tmp_path / "pipe.csv", Path("/dev/zero")):
            with pytest.raises(DataError, match=f"{path} is not a file with an end"):
                read_photo_table(path)

    def test_a_named_group_column_is_required(self, shop: Path) -> None:
        with pytest.raises(DataError, match=r"no column 'who', only file, label, sender_id. .* --group-column"):
            read_photo_table(shop, columns=Columns(group="who"))

    def test_another_encoding(self, shop: Path) -> None:
        with pytest.raises(DataError, match="is not a CSV in UTF-8: line 2 has invalid bytes"):
            read_photo_table(write(shop, "file,label\na,gr\xf6\xdfe\n", "latin-1"))

    def test_the_line_of_another_encoding_in_a_large_file(self, shop: Path) -> None:
        rows = ["file,label", *(f"{number}.jpg,hat" for number in range(20_000))]
        rows[19_000] = "caf\xe9.jpg,hat"
        with pytest.raises(DataError, match="line 19001 has invalid bytes"):
            read_photo_table(write(shop, "\n".join(rows), "latin-1"))

    def test_nothing_there(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"none\.csv does not exist"):
            read_photo_table(tmp_path / "none.csv")
        with pytest.raises(DataError, match="cannot be read: File name too long"):
            read_photo_table(tmp_path / ("n" * 300))


class TestFolder:
    def test_a_subfolder_a_class(self, tmp_path: Path) -> None:
        for name in ("skirt/a.png", "skirt/deep/b.png", "hat/c.png", "hat/.hidden"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        table = read_photo_table(tmp_path)
        assert (table.name, table.classes, table.class_counts) == (
            tmp_path.name,
            ("hat", "skirt"),
            {"hat": 1, "skirt": 2},
        )
        assert (table.groups.tolist(), table.has_groups) == ([0, 1, 2], False)
        table = read_photo_table(tmp_path, classes=("hat", "skort"))
        assert table.class_counts == {"hat": 1, "skort": 0}
        assert [one.code for one in table.failures] == ["unknown-label"]
        sentence = (
            "label 'skirt', in skirt/: 'skirt' is not a class of the model; did you mean 'skort'? Photos left out: 2"
        )
        assert sentence in table.failures[0].message

    def test_no_classes(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"has neither labels\.csv nor a subfolder of photos for each class"):
            read_photo_table(tmp_path)


class TestModelClasses:
    def labeled(self, shop: Path, *labels: str) -> Path:
        rows = "".join(f"{file},{label}\n" for file, label in zip(("a.png", "b.png", "c.png"), labels, strict=False))
        return write(shop, "file,label\n" + rows)

    @pytest.mark.parametrize(
        ("labels", "classes", "known", "indices"),
        [
            (("shoes", "hat"), PHOTO_CLASSES, PHOTO_CLASSES[:10], [6, 1]),
            (("Boot", "HAT"), PHOTO_CLASSES, PHOTO_CLASSES, [12, 1]),
            (("shoes", "sneaker"), PHOTO_CLASSES, (*PHOTO_CLASSES[:10], "sneaker"), [6, 10]),
            (("sneaker", "hat"), PHOTO_CLASSES[:10], PHOTO_CLASSES[:10], [6, 1]),
            (("shoes",), ("boot", "hat", "sandal"), ("shoes", "hat"), [0]),
            (("hat",), ("boot", "hat"), ("boot", "hat"), [1]),
        ],
    )
    def test_labels_are_mapped_to_the_classes_of_the_model(
        self, shop: Path, labels: tuple[str, ...], classes: tuple[str, ...], known: tuple[str, ...], indices: list[int]
    ) -> None:
        table = read_photo_table(self.labeled(shop, *labels), classes=classes)
        assert table.classes == known
        assert table.labels.tolist() == indices

    def test_an_unknown_label(self, shop: Path) -> None:
        path = self.labeled(shop, "hat", "bag", "bag")
        table = read_photo_table(path, classes=("hat", "boot"))
        assert table.labels.tolist() == [0]
        assert [(one.file, one.code) for one in table.failures] == [(f"{path}, label 'bag'", "unknown-label")]
        assert table.failures[0].message == (
            f"{path}, label 'bag', line 3, line 4: 'bag' is not a class of the model; known: hat, boot. "
            "Photos left out: 2. Leave the label empty if a photo shows none of the classes."
        )

    def test_only_unknown_labels(self, shop: Path) -> None:
        path = self.labeled(shop, "bag", "Hats")
        first = (
            r"has no usable photo; 2 failed. The first: .* 'bag', line 2: 'bag' is .* your own codes, .* \(--taxonomy\)"
        )
        with pytest.raises(DataError, match=first):
            read_photo_table(path, classes=("hat", "boot"))

    def test_a_label_that_is_neither_a_class_nor_a_code(self, shop: Path) -> None:
        path = self.labeled(shop, "h-1", "Boot", "AC-9")
        table = read_photo_table(path, classes=("hat", "boot"), codes={"H-1": "hat", "AC-1": "boot"})
        assert table.labels.tolist() == [0, 1]
        expected = "'AC-9' is not a class of the model or code of the taxonomy; did you mean 'AC-1'?"
        assert expected in table.failures[0].message
        assert "--taxonomy" not in table.failures[0].message

    def test_letter_case_and_unicode_form_are_ignored(self, shop: Path) -> None:
        path = self.labeled(shop, "Gr\u00f6\u00dfe", "GRO\u0308SSE", "Gr\u00f6\u00dfe")
        table = read_photo_table(path)
        assert (table.classes, table.labels.tolist()) == (("Gr\u00f6\u00dfe",), [0, 0, 0])
        assert f"{path}: the labels Gr\u00f6\u00dfe, GRO\u0308SSE are one class, Gr\u00f6\u00dfe." in table.warnings
        assert read_photo_table(path, classes=("gro\u0308\u00dfe",)).labels.tolist() == [0, 0, 0]


def test_subset_by_indices_or_mask(shop: Path) -> None:
    table = read_photo_table(shop)
    assert table.subset(np.array([2, 0])).labels.tolist() == [-1, 1]
    assert table.subset(table.labels >= 0).groups.tolist() == [12, 7]


def test_the_development_photos(photos: Path) -> None:
    table = read_photo_table(photos / "labels.csv")
    assert len(table) == 3604
    assert table.classes == PHOTO_CLASSES[:10]
    assert (table.labels == -1).sum() == 195
    assert len(set(table.groups.tolist())) == 311


def test_raw_labels_are_the_most_specific(tmp_path: Path) -> None:
    rows = ["a,shoes,boot", "b,shoes,", "c,shoes,not-a-shoe", "d,hat,boot", "e,,boot", "f,Shoes,Sandal"]
    for row in rows:
        (tmp_path / row[0]).touch()
    (tmp_path / "table.csv").write_text("\n".join(["file,label,footwear", *rows]))
    table = read_photo_table(tmp_path / "table.csv")
    assert table.raw_labels == ("boot", "shoes", "shoes", "hat", "", "sandal")
    assert table.subset(np.array([0, 3])).raw_labels == ("boot", "hat")
    (tmp_path / "table.csv").write_text("file,label\na,shoes\n")
    assert read_photo_table(tmp_path / "table.csv").raw_labels == ("shoes",)
