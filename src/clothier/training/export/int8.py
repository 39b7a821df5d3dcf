"""An exported graph in whole numbers of eight bits: a quarter of the size, and quicker on most processors."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import onnx
from onnx import numpy_helper
from onnxruntime import quantization

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from clothier.types import Images

    Doubles = npt.NDArray[np.float64]

CALIBRATION_SIZE = 256  # pictures; 64 to 512 answer alike within 0.1 points (docs/log.md)
QUANTIZED_OPS = ("Conv", "Gemm", "Relu", "Clip", "LeakyRelu", "MaxPool", "Add")
"""Operators that ONNX Runtime has in eight bits. Without Relu it would leave bytes and come back after every layer."""

_CALIBRATION_BATCH = 64  # pictures that are looked at together; bounds memory
_PREPROCESSED = {"onnx.quant.pre_process": "onnxruntime.quant"}  # says that BatchNorm is folded, as the exporter does


def calibration_sample(images: Images, seed: int = 0) -> Images:
    """``CALIBRATION`` of N pictures, or all where there are fewer; the same ones for a seed."""
    chosen = np.random.default_rng(seed).permutation(len(images))[:CALIBRATION_SIZE]
    return images[chosen]


def quantize_graph(graph: bytes, calibration: Images) -> bytes:
    """The same graph with convolutions and dense layers in int8, each output channel with a scale of its own.

    Scales are fixed beforehand, from the lowest and highest value that every layer shows for ``calibration``; dynamic
    ones would depend on what else is in a batch. Weights take seven bits, -64 to 64. A processor with AVX2 or AVX-512
    but without VNNI adds two products of a byte and a weight in sixteen bits: 2 * 255 * 127 is more than those hold,
    the sum saturates and answers are wrong (onnxruntime issue 5849), which a machine with VNNI never shows;
    2 * 255 * 64 fits. The last layer stays float32: it is small, and the embedding that enters it is an output. Two
    dense layers with nothing between, such as a projection on principal components and what follows, become one first:
    what is never written down is never rounded.

    Args:
        graph: float32, as :func:`clothier.training.export.graph.to_onnx` makes it.
        calibration: a few hundred (N, H, W) uint8 pictures like those to come, and none that figures are taken on.

    Returns:
        A graph with the same uint8 input and the same two float32 outputs, any batch size.
    """
    model = onnx.load_from_string(graph)
    _fuse_linear(model.graph)
    onnx.helper.set_model_props(model, _PREPROCESSED)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "model.onnx"
        quantization.quantize_static(
            model,
            place,
            _CalibrationReader(calibration, model.graph.input[0].name),
            op_types_to_quantize=list(QUANTIZED_OPS),
            nodes_to_exclude=[node.name for node in model.graph.node if "logits" in node.output],
            activation_type=quantization.QuantType.QUInt8,  # with signed bytes x86 takes a slower way
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
        )
        small = onnx.load(place)
    del small.metadata_props[:]
    onnx.checker.check_model(small)
    return cast("bytes", small.SerializeToString())


def is_quantized(graph: bytes) -> bool:
    """Whether a graph reckons in eight bits."""
    return any(node.op_type == "QuantizeLinear" for node in onnx.load_from_string(graph).graph.node)


def _fuse_linear(graph: onnx.GraphProto) -> None:
    """Makes one layer of each two Gemms of which the second alone takes what the first gives."""
    weights = {one.name: numpy_helper.to_array(one).astype(np.float64) for one in graph.initializer}
    outputs = {one.name for one in graph.output}
    for second in [node for node in graph.node if node.op_type == "Gemm"]:
        first = next((node for node in graph.node if node.output[0] == second.input[0]), None)
        users = [node for node in graph.node if second.input[0] in node.input]
        if first is None or first.op_type != "Gemm" or len(users) > 1 or first.output[0] in outputs:
            continue
        (inner, shift), (outer, bias) = (_gemm_parameters(node, weights) for node in (first, second))
        name = f"{first.name}/{second.name}"
        joined = {f"{name}/weight": outer @ inner, f"{name}/bias": outer @ shift + bias}
        weights |= joined
        graph.initializer.extend(
            numpy_helper.from_array(value.astype(np.float32), name) for name, value in joined.items()
        )
        del second.input[:]
        second.input.extend([first.input[0], *joined])
        graph.node.remove(first)
    needed = {name for node in graph.node for name in node.input}
    for unused in [one for one in graph.initializer if one.name not in needed]:
        graph.initializer.remove(unused)


def _gemm_parameters(node: onnx.NodeProto, weights: Mapping[str, Doubles]) -> tuple[Doubles, Doubles]:
    """A Gemm's (O, I) weights and (O,) bias; the exporter writes linear layers without other factors."""
    weight = weights[node.input[1]]
    return weight, weights[node.input[2]] if len(node.input) > 2 else np.zeros(len(weight))


class _CalibrationReader(quantization.CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
    """Hands the pictures over in batches, once."""

    def __init__(self, images: Images, input_name: str) -> None:
        self._batches = (
            {input_name: images[start : start + _CALIBRATION_BATCH]}
            for start in range(0, len(images), _CALIBRATION_BATCH)
        )

    def get_next(self) -> dict[str, Any] | None:
        """The next batch; None when there is none."""
        return next(self._batches, None)
