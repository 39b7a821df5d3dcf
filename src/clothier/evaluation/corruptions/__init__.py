"""Fifteen image corruptions, each with five severities.

The kinds and their names are those of Fashion-MNIST-C (Weiss and Tonella, 10.1145/3533767.3534375), which follows
MNIST-C (arXiv 1906.02337) and draws the severity of each image at random. The five severities follow ImageNet-C
(Hendrycks and Dietterich, arXiv 1903.12261), and so do their values if ImageNet-C has the corruption. Corruptions
without a natural severity apply to a fraction: flips and turns to 20-100 % of the images, inversion to the brightest
pixels first.

Each is a pure function of ``images``, (N, H, W) or (N, H, W, 3) uint8 square images; ``severity``, 1 to 5; and
``seed``. It returns the same shape. Lengths scale with the image side. numpy only.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from clothier.evaluation.corruptions.blur import glass_blur, motion_blur
from clothier.evaluation.corruptions.geometric import (
    flip_sides,
    flip_up_down,
    rotate,
    scale,
    shear,
    turn_left,
    turn_right,
)
from clothier.evaluation.corruptions.photometric import (
    brightness,
    contrast,
    impulse_noise,
    inverse,
    saturate,
    shot_noise,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from clothier.types import Images

    Corruption = Callable[[Images, int, int], Images]

SEVERITIES = (1, 2, 3, 4, 5)

CORRUPTIONS: Mapping[str, Corruption] = MappingProxyType(
    {
        "shot_noise": shot_noise,
        "impulse_noise": impulse_noise,
        "glass_blur": glass_blur,
        "motion_blur": motion_blur,
        "shear": shear,
        "scale": scale,
        "rotate": rotate,
        "brightness": brightness,
        "contrast": contrast,
        "saturate": saturate,
        "inverse": inverse,
        "flip_sides": flip_sides,
        "flip_up_down": flip_up_down,
        "turn_left": turn_left,
        "turn_right": turn_right,
    }
)
"""By name, in the order of Fashion-MNIST-C."""
