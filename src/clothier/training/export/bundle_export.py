"""Exports a trained network as a bundle and checks that ONNX Runtime computes what PyTorch computes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from clothier import bundle
from clothier.errors import ModelError
from clothier.inference.session import OnnxClassifier
from clothier.metrics import softmax
from clothier.training.export import graph
from clothier.training.torch_classifier import TorchClassifier

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import nn

    from clothier.types import Classifier, Images

PARITY_TOLERANCE = 1e-4  # largest difference of a probability between PyTorch and ONNX Runtime, both in float32
PARITY_BATCHES = (1, 7, 64, 256)  # images; a graph with a frozen batch size fails at one of them


def export_bundle(
    path: Path,
    metadata: bundle.BundleMetadata,
    network: nn.Module,
    images: Images,
    optional_files: Mapping[str, bytes] | None = None,
) -> bundle.Bundle:
    """Saves ``network`` as a bundle, with ``optional_files`` by name, and compares the outputs for some ``images``.

    Raises:
        ModelError: the outputs differ.
        StorageError: the disk refused.
    """
    exported, weights = graph.to_onnx(network, metadata.input_spec), graph.to_safetensors(network)
    saved = bundle.save(path, metadata, exported, weights, optional_files)
    trained = TorchClassifier(network, metadata.classes, input_spec=metadata.input_spec)
    check_parity(trained, open_uncalibrated(saved), images)
    return saved


def open_uncalibrated(saved: bundle.Bundle) -> OnnxClassifier:
    """The bundle's graph without its temperature."""
    return OnnxClassifier(replace(saved, metadata=replace(saved.metadata, calibration={})))


def check_parity(torch_classifier: Classifier, onnx_classifier: Classifier, images: Images) -> float:
    """The largest difference of a probability between the two, over several batch sizes.

    Raises:
        ModelError: it exceeds :data:`PARITY_TOLERANCE`.
    """
    largest = 0.0
    for size in PARITY_BATCHES:
        ours, theirs = (softmax(one.run(images[:size]).logits) for one in (torch_classifier, onnx_classifier))
        largest = max(largest, float(np.abs(ours - theirs).max()))
    if largest > PARITY_TOLERANCE:
        raise ModelError(
            f"the exported graph differs from the network: by up to {largest:.2g} in a probability, and "
            f"{PARITY_TOLERANCE} is allowed. Change the part of the network that ONNX cannot express."
        )
    return largest
