from __future__ import annotations

import io

import pytest
from PIL import Image

from clothier.data.photos import to_jpeg


@pytest.mark.parametrize(
    ("size", "mode", "expected"),
    [
        ((600, 800), "RGB", (288, 384)),
        ((384, 100), "RGB", (384, 100)),
        ((20, 10), "L", (20, 10)),
        ((8, 8_000), "RGB", (1, 384)),
    ],
)
def test_the_longer_side_is_bounded_and_nothing_is_enlarged(
    size: tuple[int, int], mode: str, expected: tuple[int, int]
) -> None:
    image = Image.new(mode, size)
    image.info.update(comment=b"a secret", icc_profile=b"a profile", exif=b"Exif\0\0")
    content = to_jpeg(image, 384, 75)
    made = Image.open(io.BytesIO(content))
    assert (made.format, made.size, made.mode) == ("JPEG", expected, mode)
    assert not {"comment", "icc_profile", "exif"} & set(made.info)
    assert image.size == size
