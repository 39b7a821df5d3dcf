import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clothier.learning.augment import alternating, blanked, shifted, vary
from clothier.recipes import Augment


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def bright(count: int, height: int = 9, width: int = 11) -> torch.Tensor:
    """Pictures without a black pixel, all pixels of one different."""
    pixels = torch.arange(1, height * width + 1, dtype=torch.uint8).reshape(1, height, width)
    return pixels.repeat(count, 1, 1)


def moved(picture: torch.Tensor, down: int, right: int) -> torch.Tensor:
    """Pixel by pixel, the slow and obvious way."""
    height, width = picture.shape
    result = torch.zeros_like(picture)
    for row in range(height):
        for column in range(width):
            if 0 <= row - down < height and 0 <= column - right < width:
                result[row, column] = picture[row - down, column - right]
    return result


@settings(max_examples=25, deadline=None)
@given(limit=st.integers(1, 4), seed=st.integers(0, 2**32 - 1))
def test_shifted_moves_each_picture_by_at_most_the_limit_and_brings_in_black(limit: int, seed: int) -> None:
    picture = bright(1)[0]
    reach = range(-limit, limit + 1)
    possible = [moved(picture, down, right) for down in reach for right in reach]
    for result in shifted(bright(4), limit, chance(seed)):
        assert any(torch.equal(result, one) for one in possible)


def test_shifted_reaches_every_place_about_equally_often() -> None:
    picture = torch.zeros((4500, 9, 9), dtype=torch.uint8)
    picture[:, 4, 4] = 255
    hits = shifted(picture, 1, chance()).float().sum(0) / 255
    expected = 4500 / 9
    assert (hits[3:6, 3:6] - expected).abs().max() < 5 * (expected * 8 / 9) ** 0.5  # five standard deviations
    assert hits.sum() == 4500


def test_a_blank_is_one_square_that_may_hang_over_the_edge() -> None:
    results = blanked(bright(500), 4, chance())
    for result in results:
        rows, columns = torch.nonzero(result == 0, as_tuple=True)
        black = (result == 0)[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert black.all()
        assert max(black.shape) <= 4
    areas = (results == 0).sum((1, 2))
    assert areas.max() == 16
    assert areas.min() == 4  # its centre lies inside: at least two rows and two columns of it show
    assert (results == 0).any(0).all()  # no place is spared for ever


def test_every_picture_is_mirrored_every_other_epoch() -> None:
    coins = torch.tensor([True, False, False, True])
    shown = torch.stack([alternating(coins, epoch) for epoch in range(1, 7)])
    assert shown[0].tolist() == coins.tolist()
    assert torch.equal(shown[1:], ~shown[:-1])


def test_vary_mirrors_the_marked_pictures_only() -> None:
    images = bright(3)
    result = vary(images, Augment(flip=True), torch.tensor([False, True, False]), chance())
    assert torch.equal(result[1], images[1].flip(-1))
    assert torch.equal(result[[0, 2]], images[[0, 2]])


@pytest.mark.parametrize("augment", [Augment(), Augment(shift=2), Augment(cutout=5), Augment(shift=1, cutout=3)])
def test_vary_keeps_shape_type_and_its_input_and_repeats_itself_by_its_generator(augment: Augment) -> None:
    images = bright(20)
    coins = torch.arange(20) % 2 == 0
    first, again, other = (vary(images, augment, coins, chance(seed)) for seed in (0, 0, 1))
    assert (first.shape, first.dtype) == (images.shape, torch.uint8)
    assert torch.equal(images, bright(20))
    assert torch.equal(first, again)
    assert torch.equal(first, other) == (augment == Augment())


def test_chance_comes_from_the_generator_alone() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    vary(bright(4), Augment(shift=2, cutout=3), None, chance())
    assert torch.equal(torch.get_rng_state(), before)
