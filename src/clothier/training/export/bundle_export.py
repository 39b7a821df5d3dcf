"""Exports a trained network as a bundle and checks that ONNX Runtime computes what PyTorch computes."""

from __future__ import annotations

import copy
import logging
import warnings
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from safetensors.torch import save as save_tensors

from clothier import bundle
from clothier.errors import ModelError
from clothier.inference.session import OnnxClassifier
from clothier.metrics import softmax
from clothier.training.torch_classifier import ExportModule, TorchClassifier

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from torch import nn

    from clothier.types import Classifier, Images, InputSpec

OPSET = 20  # understood by ONNX Runtime 1.17 and later
_CONTIGUOUS = torch.contiguous_format  # the only one that safetensors takes; a copy for each name of a tied tensor
_EXAMPLE_BATCH = 2  # images in the example batch; 1 would freeze the batch size (pytorch issue 157621)
PARITY_TOLERANCE = 1e-4  # largest difference of a probability between PyTorch and ONNX Runtime, both in float32
PARITY_BATCHES = (1, 7, 64, 256)  # images; a graph with a frozen batch size fails at one of them


def export_bundle(
    path: Path,
    metadata: bundle.BundleMetadata,
    network: nn.Module,
    images: Images,
    optional_files: Mapping[str, bytes] | None = None,
) -> bundle.Bundle:
    """Saves ``network`` as a bundle, with ``optional_files`` by name, and compares the outputs for some ``images``."""
    graph = bundle.described(to_onnx(network, metadata.input_spec), metadata)
    saved = bundle.save(path, metadata, graph, to_safetensors(network), optional_files)
    trained = TorchClassifier(network, metadata.classes, input_spec=metadata.input_spec)
    check_parity(trained, open_uncalibrated(saved), images)
    return saved


def open_uncalibrated(saved: bundle.Bundle) -> OnnxClassifier:
    """The bundle's graph without its temperature."""
    return OnnxClassifier(replace(saved, metadata=replace(saved.metadata, calibration={})))


def check_parity(torch_classifier: Classifier, onnx_classifier: Classifier, images: Images) -> float:
    """The largest difference of a probability between the two, over several batch sizes; a ModelError if large."""
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


def to_onnx(network: nn.Module, input_spec: InputSpec) -> bytes:
    """A bundle's graph: ``images`` in; ``logits`` (N, K), ``embedding`` (N, D), ``early_features`` (N, F) float32 out.

    The last one is there if the network has an ``early_block``.
    """
    deployed = ExportModule(copy.deepcopy(network).cpu().to(memory_format=_CONTIGUOUS))  # type: ignore[call-overload]  # documented, not in the stubs
    return export_graph(deployed, input_spec.shape, deployed.output_names)


def export_graph(module: nn.Module, input_shape: tuple[int, ...], output_names: tuple[str, ...]) -> bytes:
    """An ONNX graph of ``module`` in evaluation mode: ``images`` (N, *input_shape) uint8 in, for any N.

    The exporter folds BatchNorm into the layer before it. The graph contains nothing about the machine that made it.
    """
    example = torch.zeros((_EXAMPLE_BATCH, *input_shape), dtype=torch.uint8)
    with _silence_exporter(), torch.no_grad():
        program = torch.onnx.export(
            module.eval(),
            (example,),
            input_names=["images"],
            output_names=list(output_names),
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    if program is None:  # the exporter's stubs allow it; its dynamo path never does it
        raise RuntimeError("torch.onnx.export returned no program")
    for node in program.model.graph.all_nodes():
        node.metadata_props.clear()  # stack traces, with the paths of this machine
    return cast("bytes", program.model_proto.SerializeToString())


def to_safetensors(network: nn.Module) -> bytes:
    """All weights and fitted buffers by name, float32 as trained."""
    weights = network.state_dict()
    return save_tensors({name: value.cpu().clone(memory_format=_CONTIGUOUS) for name, value in weights.items()})


@contextmanager
def _silence_exporter() -> Iterator[None]:
    """Silences what the exporter says of its own libraries: deprecations, and parts that we do not use."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logger.setLevel(level)
