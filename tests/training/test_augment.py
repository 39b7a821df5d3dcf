import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clothier.training.augment import (
    alternating_flip,
    cutmix,
    cutout,
    hflip,
    mixup,
    random_erasing,
    random_offsets,
    translate,
)


def generator_from(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def bright_images(count: int, height: int = 9, width: int = 11) -> torch.Tensor:
    """Images without a black pixel, all pixels of an image different."""
    pixels = torch.arange(1, height * width + 1, dtype=torch.uint8).reshape(1, height, width)
    return pixels.repeat(count, 1, 1)


def translate_one(image: torch.Tensor, down: int, right: int) -> torch.Tensor:
    """Pixel by pixel, as a reference."""
    height, width = image.shape
    result = torch.zeros_like(image)
    for row in range(height):
        for column in range(width):
            if 0 <= row - down < height and 0 <= column - right < width:
                result[row, column] = image[row - down, column - right]
    return result


@settings(max_examples=25, deadline=None)
@given(limit=st.integers(1, 4), seed=st.integers(0, 2**32 - 1))
def test_translate_shifts_by_at_most_the_limit_and_fills_with_black(limit: int, seed: int) -> None:
    image = bright_images(1)[0]
    reach = range(-limit, limit + 1)
    possible = [translate_one(image, down, right) for down in reach for right in reach]
    for result in translate(bright_images(4), random_offsets(4, limit, generator_from(seed)), limit):
        assert any(torch.equal(result, one) for one in possible)


def test_random_offsets_are_uniform() -> None:
    image = torch.zeros((4500, 9, 9), dtype=torch.uint8)
    image[:, 4, 4] = 255
    hits = translate(image, random_offsets(4500, 1, generator_from()), 1).float().sum(0) / 255
    expected = 4500 / 9
    assert (hits[3:6, 3:6] - expected).abs().max() < 5 * (expected * 8 / 9) ** 0.5  # five standard deviations
    assert hits.sum() == 4500


def test_cutout_blanks_one_square_clipped_at_the_border() -> None:
    results = cutout(bright_images(500), 4, generator_from())
    for result in results:
        rows, columns = torch.nonzero(result == 0, as_tuple=True)
        black = (result == 0)[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert black.all()
        assert max(black.shape) <= 4
    areas = (results == 0).sum((1, 2))
    assert areas.max() == 16
    assert areas.min() == 4  # its center lies inside: at least two rows and two columns of it show
    assert (results == 0).any(0).all()  # no place is spared for ever


def test_random_erasing_fills_one_rectangle_with_one_gray() -> None:
    images = torch.zeros((2000, 28, 28), dtype=torch.uint8)
    results = random_erasing(images, 1.0, generator_from())
    grays, shares, ratios = [], [], []
    for result in results[results.amax((1, 2)) > 0]:
        rows, columns = torch.nonzero(result, as_tuple=True)
        inside = result[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert (inside == inside[0, 0]).all()
        grays.append(int(inside[0, 0]))
        shares.append(inside.numel() / 28**2)
        ratios.append(inside.shape[0] / inside.shape[1])
    assert len(grays) > 1970  # about one gray in 256 is black
    assert (min(grays), max(grays)) == (1, 255)
    assert 0.01 < min(shares) < 0.03  # 2 to 40 %, as far as whole pixels allow
    assert 0.38 < max(shares) < 0.42
    assert sum(shares) / len(shares) == pytest.approx(0.21, abs=0.01)
    assert 0.15 < min(ratios) < 0.4
    assert 2.8 < max(ratios) < 4.5
    assert (results > 0).any(0).all()  # no place is spared for ever


@pytest.mark.parametrize("fraction", [0.0, 0.25, 1.0])
def test_random_erasing_spares_the_other_images(fraction: float) -> None:
    images = bright_images(2000)
    changed = (random_erasing(images, fraction, generator_from()) != images).any(2).any(1).float().mean()
    assert float(changed) == pytest.approx(fraction, abs=0.04)


def test_every_image_is_flipped_every_other_epoch() -> None:
    coins = torch.tensor([True, False, False, True])
    shown = torch.stack([alternating_flip(coins, epoch) for epoch in range(1, 7)])
    assert shown[0].tolist() == coins.tolist()
    assert torch.equal(shown[1:], ~shown[:-1])


def test_only_the_masked_images_are_flipped() -> None:
    images = bright_images(3)
    result = hflip(images, torch.tensor([False, True, False]))
    assert torch.equal(result[1], images[1].flip(-1))
    assert torch.equal(result[[0, 2]], images[[0, 2]])


def test_offset_zero_is_the_largest_shift_down_and_right() -> None:
    image = bright_images(1)
    for down, right in ((-1, 0), (0, 0), (1, -1)):
        result = translate(image, torch.tensor([[1 - down], [1 - right]]), 1)
        assert torch.equal(result[0], translate_one(image[0], down, right))


def test_cutmix_copies_a_rectangle_and_reports_its_share() -> None:
    values = torch.arange(1, 201, dtype=torch.uint8)
    images = values[:, None, None].expand(200, 9, 11).contiguous()
    found = cutmix(images, generator_from())
    for place in range(200):
        own = found.images[place] == values[place]
        partner = values[found.permutation[place]]
        assert (found.images[place][~own] == partner).all()
        if partner != values[place] and not own.all():
            rows, columns = torch.nonzero(~own, as_tuple=True)
            assert (~own[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]).all()
            assert float(found.lam[place]) == pytest.approx(float(own.float().mean()))


def test_cutmix_keeps_between_none_and_all_of_an_image() -> None:
    shares = cutmix(bright_images(2000), generator_from()).lam
    assert shares.min() < 0.1
    assert shares.max() > 0.95
    assert 0.5 < shares.mean() < 0.75  # half would be left if nothing of the rectangles were cut off at the edge


def test_targets_are_mixed_like_the_images() -> None:
    found = cutmix(bright_images(50), generator_from())
    blended = found.mix_targets(torch.eye(50))
    assert torch.allclose(blended.sum(1), torch.ones(50))
    for place, partner in enumerate(found.permutation.tolist()):
        whole = float(found.lam[place])
        assert float(blended[place, place]) == pytest.approx(1.0 if partner == place else whole)
        assert float(blended[place, partner]) == pytest.approx(1.0 if partner == place else 1 - whole)


def test_mixup_blends_two_images_with_at_least_half_of_the_original() -> None:
    values = torch.arange(1, 201, dtype=torch.uint8)
    found = mixup(values[:, None, None].expand(200, 9, 11).contiguous(), 0.5, generator_from())
    expected = found.lam * values + (1 - found.lam) * values[found.permutation]
    assert torch.allclose(found.images[:, 0, 0].float(), expected, atol=0.5)
    assert (found.images == found.images[:, :1, :1]).all()
    assert found.lam.min() >= 0.5
    assert found.lam.max() > 0.99


def test_a_small_alpha_hardly_changes_most_images() -> None:
    little, much = (float(mixup(bright_images(2000), alpha, generator_from()).lam.mean()) for alpha in (0.1, 5.0))
    assert little > 0.9
    assert much < 0.65


def augment_once(images: torch.Tensor, seed: int) -> list[torch.Tensor]:
    """A batch after each random augmentation."""
    return [
        translate(images, random_offsets(len(images), 2, generator_from(seed)), 2),
        cutout(images, 3, generator_from(seed)),
        random_erasing(images, 0.5, generator_from(seed)),
        cutmix(images + torch.arange(len(images), dtype=torch.uint8)[:, None, None], generator_from(seed)).images,
        mixup(images + torch.arange(len(images), dtype=torch.uint8)[:, None, None], 0.3, generator_from(seed)).images,
    ]


def test_augmentations_keep_shape_and_type_and_depend_only_on_the_generator() -> None:
    images = bright_images(20)
    for first, again, other in zip(*(augment_once(images, seed) for seed in (0, 0, 1)), strict=True):
        assert (first.shape, first.dtype) == (images.shape, torch.uint8)
        assert torch.equal(first, again)
        assert not torch.equal(first, other)
    assert torch.equal(images, bright_images(20))


def test_the_global_generator_is_not_used() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    augment_once(bright_images(4), 0)
    assert torch.equal(torch.get_rng_state(), before)
