"""Fifteen image corruptions, each with five severities.

The kinds and their names are those of Fashion-MNIST-C (Weiss and Tonella, 10.1145/3533767.3534375), which follows
MNIST-C (arXiv 1906.02337) and draws the severity of each image at random. The five severities follow ImageNet-C
(Hendrycks and Dietterich, arXiv 1903.12261), and so do their values if ImageNet-C has the corruption. Corruptions
without a natural severity apply to a fraction: flips and turns to 20-100 % of the images, inversion to the brightest
pixels first.

Each is a pure function of ``images``, (N, H, W) or (N, H, W, 3) uint8 square images; ``severity``, 1 to 5; and
``seed``. It returns the same shape. Lengths scale with the image side.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from clothier.evaluation.corruptions import blur, geometric, photometric

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from clothier.types import Images

    Corruption = Callable[[Images, int, int], Images]

SEVERITIES = (1, 2, 3, 4, 5)

CORRUPTIONS: Mapping[str, Corruption] = MappingProxyType(
    {
        "shot_noise": photometric.shot_noise,
        "impulse_noise": photometric.impulse_noise,
        "glass_blur": blur.glass_blur,
        "motion_blur": blur.motion_blur,
        "shear": geometric.shear,
        "scale": geometric.scale,
        "rotate": geometric.rotate,
        "brightness": photometric.brightness,
        "contrast": photometric.contrast,
        "saturate": photometric.saturate,
        "inverse": photometric.inverse,
        "flip_sides": geometric.flip_sides,
        "flip_up_down": geometric.flip_up_down,
        "turn_left": geometric.turn_left,
        "turn_right": geometric.turn_right,
    }
)
"""By name, in the order of Fashion-MNIST-C."""
