"""Features: the output of the frozen blocks, for photos as they are and for augmented ones; the linear probe on them.

The frozen blocks run in ONNX Runtime, which fuses convolution, BatchNorm and ReLU6: on one core it takes 5 ms for a
photo, PyTorch 25.

Legend: N photos, C channels, H, W, K classes, D embedding.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime as ort
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from clothier.system import available_cores
from clothier.training.export.graph import export_graph
from clothier.training.finetune.data import augment_photo
from clothier.training.torch_classifier import to_float
from clothier.types import ModelOutput

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from clothier.recipes.photo import PhotoAugment
    from clothier.training.finetune.data import Indices, PhotoTrainingData
    from clothier.training.finetune.efficientnet_lite import EfficientNetLite0
    from clothier.types import Floats, Images, Labels, Progress

    Float16Array = npt.NDArray[np.float16]

BATCH = 4  # photos a pass; more exceed the CPU cache
EVAL_BATCH = 64  # photos a pass of the later blocks, without gradients
MAX_ITER = 500  # of the logistic regression; 50 to 200 are enough for 3,400 photos
OUTPUTS = {"features": np.float16, "embeddings": np.float32}  # of the extractor's graph, and how they are stored


class FrozenFeatureExtractor:
    """The first blocks of a network; may be called from several threads."""

    def __init__(self, network: EfficientNetLite0, blocks: int, side: int) -> None:
        self.side = side
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1  # photos are distributed over threads; one photo is too small for two
        options.log_severity_level = 4
        graph = export_graph(_FeatureModule(network, blocks), (side, side, 3), tuple(OUTPUTS))
        self._session = ort.InferenceSession(graph, sess_options=options, providers=["CPUExecutionProvider"])
        self._run_options = ort.RunOptions()
        self._run_options.only_execute_path_to_fetches = True  # the later blocks run only where embeddings are wanted

    def extract(
        self,
        outputs: Sequence[str],
        n_images: int,
        get_image: Callable[[int], Images],
        on_progress: Callable[[int], None],
    ) -> list[npt.NDArray[np.floating]]:
        """Runs N photos through the network.

        Args:
            outputs: of ``features``, (N, C, H, W) float16 after the frozen blocks, and ``embeddings``, (N, D) float32
                of the whole network.
            n_images: N.
            get_image: index of a photo to its (side, side, 3) uint8.
            on_progress: receives the number of finished photos.
        """
        shapes = {one.name: one.shape[1:] for one in self._session.get_outputs()}
        arrays = [np.empty((n_images, *shapes[name]), OUTPUTS[name]) for name in outputs]

        def fill(start: int) -> int:
            stop = min(start + BATCH, n_images)
            images = np.stack([get_image(index) for index in range(start, stop)])
            values = self._session.run(outputs, {"images": images}, self._run_options)
            for array, value in zip(arrays, values, strict=True):
                array[start:stop] = value
            return stop

        with ThreadPoolExecutor(available_cores()) as pool:
            try:
                for done in pool.map(fill, range(0, n_images, BATCH)):
                    on_progress(done)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return arrays


class _FeatureModule(nn.Module):
    """(N, H, W, 3) uint8 to the output of the frozen blocks and to the embedding."""

    def __init__(self, network: EfficientNetLite0, blocks: int) -> None:
        super().__init__()
        self.network, self.blocks = network, blocks

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = self.network.forward_stem(to_float(images), self.blocks)
        return features, self.network.embed(self.network.forward_tail(features, self.blocks))


def extract_features(
    photos: PhotoTrainingData, extractor: FrozenFeatureExtractor, progress: Progress
) -> tuple[Float16Array, Floats]:
    """Features (N, C, H, W) float16 and embeddings (N, D) float32 of the photos as they are."""
    n = len(photos.table)
    features, embeddings = extractor.extract(
        ("features", "embeddings"),
        n,
        lambda index: np.asarray(photos.inputs[index]),
        lambda done: progress("frozen features", done, n),
    )
    return features, embeddings


def extract_augmented(
    photos: PhotoTrainingData,
    extractor: FrozenFeatureExtractor,
    augment: PhotoAugment,
    seed: tuple[int, int],
    progress: Progress,
) -> Float16Array:
    """Features (N, C, H, W) float16 of the photos, augmented by ``seed``: the run's seed and the epoch."""
    n = len(photos.table)

    def augmented(index: int) -> Images:
        return augment_photo(photos.images[index], extractor.side, augment, np.random.default_rng([*seed, index]))

    (features,) = extractor.extract(
        ("features",), n, augmented, lambda done: progress(f"epoch {seed[1]}, photos", done, n)
    )
    return features


def predict(network: EfficientNetLite0, features: Float16Array, indices: Indices, frozen_blocks: int) -> ModelOutput:
    """A network's output for the photos at ``indices``, from the output of the frozen blocks."""
    network.eval()
    logits, embeddings = [], []
    with torch.no_grad():
        for start in range(0, len(indices), EVAL_BATCH):
            x = gather_batch(features, indices[start : start + EVAL_BATCH])
            embeddings.append(network.embed(network.forward_tail(x, frozen_blocks)))
            logits.append(network.head(embeddings[-1]))
    return ModelOutput(torch.cat(logits).numpy(), torch.cat(embeddings).numpy())


def gather_batch(features: Float16Array, indices: Indices) -> torch.Tensor:
    """The rows as (n, C, H, W) float32, channels last in memory."""
    return torch.as_tensor(features[indices]).float().contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True, slots=True, eq=False)
class LinearProbe:
    """Logistic regression on standardized embeddings as one linear layer: ``weight`` (K, D), ``bias`` (K,)."""

    weight: Floats
    bias: Floats

    def logits(self, embeddings: Floats) -> Floats:
        """(N, D) to (N, K)."""
        return np.asarray(embeddings @ self.weight.T + self.bias, np.float32)


def fit_linear_probe(embeddings: Floats, labels: Labels, n_classes: int, inverse_reg: float) -> LinearProbe:
    """Fits a linear probe.

    Args:
        embeddings: (N, D).
        labels: (N,) int64; a class that does not occur is never predicted.
        n_classes: K.
        inverse_reg: inverse regularization, C of scikit-learn.
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
