"""The networks: from images to one logit for each class. The last hidden layer is the embedding.

Every network takes (N, 1, H, W) float32 images in [0, 1], normalizes them itself, and has two parts: ``features`` gives
the (N, D) embedding, ``head`` the (N, K) logits. What is fitted to data before training (PCA, whitening, mean and
standard deviation) are buffers, so a saved model needs nothing else.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import chain, pairwise
from typing import TYPE_CHECKING, TypeAlias, cast

import numpy as np
import torch
from torch import nn

from clothier.errors import DataError, UsageError
from clothier.exploration.pca import fit_pca
from clothier.recipes import PcaMlp, ResidualCnn, WhitenedCnn
from clothier.training.memory import require_memory

if TYPE_CHECKING:
    import numpy.typing as npt

    from clothier.exploration.pca import PCA
    from clothier.recipes import Network
    from clothier.types import Images

ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU}
WHITENING_SAMPLE = 5_000  # images to fit the stem's whitening on (airbench94): 3 million patches
STEM_RIDGE = 5e-4  # added to the eigenvalues of patches, to limit the amplification of noise (airbench94)
PCA_RIDGE = 1e-3  # added to variances (pixels in [0, 1]) before whitening, to limit the amplification of noise
BATCH_NORM_MOMENTUM = 0.4  # high, because a fast recipe has only a few hundred steps (airbench94)
LEAKY_SLOPE = 0.2  # of the reference study's LeakyReLU below zero
STUDY_IMAGE_SIZE = 28  # pixels; only 28x28 images end in the 2x2 maps that the reference study's CNN needs

AnyNetwork: TypeAlias = nn.Module  # the recipe's or the user's own: (N, 1, H, W) float32 in [0, 1] to (N, K) logits


class ImageClassifier(nn.Module):
    """A network in two parts, ``features`` and ``head``."""

    features: nn.Module
    head: nn.Module

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 1, H, W) float32 in [0, 1] to (N, K) logits."""
        return cast("torch.Tensor", self.head(self.features(images)))


class PcaProjection(nn.Module):
    """Pixels to principal components, each divided by a power of its variance."""

    mean: torch.Tensor
    components: torch.Tensor

    def __init__(self, n_pixels: int, n_components: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_pixels))
        self.register_buffer("components", torch.zeros(n_components, n_pixels))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 1, H, W) to (N, components)."""
        return nn.functional.linear(images.flatten(1) - self.mean, self.components)


class PcaMlpNetwork(ImageClassifier):
    """Linear layers on PCA features."""

    def __init__(self, spec: PcaMlp, n_pixels: int, n_components: int, n_classes: int) -> None:
        super().__init__()
        widths = (n_components, *spec.hidden)
        layers: list[nn.Module] = [PcaProjection(n_pixels, n_components)]
        for before, after in pairwise(widths):
            layers.append(nn.Linear(before, after, bias=not spec.batch_norm))  # BatchNorm has a bias
            if spec.batch_norm:
                layers.append(nn.BatchNorm1d(after))
            layers.append(ACTIVATIONS[spec.activation]())
            if spec.dropout:
                layers.append(nn.Dropout(spec.dropout))
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(widths[-1], n_classes)


class StudyCnnNetwork(ImageClassifier):
    """The reference study's CNN, layer for layer: 262,890 parameters for ten classes."""

    def __init__(self, n_classes: int) -> None:
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
        self.head = nn.Linear(128, n_classes)


class WhitenedCnnNetwork(ImageClassifier):
    """A frozen whitening stem, with or without pooling, then groups of convolutions with downsampling in between."""

    def __init__(self, spec: WhitenedCnn, n_classes: int) -> None:
        super().__init__()
        stem = WhiteningStem(spec.patch)
        widths = (stem.channels, *spec.widths)
        pairs = list(zip(pairwise(widths), spec.depths, strict=True))
        groups = [ConvGroup(*width, depth, downsample=place > 0) for place, (width, depth) in enumerate(pairs)]
        self.features = nn.Sequential(
            OrderedDict(
                stem=stem,
                # pooling and ReLU commute; pooling first writes a quarter of the memory
                stem_pool=nn.MaxPool2d(2) if spec.pooled_stem else nn.Identity(),
                activation=nn.ReLU(),
                groups=nn.Sequential(*groups),
                pool=nn.AdaptiveMaxPool2d(1),
                flatten=nn.Flatten(),
            )
        )
        self.head = nn.Linear(widths[-1], n_classes, bias=False)
        nn.init.normal_(self.head.weight, std=1 / widths[-1])  # small, so that the first steps are stable


class WhiteningStem(nn.Module):
    """Projects patches on their whitened eigenvectors and the negatives of these: fitted once, not trained."""

    mean: torch.Tensor
    std: torch.Tensor
    filters: torch.Tensor

    def __init__(self, patch: int) -> None:
        super().__init__()
        self.channels = 2 * patch * patch
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("std", torch.ones(()))
        self.register_buffer("filters", torch.zeros(self.channels, 1, patch, patch))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 1, H, W) to (N, channels, H - patch + 1, W - patch + 1)."""
        return nn.functional.conv2d((images - self.mean) / self.std, self.filters)


class ResidualBlock(nn.Sequential):
    """The mean of the input of some layers and of their output.

    A sum would grow with every block, and with it the gradients: 17 convolutions do not learn then.
    """

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) to (N, C, H, W)."""
        output = maps
        for layer in self:
            output = layer(output)
        return (maps + output) / 2


class ConvGroup(nn.Module):
    """Pooling, then ``depth`` times convolution, BatchNorm and ReLU; from depth 3 on with residual connections."""

    def __init__(self, in_channels: int, out_channels: int, depth: int, *, downsample: bool = True) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(2) if downsample else nn.Identity()
        self.first = _conv_block(in_channels, out_channels)
        later = [_conv_block(out_channels, out_channels) for _ in range(depth - 1)]
        if depth > 2:
            pairs = [later[start : start + 2] for start in range(0, len(later), 2)]
            self.later = nn.Sequential(*(ResidualBlock(*chain.from_iterable(pair)) for pair in pairs))
        else:
            self.later = nn.Sequential(*chain.from_iterable(later))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """(N, in_channels, H, W) to (N, out_channels, H // 2, W // 2), or H, W without downsampling."""
        return cast("torch.Tensor", self.later(self.first(self.pool(maps))))


class ResidualCnnNetwork(ImageClassifier):
    """A convolution, groups of pre-activation blocks with strides in between, and the mean over all positions."""

    def __init__(self, spec: ResidualCnn, n_classes: int) -> None:
        super().__init__()
        first, last = spec.widths[0], spec.widths[-1]
        layers: list[nn.Module] = [nn.Conv2d(1, first, 3, padding=1, bias=False)]
        for place, (before, after) in enumerate(pairwise((first, *spec.widths))):
            layers.append(PreActivationBlock(before, after, stride=2 if place else 1))
            layers.extend(PreActivationBlock(after, after) for _ in range(spec.blocks - 1))
        layers.extend((nn.BatchNorm2d(last), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()))
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(last, n_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")


class PreActivationBlock(nn.Module):
    """The sum of the input and of two convolutions, each after BatchNorm and ReLU (arXiv 1603.05027).

    Where the shape changes, a 1x1 convolution of the activated input takes the input's place in the sum.
    """

    def __init__(self, in_channels: int, out_channels: int, *, stride: int = 1) -> None:
        super().__init__()
        self.activation = nn.Sequential(nn.BatchNorm2d(in_channels), nn.ReLU())
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
        )
        changes_shape = stride > 1 or in_channels != out_channels
        self.shortcut = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False) if changes_shape else None

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """(N, in_channels, H, W) to (N, out_channels, ceil(H / stride), ceil(W / stride))."""
        activated = self.activation(maps)
        shortcut = maps if self.shortcut is None else self.shortcut(activated)
        return cast("torch.Tensor", shortcut + self.layers(activated))


def _study_block(in_channels: int, out_channels: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(in_channels, out_channels, 3), nn.BatchNorm2d(out_channels), nn.LeakyReLU(LEAKY_SLOPE)


def _conv_block(in_channels: int, out_channels: int) -> nn.Sequential:
    """3x3 convolution that starts as the identity on its first channels, BatchNorm without a scale, ReLU."""
    conv = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
    nn.init.dirac_(conv.weight.data[:in_channels])
    norm = nn.BatchNorm2d(out_channels, momentum=BATCH_NORM_MOMENTUM)
    norm.weight.requires_grad = False
    return nn.Sequential(conv, norm, nn.ReLU())


def build_network(spec: Network, images: Images, n_classes: int, seed: int, *, batch_size: int = 1) -> ImageClassifier:
    """The network of a recipe, with PCA or whitening fitted to the (N, H, W) training images.

    Raises:
        UsageError: the network cannot take images of this size, or its training would need too much memory.
        DataError: the images are all the same, or too few for the components.
    """
    batch_size = min(batch_size, len(images))
    if isinstance(spec, PcaMlp):
        return _build_pca_mlp(spec, images, n_classes, seed, batch_size)
    if isinstance(spec, WhitenedCnn):
        return _build_whitened_cnn(spec, images, n_classes, seed, batch_size)
    if isinstance(spec, ResidualCnn):
        require_memory(lambda: ResidualCnnNetwork(spec, n_classes), images.shape[1:], batch_size)
        torch.manual_seed(seed)
        return ResidualCnnNetwork(spec, n_classes)
    height, width = images.shape[1:]
    if (height, width) != (STUDY_IMAGE_SIZE, STUDY_IMAGE_SIZE):
        raise UsageError(f"the reference study's CNN takes 28x28 images, not {height}x{width}. Use --preset fast.")
    torch.manual_seed(seed)
    return StudyCnnNetwork(n_classes)


def _build_pca_mlp(spec: PcaMlp, images: Images, n_classes: int, seed: int, batch_size: int) -> PcaMlpNetwork:
    n_pixels = images[0].size
    most = min(n_pixels, spec.components) if isinstance(spec.components, int) else n_pixels
    require_memory(lambda: PcaMlpNetwork(spec, n_pixels, most, n_classes), images.shape[1:], batch_size)
    pca = fit_pca(images, spec.components)
    torch.manual_seed(seed)
    network = PcaMlpNetwork(spec, pca.components.shape[1], len(pca.components), n_classes)
    projection = cast("PcaProjection", cast("nn.Sequential", network.features)[0])
    projection.mean = torch.as_tensor(pca.mean, dtype=torch.float32)
    components = (pca.components.T * _whitening_factors(pca, spec.whitening)).T
    projection.components = torch.as_tensor(components, dtype=torch.float32).contiguous()
    return network


def _build_whitened_cnn(
    spec: WhitenedCnn, images: Images, n_classes: int, seed: int, batch_size: int
) -> WhitenedCnnNetwork:
    height, width = images.shape[1:]
    # the stem removes patch - 1 pixels; its pooling, if any, and all groups but the first halve the rest
    min_size = 2 ** (len(spec.widths) - (not spec.pooled_stem)) + spec.patch - 1
    if min(height, width) < min_size:
        raise UsageError(
            f"a CNN with a {spec.patch}x{spec.patch} stem and {len(spec.widths)} groups takes images of at least "
            f"{min_size}x{min_size} pixels, not {height}x{width}. Give the recipe fewer network.widths."
        )
    require_memory(lambda: WhitenedCnnNetwork(spec, n_classes), (height, width), batch_size)
    torch.manual_seed(seed)
    network = WhitenedCnnNetwork(spec, n_classes)
    _fit_whitening(cast("WhiteningStem", network.features.stem), images)
    return network


def _whitening_factors(pca: PCA, exponent: float) -> npt.NDArray[np.float64]:
    """Factors (components,) for the principal components: 1 for exponent 0, else scaled to a mean square of 1."""
    if exponent == 0:
        return np.ones(len(pca.components))
    factors = (pca.explained_variance + PCA_RIDGE) ** -exponent
    scaled: npt.NDArray[np.float64] = factors / np.sqrt(np.mean(factors**2 * pca.explained_variance))
    return scaled


def _fit_whitening(stem: WhiteningStem, images: Images) -> None:
    """Fits the stem to patches: eigenvectors of their second moments, scaled to unit variance."""
    sample = torch.as_tensor(images[:WHITENING_SAMPLE]).float() / 255
    if sample.min() == sample.max():
        raise DataError("all pixels of the training images are equal, so there is nothing to whiten. Check the data.")
    stem.mean, stem.std = sample.mean(), sample.std()
    patch = stem.filters.shape[-1]
    patches = ((sample - stem.mean) / stem.std).unfold(1, patch, 1).unfold(2, patch, 1).reshape(-1, patch * patch)
    moments = patches.T @ patches / len(patches)
    values, vectors = torch.linalg.eigh(moments)
    scaled = vectors.T / torch.sqrt(values + STEM_RIDGE)[:, None]
    stem.filters = torch.cat((scaled, -scaled)).reshape(stem.filters.shape).contiguous()


def count_parameters(network: nn.Module) -> int:
    """The number of trained parameters; what is fitted before training (PCA, whitening) is not counted."""
    return sum(weight.numel() for weight in network.parameters() if weight.requires_grad)
