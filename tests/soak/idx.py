"""Damaged IDX data sets: each loads, or is refused with exit code 4, in bounded time and memory.

Changed and cut files, gzipped or not, headers that lie, other kinds of files, odd class names, files in each other's
place. ``make soak`` tries 196.
"""

from __future__ import annotations

import gzip
import struct
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from clothier.data.idx import MAX_BYTES
from clothier.data.idx_files import CLASSES_FILE, FILE_NAMES, TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS
from clothier.data.sources import open_dataset
from tests.soak.attempts import Soak, change_bytes, main, replace_file
from tests.synthetic import draw_garments, encode_idx

if TYPE_CHECKING:
    from pathlib import Path

    from tests.soak.attempts import Random

EXTREMES = (0, 1, 2, 27, 29, 255, 256, 65_535, 10**6, 2**31 - 1, 2**31, 2**32 - 1)
CLASSES: tuple[bytes, ...] = (
    *(b"", b"\n" * 20, b"a\n" * 10, b"\xff\xfe\n" * 10, b"\xef\xbb\xbfa\n", b"\0\n\x1b[2J\n", b"../../x\n" * 10),
    *(b"x" * 10**6, b"x\n" * 10**6, "\N{RIGHT-TO-LEFT OVERRIDE}\n".encode(), b"<b>\n=1+1\n"),
    *(
        "\n".join(f"{one}{at}" for at in range(10)).encode()
        for one in ("\ufeffa", "<b>", "=1+1", "\N{KISS}", "../", "")
    ),
)


@cache
def _contents() -> dict[str, bytes]:
    train, test = draw_garments(30, 0), draw_garments(20, 1)
    arrays = (train.images, train.labels.astype(np.uint8), test.images, test.labels.astype(np.uint8))
    names = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)
    return dict(zip(names, map(encode_idx, arrays), strict=True))


def _write(folder: Path) -> None:
    folder.mkdir()
    for name, content in _contents().items():
        (folder / name).write_bytes(content)


def _pick(folder: Path, random: Random) -> Path:
    return folder / FILE_NAMES[random.integers(len(FILE_NAMES))]


def _changed_bytes(folder: Path, random: Random) -> str:
    file = _pick(folder, random)
    change_bytes(file, random)
    return file.name


def _changed_header(folder: Path, random: Random) -> str:
    """The first bytes, in which everything is decided."""
    file = _pick(folder, random)
    content = bytearray(file.read_bytes())
    for at in random.integers(0, 16, random.integers(1, 4)):
        content[at] = random.integers(256)
    file.write_bytes(content)
    return f"{file.name} {content[:16].hex()}"


def _lying_header(folder: Path, random: Random) -> str:
    """Another element type, and another number and size of dimensions; half of the time with as many bytes."""
    file = _pick(folder, random)
    code = (0x08, 0x08, 0x09, 0x0B, 0x0C, 0x0D, 0x0E)[random.integers(7)]
    sizes = [EXTREMES[one] for one in random.integers(len(EXTREMES), size=random.integers(0, 5))]
    if random.random() < 0.2:
        sizes = [1] * int(random.integers(5, 256))
    header = struct.pack(f">HBB{len(sizes)}I", 0, code, len(sizes), *sizes)
    n = int(np.prod(sizes, dtype=object))
    body = bytes(n) if n < 10**7 and random.random() < 0.5 else file.read_bytes()[16:]
    file.write_bytes(header + body)
    return f"{file.name} {code:#x} {sizes[:5]}"


def _damaged_gzip(folder: Path, random: Random) -> str:
    file = _pick(folder, random)
    packed = file.with_name(f"{file.name}.gz")
    packed.write_bytes(gzip.compress(file.read_bytes(), mtime=0))
    file.unlink()
    change_bytes(packed, random)
    return packed.name


def _bomb(folder: Path, random: Random) -> str:
    """A small file that unpacks to more than the limit, or to just less."""
    file = _pick(folder, random)
    size = MAX_BYTES + (1 << 20) * int(random.choice([-600, 1]))
    content = struct.pack(">HBB3I", 0, 0x08, 3, size // 784, 28, 28) + bytes(size)
    file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(content, 1, mtime=0))
    file.unlink()
    return f"{file.name}, {size} bytes"


def _other_file(folder: Path, random: Random) -> str:
    return replace_file(_pick(folder, random), random)


def _odd_classes(folder: Path, random: Random) -> str:
    content = CLASSES[random.integers(len(CLASSES))]
    (folder / CLASSES_FILE).write_bytes(content)
    return repr(content[:20])


def _swapped(folder: Path, random: Random) -> str:
    """A file in place of another."""
    one, other = (FILE_NAMES[at] for at in random.choice(len(FILE_NAMES), 2, replace=False))
    (folder / one).write_bytes((folder / other).read_bytes())
    return f"{other} as {one}"


def _load(folder: Path) -> str:
    dataset = open_dataset(folder, any_idx=True)
    assert dataset.digest
    counts = [split.class_counts(len(dataset.classes)).sum() for split in (dataset.train, dataset.test)]
    return "load" if counts == [len(dataset.train), len(dataset.test)] else "load too few labels"


DAMAGES = (
    *(_changed_bytes, _changed_header, _lying_header, _damaged_gzip, _lying_header, _other_file, _odd_classes),
    *(_swapped, _changed_header, _lying_header, _changed_bytes, _other_file, _odd_classes, _bomb),
)
SOAK = Soak("idx", 196, _write, DAMAGES, _load, ("load",))

if __name__ == "__main__":
    main(SOAK, __doc__ or "")
