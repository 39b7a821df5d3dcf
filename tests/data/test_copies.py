"""Copies among many photos: all pairs, each in the group of the photo that is kept."""

from __future__ import annotations

import numpy as np
import pytest

from clothier.data import copies
from clothier.data.copies import group_copies
from clothier.data.fingerprints import MAX_DIFFERENCE, hash_difference

N = 300


def random_hashes(n: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (n, 64), np.uint8)


def flip(hashes: np.ndarray, bits: int, seed: int = 2) -> np.ndarray:
    """Copies in which ``bits`` of 512 differ."""
    found = np.unpackbits(hashes, axis=1)
    generator = np.random.default_rng(seed)
    for row in found:
        row[generator.choice(512, bits, replace=False)] ^= 1
    return np.packbits(found, axis=1)


def one_color(rows: np.ndarray) -> np.ndarray:
    return np.ones((len(rows), 1), np.float32)


@pytest.mark.parametrize("block", [1024, 7])
def test_copies_go_to_the_first_photo_that_they_match(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "BLOCK", block)
    monkeypatch.setattr(copies, "COLUMNS", 50)
    originals = random_hashes(N)
    hashes = np.concatenate([originals, flip(originals[:100], 30), originals[:50], flip(originals[:20], 200)])
    expected = np.concatenate([np.arange(N), np.arange(100), np.arange(50), np.arange(20) + N + 150])
    calls: list[tuple[float, float]] = []
    found = group_copies(hashes, one_color, progress=lambda task, done, total, note="": calls.append((done, total)))
    assert found.tolist() == expected.tolist()
    assert calls[-1] == (len(hashes), len(hashes))


def test_every_match_is_found() -> None:
    """Against a comparison of all pairs, at differences around the limit."""
    hashes = np.concatenate([random_hashes(40), *(flip(random_hashes(40), bits, bits) for bits in range(38, 58))])
    found = group_copies(hashes, one_color)
    content = [one.tobytes() for one in hashes]
    expected = np.arange(len(hashes))
    for row in range(len(hashes)):
        for other in range(row + 1, len(hashes)) if expected[row] == row else ():
            if expected[other] == other and hash_difference(content[row], content[other]) <= MAX_DIFFERENCE:
                expected[other] = row
    assert found.tolist() == expected.tolist()
    assert 40 < len(set(found.tolist())) < len(hashes) - 40, "some match and some do not"


def test_a_chain_is_no_group() -> None:
    first = random_hashes(1)
    second = flip(first, 40, 3)
    third = flip(second, 40, 4)
    assert group_copies(np.concatenate([first, second, third]), one_color).tolist() == [0, 0, 2]


def test_another_color_is_another_picture() -> None:
    colors = np.array([[1, 0], [0, 1], [1, 0]], np.float32)
    assert group_copies(np.repeat(random_hashes(1), 3, axis=0), lambda rows: colors[rows]).tolist() == [0, 1, 0]


def test_uniform_images_and_no_images_have_no_copies() -> None:
    assert group_copies(np.zeros((3, 64), np.uint8), one_color).tolist() == [0, 1, 2]
    assert group_copies(np.zeros((0, 64), np.uint8), one_color).tolist() == []
