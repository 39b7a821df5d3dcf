from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from clothier.data.fingerprints import THUMBNAIL_SIZE, compute_fingerprints, dhash, dhash_both_ways, matches
from clothier.data.photos import decode_image, to_fashion_mnist
from clothier.errors import ImageError


@pytest.fixture
def photo() -> Image.Image:
    """A random garment on a light carpet, 300x400 pixels in color."""
    generator = np.random.default_rng(4)
    pixels = generator.normal(215, 6, (400, 300, 3))
    pixels[60:330, 70:240] = generator.normal(90, 25, (270, 170, 3)) + 40 * np.sin(np.arange(170) / 9)[:, None]
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(1.5))


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first.ravel().astype(float), second.ravel().astype(float))[0, 1])


def test_digest_depends_on_pixels_only(tmp_path: Path, photo: Image.Image) -> None:
    photo.save(tmp_path / "a.png", compress_level=1)
    photo.save(tmp_path / "b.png", compress_level=9)
    photo.save(tmp_path / "c.bmp")
    photo.save(tmp_path / "d.jpg")
    photo.rotate(90, expand=True).save(tmp_path / "e.png")
    calls = []
    prints = compute_fingerprints(
        [str(tmp_path / name) for name in ("a.png", "b.png", "c.bmp", "d.jpg", "e.png")],
        lambda task, done, total, note="": calls.append((done, total)),
    )
    digests = [digest.tobytes() for digest in prints.digests]
    assert digests[0] == digests[1] == digests[2]
    assert len(set(digests)) == 3
    assert calls == [(done, 5) for done in range(1, 6)]


def test_a_reduced_copy_matches_where_its_fashion_mnist_image_does_not(tmp_path: Path, photo: Image.Image) -> None:
    photo.save(tmp_path / "whole.png")
    photo.resize((210, 280), Image.Resampling.LANCZOS).save(tmp_path / "copy.jpg", quality=60)
    files = tmp_path / "whole.png", tmp_path / "copy.jpg"
    small = compute_fingerprints([str(file) for file in files]).thumbnails
    assert small.shape == (2, THUMBNAIL_SIZE, THUMBNAIL_SIZE)
    assert correlation(*small) > 0.999
    assert correlation(*(to_fashion_mnist(decode_image(file)) for file in files)) < 0.999


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"gone\.png does not exist"):
        compute_fingerprints([str(tmp_path / "gone.png")])


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
    assert (learnt.shape, learnt.dtype) == ((10, 64), np.uint8)
    asked = np.stack([copy(one) for one in seen])
    assert matches(dhash_both_ways(asked), learnt).tolist() == [True] * 10 + [False] * 10
    assert matches(dhash_both_ways(asked[:, :, ::-1]), learnt).tolist() == [True] * 10 + [False] * 10
    assert not matches(dhash_both_ways(np.rot90(asked, 2, (1, 2))), learnt).any()


@pytest.mark.parametrize("channels", [(), (3,)])
def test_the_second_hash_is_that_of_the_mirror_image(channels: tuple[int, ...]) -> None:
    """Also where tiles are equal, so that it is not the first hash reversed."""
    images = np.random.default_rng(0).integers(0, 3, (4, 9, 5, *channels), dtype=np.uint8)
    both = dhash_both_ways(images)
    assert (both[:, 0] == dhash(images)).all()
    assert (both[:, 1] == dhash(np.ascontiguousarray(images[:, :, ::-1]))).all()


def on_white(seed: int) -> np.ndarray:
    """A garment in the middle of a white studio picture; what differs with ``seed`` runs from top to bottom."""
    columns = np.random.default_rng(0).integers(0, 90, 6)
    rows = np.random.default_rng(seed).integers(0, 90, 7)
    gray = (30 + columns + rows[:, None]).astype(np.uint8)
    image = np.full((96, 96), 255, np.uint8)
    image[6:90, 12:84] = np.asarray(Image.fromarray(gray).resize((72, 84), Image.Resampling.BICUBIC))
    return np.repeat(image[..., None], 3, axis=2)


def test_garments_of_the_same_outline_on_white_do_not_match() -> None:
    """The tiles get brighter to the right in the same places; only downwards they differ."""
    smaller = np.asarray(Image.fromarray(on_white(1)).resize((72, 72), Image.Resampling.LANCZOS))
    hashes = np.concatenate([dhash_both_ways(np.stack([on_white(1), on_white(2)])), dhash_both_ways(smaller[None])])
    assert np.bitwise_count(hashes[0, 0, :32] ^ hashes[1, 0, :32]).sum() <= 16
    assert matches(hashes[1:], hashes[:1, 0]).tolist() == [False, True]


def test_a_uniform_image_never_matches() -> None:
    plain = np.full((2, 96, 96, 3), 240, np.uint8)
    assert matches(dhash_both_ways(plain), dhash(plain)).tolist() == [False, False]


def test_gray_images_and_no_images() -> None:
    gray = photos(3)[..., 0]
    assert matches(dhash_both_ways(gray), dhash(gray)).all()
    assert matches(dhash_both_ways(gray), dhash(gray[:0])).tolist() == [False] * 3
    assert matches(dhash_both_ways(gray[:0]), dhash(gray)).shape == (0,)
