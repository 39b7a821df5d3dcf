from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest

from clothier.data.photo_sources import SourceColumns, archive, archive_list, open_source
from clothier.errors import DataError, ImageError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def pack(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return path


def code_of(read: Callable[[], bytes]) -> str:
    with pytest.raises(ImageError) as caught:
        read()
    return caught.value.code


def test_photos_in_the_order_of_the_archive(tmp_path: Path) -> None:
    files = {"b/2.jpg": b"two", "a.png": b"one", "é.heic": b"three"}
    source = open_source(pack(tmp_path / "photos.bin", files))
    assert {item.file: item.read() for item in source} == files
    assert [item.file for item in source] == list(files)
    assert len(source) == 3
    assert len({item.signature for item in source}) == 3


def test_what_is_no_photo_is_counted(tmp_path: Path) -> None:
    files = dict.fromkeys(["a.jpg", "__MACOSX/._a.jpg", "x/.hidden", "list.csv", "folder/"], b"x")
    source = open_source(pack(tmp_path / "photos.zip", files))
    assert [item.file for item in source] == ["a.jpg"]
    assert "1 .csv, 2 hidden" in source.warnings[0]


@pytest.mark.parametrize("name", ["../x.jpg", "a/../../x.jpg", "/etc/x.jpg", "..\\x.jpg", "C:\\x.jpg", "a/.."])
def test_paths_that_climb_out_are_refused(tmp_path: Path, name: str) -> None:
    (item,) = open_source(pack(tmp_path / "photos.zip", {name: b"x"}))
    assert code_of(item.read) == "unsafe-path"


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_BYTES", 1_000)
    (item,) = open_source(pack(tmp_path / "photos.zip", {"bomb.jpg": bytes(100_000)}))
    assert code_of(item.read) == "too-large"


def test_a_bomb_that_states_a_small_size_is_not_unpacked(tmp_path: Path) -> None:
    path = pack(tmp_path / "photos.zip", {"bomb.jpg": bytes(10_000_000)})
    content = path.read_bytes()
    path.write_bytes(content.replace((10_000_000).to_bytes(4, "little"), (9).to_bytes(4, "little")))
    (item,) = open_source(path)
    assert code_of(item.read) == "truncated"


def test_damaged_empty_and_encrypted_entries_fail_alone(tmp_path: Path) -> None:
    path = pack(tmp_path / "photos.zip", {"a.jpg": b"a" * 99, "b.jpg": b"", "c.jpg": b"c" * 9}, zipfile.ZIP_STORED)
    content = path.read_bytes().replace(b"a" * 99, b"x" * 99)
    start = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 1) + 1)
    path.write_bytes(content[: start + 8] + b"\x01" + content[start + 9 :])  # the flags of c.jpg
    assert [code_of(item.read) for item in open_source(path)] == ["truncated", "empty", "not-readable"]


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_compressed_entry_fails_alone(tmp_path: Path, method: int) -> None:
    photo = np.random.default_rng(0).bytes(1_000)
    path = pack(tmp_path / "photos.zip", {"a.jpg": photo, "b.jpg": photo}, method)
    content = bytearray(path.read_bytes())
    for place in range(100, 300):
        content[place] ^= 0x5A
    path.write_bytes(content)
    damaged, whole = open_source(path)
    assert code_of(damaged.read) == "truncated"
    assert whole.read() == photo


def test_damaged_archives_and_office_documents_are_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "photos.zip", {"a.jpg": b"x"})
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DataError, match=r"photos\.zip is a damaged ZIP file"):
        open_source(path)
    with pytest.raises(DataError, match=r"list\.xlsx is an Office document\. Save its table as 'CSV UTF-8'"):
        open_source(pack(tmp_path / "list.xlsx", {"[Content_Types].xml": b"x"}))
    with pytest.raises(UsageError, match="has no columns"):
        open_source(pack(tmp_path / "photos.zip", {"a.jpg": b"x"}), SourceColumns(product="style"))


def test_a_list_of_files_that_would_take_all_memory_is_not_read(tmp_path: Path) -> None:
    path = pack(tmp_path / "photos.zip", {"a.jpg": b"x"})
    content, size = path.read_bytes(), 100 << 20
    large = b"PK\x06\x06" + bytes(36) + size.to_bytes(8, "little") + bytes(8) + b"PK\x06\x07" + bytes(16)
    for stated in (
        content[:-10] + size.to_bytes(4, "little") + content[-6:],
        content[:-22] + large + content[-22:],
    ):
        path.write_bytes(stated)
        with pytest.raises(DataError, match="104857600 bytes of names of files"):
            open_source(path)


def test_an_empty_archive(tmp_path: Path) -> None:
    assert list(open_source(pack(tmp_path / "photos.zip", {}))) == []


def test_a_list_names_the_items(tmp_path: Path) -> None:
    rows = ["file;item_id;product;price", "A.JPG;sku-1;S-1;9", "b.jpg;sku-2;;", "missing.jpg;sku-3;;"]
    table = "\r\n".join([*rows, "images\\c.jpg;;;", ";sku-5;;"])
    files = {"shop/a.jpg": b"a", "shop/images/b.jpg": b"b", "shop/images/c.jpg": b"c", "shop/d.jpg": b"d"}
    path = pack(
        tmp_path / "photos.zip",
        {**files, "shop/items.csv": b"\xef\xbb\xbf" + table.encode(), "__MACOSX/items.csv": b"x"},
    )
    source = open_source(path)
    first, second, missing, unnamed, empty = source
    assert dict(source.columns) == {"product": str, "price": str}
    assert len(source) == 5
    assert (first.key, first.item_id, first.file, first.product) == ("sku-1", "sku-1", "shop/a.jpg", "S-1")
    assert (first.columns, first.read(), second.read()) == ({"product": "S-1", "price": "9"}, b"a", b"b")
    assert [code_of(one.read) for one in (missing, unnamed, empty)] == ["not-found", "no-id", "not-found"]
    assert "does not name 1 of the photos" in source.warnings[-1]
    assert source.read("shop/images/b.jpg") == b"b"


def test_a_list_without_ids_and_one_of_ambiguous_names(tmp_path: Path) -> None:
    path = pack(tmp_path / "photos.zip", {"a.jpg": b"a", "A.jpg": b"b", "items.csv": b"file,name\na.jpg,x\nA.JPG,y\n"})
    first, second = open_source(path)
    assert (first.key, first.item_id, first.read(), first.columns) == ("a.jpg", "", b"a", {"name": "x"})
    assert code_of(second.read) == "not-found"


def test_a_list_without_rows(tmp_path: Path) -> None:
    source = open_source(pack(tmp_path / "photos.zip", {"a.jpg": b"a", "Items.csv": b"file,price\n"}))
    assert (list(source), len(source), dict(source.columns)) == ([], 0, {"price": str})
    assert "does not name 1 of the photos" in source.warnings[-1]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"items.csv": b"name\nx\n"}, "no column 'file'.*only name"),
        ({"items.csv": b""}, "cannot be read"),
        ({"items.csv": b"file,file\n"}, "'file' twice"),
        ({"items.csv": b"file\n\xff\n"}, "not in UTF-8: byte 5"),
        ({"items.csv": b"[1]"}, "not a CSV"),
        ({"items.csv": b"file\n" + b"x" * 140_000}, "line 2: field larger than"),
        ({"items.csv": b"file\na\nb\nc\nd\n"}, "more than 2 rows"),
        ({"items.csv": b"file\n", "a/items.csv": b"file\n"}, "has 2 files items.csv"),
    ],
)
def test_lists_that_are_damaged(
    tmp_path: Path, files: dict[str, bytes], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_list, "MAX_ROWS", 2)
    with pytest.raises(DataError, match=message):
        open_source(pack(tmp_path / "photos.zip", files))
