"""Features: the output of the frozen stages, for photos as they are and for augmented ones; the linear probe on them.

The frozen stages run in ONNX Runtime, which fuses convolution, BatchNorm and ReLU6: on one core it takes 5 ms for a
photo, PyTorch 25.

Legend: N photos, C channels, H, W, K classes, D embedding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import onnxruntime as ort
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression
from torch import nn

from clothier.system import parallel_map
from clothier.training.export.bundle_export import export_graph
from clothier.training.torch_classifier import pool_channels, to_float
from clothier.types import ModelOutput

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from clothier.recipes.photo import PhotoAugment
    from clothier.training.finetune.data import Indices
    from clothier.training.finetune.efficientnet_lite import EfficientNetLite
    from clothier.types import Floats, Images, Labels, Progress

    Float16Array = npt.NDArray[np.float16]

BATCH = 4  # photos a pass; more exceed the CPU cache
EVAL_BATCH = 64  # photos a pass of the later stages, without gradients
MAX_ITER = 500  # of the logistic regression; 50 to 200 are enough for 3,400 photos
OUTPUTS = {
    "features": np.float16,
    "embeddings": np.float32,
    "early_features": np.float32,
}  # of the extractor's graph, and how they are stored


class FrozenFeatureExtractor:
    """The first stages of a network; may be called from several threads."""

    def __init__(self, network: EfficientNetLite, stages: int) -> None:
        self.side = network.side
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1  # photos are distributed over threads; one photo is too small for two
        options.log_severity_level = 4
        graph = export_graph(_FeatureModule(network, stages), (self.side, self.side, 3), tuple(OUTPUTS))
        self._session = ort.InferenceSession(graph, sess_options=options, providers=["CPUExecutionProvider"])
        self._run_options = ort.RunOptions()
        self._run_options.only_execute_path_to_fetches = True  # the later stages run only where embeddings are wanted

    def extract(
        self,
        outputs: Sequence[str],
        n_images: int,
        get_image: Callable[[int], Images],
        on_progress: Callable[[int], None],
    ) -> list[npt.NDArray[np.floating]]:
        """Runs N photos through the network; ``get_image`` returns the (side, side, 3) uint8 of the photo at an index.

        ``outputs`` are of ``features``, (N, C, H, W) float16 after the frozen stages, ``embeddings``, (N, D) float32
        of the whole network, and ``early_features``, (N, F) float32 of an early block. ``on_progress`` receives the
        number of finished photos.
        """
        shapes = {one.name: one.shape[1:] for one in self._session.get_outputs()}
        arrays = [np.empty((n_images, *shapes[name]), OUTPUTS[name]) for name in outputs]

        def fill(start: int) -> None:
            rows = range(start, min(start + BATCH, n_images))
            images = np.stack([get_image(row) for row in rows])
            values = self._session.run(outputs, {"images": images}, self._run_options)
            for array, value in zip(arrays, values, strict=True):
                array[rows.start : rows.stop] = value

        parallel_map(fill, range(0, n_images, BATCH), lambda done: on_progress(min(done * BATCH, n_images)))
        return arrays

    def extract_augmented(
        self, photos: Images, augment: PhotoAugment, seed: int, epoch: int, on_progress: Callable[[int], None]
    ) -> Float16Array:
        """(N, C, H, W) ``features`` of (N, H', W', 3) photos, each augmented by its own generator in each epoch."""

        def augmented(index: int) -> Images:
            return augment_photo(photos[index], self.side, augment, np.random.default_rng([seed, epoch, index]))

        (features,) = self.extract(("features",), len(photos), augmented, on_progress)
        return features


class FrozenFeatures(NamedTuple):
    """What a network that is not trained yet gives for N photos, and the extractor that gave it."""

    extractor: FrozenFeatureExtractor
    features: Float16Array  # (N, C, H, W), output of the frozen stages
    embeddings: Floats  # (N, D), of the whole network
    early_features: Floats  # (N, F), of a block that is not trained


def extract_frozen(
    name: str, network: EfficientNetLite, stages: int, inputs: Images, progress: Progress
) -> FrozenFeatures:
    """Runs (N, H, W, 3) uint8 inputs through the network ``name``, whose first ``stages`` stay frozen."""
    task, n = f"frozen features of {name}", len(inputs)
    progress(task, 0, n)  # the export takes seconds
    extractor = FrozenFeatureExtractor(network, stages)
    found = extractor.extract(tuple(OUTPUTS), n, inputs.__getitem__, lambda done: progress(task, done, n))
    return FrozenFeatures(extractor, *found)


class _FeatureModule(nn.Module):
    """(N, H, W, 3) uint8 to the output of the frozen stages, the embedding and the early features."""

    def __init__(self, network: EfficientNetLite, stages: int) -> None:
        super().__init__()
        self.network, self.stages = network, stages

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        early: list[torch.Tensor] = []
        with self.network.early_block.register_forward_hook(lambda *given: early.append(pool_channels(given[2]))):
            features = self.network.forward_stem(to_float(images), self.stages)
            embeddings = self.network.embed(self.network.forward_tail(features, self.stages))
        return features, embeddings, early[0]


def augment_photo(image: Images, side: int, augment: PhotoAugment, rng: np.random.Generator) -> Images:
    """A random crop, flip and color change of a photo: (H, W, 3) uint8 to (side, side, 3) uint8."""
    height, width = image.shape[:2]
    scale, stretch = np.sqrt(rng.uniform(augment.min_area, 1)), np.exp(rng.uniform(-augment.aspect, augment.aspect))
    crop_width, crop_height = min(width, width * scale * stretch), min(height, height * scale / stretch)
    left, top = rng.uniform(0, width - crop_width), rng.uniform(0, height - crop_height)
    box = (left, top, left + crop_width, top + crop_height)
    pixels = np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC, box=box))
    return _color_jitter(pixels[:, ::-1] if rng.random() < 0.5 else pixels, augment, rng)


def _color_jitter(pixels: Images, augment: PhotoAugment, rng: np.random.Generator) -> Images:
    """Random brightness, contrast and color of the light, by a lookup table for each channel."""
    brightness, contrast = 1 + rng.uniform(-augment.brightness, augment.brightness, 2)
    gains = 1 + rng.uniform(-augment.color_gain, augment.color_gain, 3)
    mean = pixels.mean()
    levels = (np.arange(256)[:, None] - mean) * contrast + mean
    table = np.clip(levels * brightness * gains, 0, 255).astype(np.uint8)
    return np.stack([table[:, channel][pixels[..., channel]] for channel in range(3)], axis=-1)


def predict(network: EfficientNetLite, features: Float16Array, indices: Indices, frozen_stages: int) -> ModelOutput:
    """A network's output for the photos at ``indices``, from the output of the frozen stages."""
    network.eval()
    logits, embeddings = [], []
    with torch.no_grad():
        for start in range(0, len(indices), EVAL_BATCH):
            x = gather_batch(features, indices[start : start + EVAL_BATCH])
            embeddings.append(network.embed(network.forward_tail(x, frozen_stages)))
            logits.append(network.head(embeddings[-1]))
    return ModelOutput(torch.cat(logits).numpy(), torch.cat(embeddings).numpy())


def gather_batch(features: Float16Array, indices: Indices) -> torch.Tensor:
    """The rows as (n, C, H, W) float32, channels last in memory."""
    return torch.as_tensor(features[indices]).float().contiguous(memory_format=torch.channels_last)


class LinearProbe(NamedTuple):
    """Logistic regression on standardized embeddings as one linear layer: ``weight`` (K, D), ``bias`` (K,)."""

    weight: Floats
    bias: Floats

    def logits(self, embeddings: Floats) -> Floats:
        """(N, D) to (N, K)."""
        return np.asarray(embeddings @ self.weight.T + self.bias, np.float32)


def fit_linear_probe(embeddings: Floats, labels: Labels, n_classes: int, inverse_reg: float) -> LinearProbe:
    """Fits a linear probe to (N, D) embeddings; a class that does not occur is never predicted.

    ``inverse_reg`` is C of scikit-learn.
    """
    mean, std = embeddings.mean(axis=0), embeddings.std(axis=0) + 1e-6
    model = LogisticRegression(C=inverse_reg, max_iter=MAX_ITER).fit((embeddings - mean) / std, labels)
    slopes, offsets = model.coef_, model.intercept_
    if len(model.classes_) == 2:  # scikit-learn keeps one row for two classes
        slopes, offsets = np.concatenate([-slopes, slopes]) / 2, np.concatenate([-offsets, offsets]) / 2
    weight, bias = np.zeros((n_classes, embeddings.shape[1])), np.full(n_classes, offsets.min() - 10.0)
    weight[model.classes_] = slopes / std
    bias[model.classes_] = offsets - (slopes / std) @ mean
    return LinearProbe(weight.astype(np.float32), bias.astype(np.float32))
