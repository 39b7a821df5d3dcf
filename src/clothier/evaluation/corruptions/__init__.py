"""Fifteen ways in which pictures go wrong, in five degrees each: how fast does a model's accuracy fall?

The names and kinds are those of Fashion-MNIST-C (Weiss and Tonella, 10.1145/3533767.3534375), which follows MNIST-C
(arXiv 1906.02337) and leaves a picture's degree to chance; the five severities are ImageNet-C's idea (Hendrycks and
Dietterich, arXiv 1903.12261), and so are their numbers where it has the corruption. Those that know no degree get one:
mirrored and turned are a fifth of the pictures to all of them, inverted the lightest tones to all of them.

Each is a pure function of ``images``, (N, H, W) or (N, H, W, 3) uint8 of square pictures; ``severity``, 1 to 5; and
``seed``. It returns the same shape. Lengths grow with the picture's side. numpy only.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

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
    from collections.abc import Mapping

    from clothier.types import Images

SEVERITIES = (1, 2, 3, 4, 5)


class Corruption(Protocol):
    """One way in which pictures go wrong."""

    def __call__(self, images: Images, severity: int, seed: int) -> Images:
        """``images`` corrupted, 1 (slightly) to 5 (badly); the same seed draws the same."""


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
"""By name, in Fashion-MNIST-C's order."""
