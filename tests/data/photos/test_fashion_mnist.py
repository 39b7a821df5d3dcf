from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from clothier.data.photos import fashion_mnist, load_image, to_fashion_mnist
from clothier.types import InputSpec
from tests.synthetic import draw_garments

DRAWN = draw_garments(20, 1).images


class TestToFashionMnist:
    @given(st.integers(0, 19), st.sampled_from(["L", "RGB"]))
    def test_images_in_the_format_are_unchanged(self, index: int, mode: str) -> None:
        assert np.array_equal(to_fashion_mnist(Image.fromarray(DRAWN[index]).convert(mode)), DRAWN[index])

    def test_an_inverted_image_is_inverted_back(self) -> None:
        assert np.array_equal(to_fashion_mnist(Image.fromarray(255 - DRAWN[3])), DRAWN[3])

    def test_images_from_files_are_unchanged(self, tmp_path: Path) -> None:
        Image.fromarray(DRAWN[5]).save(tmp_path / "shoe.png")
        assert np.array_equal(load_image(tmp_path / "shoe.png", InputSpec()), DRAWN[5])

    @pytest.mark.parametrize("background", ["white", "black", (250, 252, 248)])
    def test_a_garment_is_centered_and_light_on_black(self, background: object) -> None:
        photo = Image.new("RGB", (400, 600), background)
        photo.paste((130, 120, 125), (40, 300, 180, 580))  # twice as high as wide, down on the left
        view = to_fashion_mnist(photo)
        assert view.shape == (28, 28)
        assert view.dtype == np.uint8
        assert view[:, 7:21].min() > 90
        assert max(view[:, :7].max(), view[:, 21:].max()) < 10

    def test_the_steps_of_the_paper(self) -> None:
        """An enlarged, inverted image with a margin is converted back almost unchanged."""
        for view in DRAWN[:8]:
            rows, columns = np.nonzero(view > 20)
            cut = view[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
            photo = Image.new("L", (900, 1000), 255)
            enlarged = Image.fromarray(255 - cut).resize(
                (cut.shape[1] * 20, cut.shape[0] * 20), Image.Resampling.BICUBIC
            )
            photo.paste(enlarged, (100, 200))
            again = to_fashion_mnist(photo)
            expected = to_fashion_mnist(Image.fromarray(255 - cut))
            assert np.corrcoef(again.ravel(), expected.ravel())[0, 1] > 0.85

    def test_a_garment_that_covers_one_corner(self) -> None:
        photo = Image.new("L", (280, 280), 255)
        photo.paste(100, (140, 140, 280, 280))
        assert to_fashion_mnist(photo).min() >= 150

    @pytest.mark.parametrize(("size", "value"), [((1, 1), 255), ((1, 1), 0), ((3, 500), 200), ((2000, 1), 20)])
    def test_blank_images_stay_blank(self, size: tuple[int, int], value: int) -> None:
        view = to_fashion_mnist(Image.new("L", size, value))
        assert (view == (255 - value if value >= 128 else value)).all()

    def test_outlines_are_sharpened(self) -> None:
        photo = Image.new("L", (28, 28), 255)
        photo.paste(60, (0, 0, 28, 28))
        photo.paste(140, (10, 10, 18, 18))
        pixels = np.asarray(photo)
        sharp = fashion_mnist._sharpen(pixels)
        assert sharp[9, 14] < pixels[9, 14]
        assert sharp[10, 14] > pixels[10, 14]
        assert sharp[2, 2] == pixels[2, 2]
        assert sharp[14, 14] == pixels[14, 14]
