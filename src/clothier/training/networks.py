"""The networks: pictures in, one logit a class out, with the last hidden layer as the embedding.

Every network takes (N, 1, H, W) float32 pictures in [0, 1], scales them itself, and splits in two: ``features`` gives
the (N, D) embedding, ``head`` turns it into (N, K) logits. What is fitted to data before training (PCA, whitening,
mean and spread) are buffers, so that a saved model needs nothing else.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias, cast

import numpy as np
import torch
from torch import nn

from clothier.errors import DataError, UsageError
from clothier.exploration.pca import fit_pca
from clothier.recipes import DenseOnPca, StudyCnn, WhitenedCnn

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.exploration.pca import PCA
    from clothier.recipes import Network
    from clothier.types import Images

ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU}
PATCH_SAMPLE = 5_000  # pictures that the stem's whitening is fitted on (airbench94): 3 million patches
STEM_RIDGE = 5e-4  # added to the eigenvalues of patches, so that flat ones do not blow up noise (airbench94)
PCA_RIDGE = 1e-3  # added to variances (pixels in [0, 1]) before whitening, so that noise is not blown up
BATCH_NORM_MOMENTUM = 0.4  # running statistics follow quickly: a fast recipe has few hundred steps (airbench94)
LEAK = 0.2  # slope of the study's LeakyReLU below zero
STUDY_SIDE = 28  # pixels; the study's CNN ends in 2x2 maps only from 28x28 pictures

AnyNetwork: TypeAlias = nn.Module  # (N, 1, H, W) float32 in [0, 1] to (N, K) logits; a user's own may be any


class GarmentNetwork(nn.Module):
    """A network in two parts, ``features`` and ``head``."""

    features: nn.Module
    head: nn.Module

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """(N, 1, H, W) float32 in [0, 1] to (N, K) logits."""
        return cast("torch.Tensor", self.head(self.features(pictures)))


class PcaProjection(nn.Module):
    """Pixels to principal components, each divided by a power of its variance."""

    mean: torch.Tensor
    components: torch.Tensor

    def __init__(self, pixels: int, components: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(pixels))
        self.register_buffer("components", torch.zeros(components, pixels))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """(N, 1, H, W) to (N, components)."""
        return nn.functional.linear(pictures.flatten(1) - self.mean, self.components)


class DenseNetwork(GarmentNetwork):
    """Linear layers on PCA features."""

    def __init__(self, spec: DenseOnPca, pixels: int, components: int, classes: int) -> None:
        super().__init__()
        widths = (components, *spec.hidden)
        layers: list[nn.Module] = [PcaProjection(pixels, components)]
        for before, after in pairwise(widths):
            layers.append(nn.Linear(before, after, bias=not spec.batch_norm))  # BatchNorm brings its own bias
            if spec.batch_norm:
                layers.append(nn.BatchNorm1d(after))
            layers.append(ACTIVATIONS[spec.activation]())
            if spec.dropout:
                layers.append(nn.Dropout(spec.dropout))
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(widths[-1], classes)


class StudyNetwork(GarmentNetwork):
    """The study's CNN, layer for layer (seed facts: 262,890 parameters for ten classes)."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *_study_block(1, 16),
            nn.MaxPool2d(2),
            *_study_block(16, 32),
            *_study_block(32, 64),
            nn.MaxPool2d(2),
            nn.Conv2d(64, 128, 3),
            nn.Flatten(),
            nn.Linear(512, 256),
            nn.ReLU(),
            nn.Linear(256, 128),
            nn.ReLU(),
        )
        self.head = nn.Linear(128, classes)


class WhitenedNetwork(GarmentNetwork):
    """A frozen whitening stem, pooled at once or not, then groups of convolutions that halve the side between them."""

    def __init__(self, spec: WhitenedCnn, classes: int) -> None:
        super().__init__()
        stem = Stem(spec.patch)
        widths = (stem.channels, *spec.widths)
        pairs = list(zip(pairwise(widths), spec.depths, strict=True))
        groups = [ConvGroup(*width, depth, halve=place > 0) for place, (width, depth) in enumerate(pairs)]
        self.features = nn.Sequential(
            OrderedDict(
                stem=stem,
                # before the activation, which commutes: a quarter of the memory to write
                halve=nn.MaxPool2d(2) if spec.pooled_stem else nn.Identity(),
                activation=nn.ReLU(),
                groups=nn.Sequential(*groups),
                pool=nn.AdaptiveMaxPool2d(1),
                flatten=nn.Flatten(),
            )
        )
        self.head = nn.Linear(widths[-1], classes, bias=False)
        nn.init.normal_(self.head.weight, std=1 / widths[-1])  # small, so that the first steps stay calm


class Stem(nn.Module):
    """Patches projected on their own whitened eigenvectors and on the negatives: fitted once, never trained."""

    mean: torch.Tensor
    spread: torch.Tensor
    filters: torch.Tensor

    def __init__(self, patch: int) -> None:
        super().__init__()
        self.channels = 2 * patch * patch
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("spread", torch.ones(()))
        self.register_buffer("filters", torch.zeros(self.channels, 1, patch, patch))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """(N, 1, H, W) to (N, channels, H - patch + 1, W - patch + 1)."""
        return nn.functional.conv2d((pictures - self.mean) / self.spread, self.filters)


class ConvGroup(nn.Module):
    """Pool, then ``depth`` times convolution, BatchNorm and activation; from depth 3 a residual over the later ones."""

    def __init__(self, before: int, after: int, depth: int, *, halve: bool = True) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(2) if halve else nn.Identity()
        self.first = _conv_block(before, after)
        self.later = nn.Sequential(*(layer for _ in range(depth - 1) for layer in _conv_block(after, after)))
        self.residual = depth > 2

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """(N, before, H, W) to (N, after, H // 2, W // 2); of the same height and width where it does not halve."""
        first = self.first(self.pool(maps))
        later = self.later(first)
        return first + later if self.residual else cast("torch.Tensor", later)


def _study_block(before: int, after: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(before, after, 3), nn.BatchNorm2d(after), nn.LeakyReLU(LEAK)


def _conv_block(before: int, after: int) -> nn.Sequential:
    """3x3 convolution that starts as the identity on its first channels, BatchNorm with a bias only, activation."""
    conv = nn.Conv2d(before, after, 3, padding=1, bias=False)
    nn.init.dirac_(conv.weight.data[:before])
    norm = nn.BatchNorm2d(after, momentum=BATCH_NORM_MOMENTUM)
    norm.weight.requires_grad = False
    return nn.Sequential(conv, norm, nn.ReLU())


def build(spec: Network, images: Images, classes: int, seed: int) -> GarmentNetwork:
    """The network of a recipe, fitted to the training images as far as it must be before training.

    Args:
        spec: the recipe's network.
        images: (N, H, W) uint8, the training images.
        classes: K.
        seed: of the first weights.

    Raises:
        UsageError: the pictures' size does not fit the network.
        DataError: the pictures are all the same, or too few for the components.
    """
    torch.manual_seed(seed)
    if isinstance(spec, DenseOnPca):
        return _dense(spec, images, classes)
    if isinstance(spec, StudyCnn):
        return _study(images, classes)
    return _whitened(spec, images, classes)


def _dense(spec: DenseOnPca, images: Images, classes: int) -> DenseNetwork:
    pca = fit_pca(images, spec.components)
    network = DenseNetwork(spec, pca.components.shape[1], len(pca.components), classes)
    projection = cast("PcaProjection", cast("nn.Sequential", network.features)[0])
    projection.mean = torch.as_tensor(pca.mean, dtype=torch.float32)
    projection.components = torch.as_tensor(
        (pca.components.T * _whitening(pca, spec.whitening)).T, dtype=torch.float32
    ).contiguous()
    return network


def _study(images: Images, classes: int) -> StudyNetwork:
    height, width = images.shape[1:]
    if (height, width) != (STUDY_SIDE, STUDY_SIDE):
        raise UsageError(f"the study's CNN takes 28x28 pictures, not {height}x{width}; use --preset fast.")
    return StudyNetwork(classes)


def _whitened(spec: WhitenedCnn, images: Images, classes: int) -> WhitenedNetwork:
    height, width = images.shape[1:]
    # the stem takes a patch less one; then the stem's pool, if any, and all groups but the first halve the rest
    least = 2 ** (len(spec.widths) - (not spec.pooled_stem)) + spec.patch - 1
    if min(height, width) < least:
        raise UsageError(
            f"a CNN with a {spec.patch}x{spec.patch} stem and {len(spec.widths)} groups takes pictures from "
            f"{least}x{least} on, not {height}x{width}; give the recipe fewer network.widths."
        )
    network = WhitenedNetwork(spec, classes)
    _whiten(cast("Stem", network.features.stem), images)
    return network


def _whitening(pca: PCA, exponent: float) -> npt.NDArray[np.float64]:
    """Factors (components,) on the principal components; 1 for exponent 0, else such that their mean square is 1."""
    if exponent == 0:
        return np.ones(len(pca.components))
    factors = (pca.explained_variance + PCA_RIDGE) ** -exponent
    scaled: npt.NDArray[np.float64] = factors / np.sqrt(np.mean(factors**2 * pca.explained_variance))
    return scaled


def _whiten(stem: Stem, images: Images) -> None:
    """Fits the stem to patches: eigenvectors of their second moments, scaled to unit response."""
    sample = torch.as_tensor(images[:PATCH_SAMPLE]).float() / 255
    if sample.min() == sample.max():
        raise DataError("the training pictures are all one grey: there is nothing to whiten. Check the data.")
    stem.mean, stem.spread = sample.mean(), sample.std()
    patch = stem.filters.shape[-1]
    patches = ((sample - stem.mean) / stem.spread).unfold(1, patch, 1).unfold(2, patch, 1).reshape(-1, patch * patch)
    moments = patches.T @ patches / len(patches)
    values, vectors = torch.linalg.eigh(moments)
    scaled = vectors.T / torch.sqrt(values + STEM_RIDGE)[:, None]
    stem.filters = torch.cat((scaled, -scaled)).reshape(stem.filters.shape).contiguous()


def count_parameters(network: nn.Module) -> int:
    """Trainable weights; what is fitted before training (PCA, whitening) is not counted."""
    return sum(weight.numel() for weight in network.parameters() if weight.requires_grad)
