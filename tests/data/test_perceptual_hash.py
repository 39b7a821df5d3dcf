from __future__ import annotations

import numpy as np
from PIL import Image

from clothier.data.perceptual_hash import dhash, matches


def photos(count: int) -> np.ndarray:
    """Random smooth images."""
    blotches = np.random.default_rng(0).integers(0, 256, (count, 12, 12, 3), dtype=np.uint8)
    return np.stack([np.asarray(Image.fromarray(one).resize((96, 96), Image.Resampling.BICUBIC)) for one in blotches])


def copy(image: np.ndarray) -> np.ndarray:
    """Copies that were scaled down and up again."""
    small = Image.fromarray(image).resize((61, 61), Image.Resampling.BILINEAR)
    return np.asarray(small.resize((96, 96), Image.Resampling.BILINEAR))


def test_copies_match_and_others_do_not() -> None:
    seen = photos(20)
    learnt = dhash(seen[:10])
    assert (learnt.shape, learnt.dtype) == ((10, 32), np.uint8)
    asked = np.stack([copy(one) for one in seen])
    assert matches(dhash(asked), learnt).tolist() == [True] * 10 + [False] * 10


def test_a_uniform_image_never_matches() -> None:
    plain = np.full((2, 96, 96, 3), 240, np.uint8)
    assert matches(dhash(plain), dhash(plain)).tolist() == [False, False]


def test_gray_images_and_no_images() -> None:
    gray = photos(3)[..., 0]
    assert matches(dhash(gray), dhash(gray)).all()
    assert matches(dhash(gray), dhash(gray[:0])).tolist() == [False] * 3
    assert matches(dhash(gray[:0]), dhash(gray)).shape == (0,)
