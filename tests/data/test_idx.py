import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from clothier.data import idx
from clothier.errors import DataError
from tests.synthetic import encode_idx


def read_idx(path: Path) -> np.ndarray:
    return idx.decode(idx.read_uncompressed(path), str(path))


ARRAYS = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=6))


@given(ARRAYS)
def test_decode_inverts_encode(array: np.ndarray) -> None:
    decoded = idx.decode(encode_idx(array), "x")
    assert decoded.shape == array.shape
    assert np.array_equal(decoded, array)
    assert decoded.flags.writeable


@given(ARRAYS, st.data())
def test_any_truncation_is_noticed(array: np.ndarray, data: st.DataObject) -> None:
    content = encode_idx(array)
    end = data.draw(st.integers(0, len(content) - 1))
    with pytest.raises(DataError, match=r"is truncated|is not an IDX file"):
        idx.decode(content[:end], "x")


def test_the_layout_is_that_of_mnist() -> None:
    assert encode_idx(np.array([[7, 8]], np.uint8)) == bytes.fromhex("00000802 00000001 00000002 0708")


def test_gzip_is_detected_from_the_content(tmp_path: Path) -> None:
    array = np.arange(5, dtype=np.uint8)
    (tmp_path / "plain.gz").write_bytes(encode_idx(array))
    (tmp_path / "packed").write_bytes(gzip.compress(encode_idx(array)))
    assert np.array_equal(read_idx(tmp_path / "plain.gz"), array)
    assert np.array_equal(read_idx(tmp_path / "packed"), array)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "f is not an IDX file: it starts with nothing"),
        (b"\x89PNG\r\n", "f is not an IDX file: it starts with 89 50 4e 47"),
        (b"\0\0\x08\0", "f is not an IDX file: it starts with 00 00 08 00"),
        (struct.pack(">HBBIf", 0, 0x0D, 1, 1, 1.5), "f has the element type 0x0d"),
        (struct.pack(">HBBIii", 0, 0x0C, 1, 2, 3, 256), "f has values of int32 that are not 0 to 255"),
        (struct.pack(">HBBIbb", 0, 0x09, 1, 2, 3, -1), "f has values of int8 that are not 0 to 255"),
        (struct.pack(">HBBIII", 0, 8, 3, 5, 0, 28), "f is empty: its header says 5 x 0 x 28"),
        (struct.pack(">HBBIII", 0, 8, 3, 0, 2**32 - 1, 2**32 - 1), "f is empty: its header says 0 x 4294967295"),
        (b"\0\0\x08\x41" + bytes(4 * 65), "f has 65 dimensions; images have 3 and labels 1"),
        (b"\0\0\x08\x03\0\0\0\x02", "f is truncated: its header of 16 bytes ends after 8"),
        (
            struct.pack(">HBBII", 0, 8, 2, 3, 4) + bytes(5),
            "f is truncated: its header says 3 x 4 = 12 bytes, but 5 follow",
        ),
        (
            struct.pack(">HBBI", 0, 8, 1, 3) + bytes(5),
            "f is too long: its header says 3 = 3 bytes, but 5 follow",
        ),
        (
            struct.pack(">HBBIII", 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1) + bytes(5),
            "f is truncated: its header says 4294967295 x ",
        ),
    ],
)
def test_invalid_files(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(DataError, match=sentence):
        read_idx(tmp_path / "f")


@pytest.mark.parametrize("damage", [lambda c: c[:-9], lambda c: c[:20] + b"xx" + c[22:], lambda c: c[:3]])
def test_damaged_gzip_file(tmp_path: Path, damage) -> None:
    whole = gzip.compress(encode_idx(np.arange(200, dtype=np.uint8)))
    (tmp_path / "f.gz").write_bytes(damage(whole))
    with pytest.raises(DataError, match=r"f\.gz is a damaged gzip file"):
        read_idx(tmp_path / "f.gz")


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none cannot be read: No such file or directory"):
        read_idx(tmp_path / "none")
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        read_idx(tmp_path)


@pytest.mark.parametrize(("code", "letter"), [(0x09, "b"), (0x0B, "h"), (0x0C, "i")])
def test_other_integers_where_they_fit(code: int, letter: str) -> None:
    array = idx.decode(struct.pack(f">HBBI3{letter}", 0, code, 1, 3, 0, 9, 127), "f")
    assert (array.dtype, array.tolist()) == (np.uint8, [0, 9, 127])


def test_the_class_is_the_first_of_qmnists_columns() -> None:
    rows = np.array([[3, 1, 2, 3, 4, 5, 999_999, 0], [7, 0, 0, 0, 0, 0, 0, 0]], ">i4")
    assert idx.decode(struct.pack(">HBBII", 0, 0x0C, 2, 2, 8) + rows.tobytes(), "f").tolist() == [3, 7]


def test_a_gzip_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idx, "MAX_BYTES", 100_000)
    (tmp_path / "f").write_bytes(gzip.compress(bytes(200_000)))
    with pytest.raises(DataError, match="f unpacks to more than the limit of 100000 bytes"):
        read_idx(tmp_path / "f")
    (tmp_path / "f").write_bytes(bytes(200_000))
    with pytest.raises(DataError, match="f cannot be read: larger than the limit of 100,000 bytes"):
        read_idx(tmp_path / "f")
