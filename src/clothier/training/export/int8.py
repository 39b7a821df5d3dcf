"""Quantizes an exported graph to int8: a quarter of the size, and faster on most CPUs."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import onnx
from onnx import numpy_helper
from onnxruntime import quantization

from clothier.inference.session import EIGHT_BITS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from clothier.types import Images

    Doubles = npt.NDArray[np.float64]

REDUCED_BITS = 7  # of weights whose products fit into 16 bits
CALIBRATION_SIZE = 256  # images; 64 to 512 differ by less than 0.1 percentage points (docs/log.md)
QUANTIZED_OPS = ("Conv", "Gemm", "Relu", "Clip", "LeakyRelu", "MaxPool", "Add")
"""Operators that ONNX Runtime has in int8. Without Relu it would convert to float32 and back after every layer."""

LAYOUT_OPS = ("Transpose", "Unsqueeze", "Reshape")
SCALING_OPS = {"Div": np.divide, "Mul": np.multiply, "Sub": np.subtract, "Add": np.add}  # of a value and a constant

_CALIBRATION_BATCH = 64  # images per pass; limits memory
_PREPROCESSED = {"onnx.quant.pre_process": "onnxruntime.quant"}  # BatchNorm is folded already, by the exporter


def calibration_sample(images: Images, seed: int = 0) -> Images:
    """A random sample of :data:`CALIBRATION_SIZE` of the images, or all if there are fewer."""
    indices = np.random.default_rng(seed).permutation(len(images))[:CALIBRATION_SIZE]
    return images[indices]


def quantize_graph(graph: bytes, calibration: Images, weight_bits: int = 7) -> bytes:
    """The same graph with convolutions and linear layers in int8, with a scale for each output channel.

    Scales are static, from the range of every layer's output for ``calibration``; dynamic scales would depend on the
    other images of a batch. Weights have seven bits, -64 to 64, or eight: a CPU with AVX2 or AVX-512 but without VNNI
    adds two products of a byte and a weight in 16 bits, where 2 * 255 * 127 saturates and gives wrong outputs
    (onnxruntime issue 5849), and 2 * 255 * 64 fits. With eight bits, :mod:`clothier.inference.session` has such CPUs
    compute exactly, which is slower there.

    The last layer stays float32: it is small, and its input, the embedding, is an output. Two linear layers in a row,
    such as PCA and the first layer, are fused first, to round only once. Bytes that would only be scaled and rounded
    to themselves go to the first layer as they are.

    Args:
        graph: in float32.
        calibration: a few hundred typical images, none of which the model is evaluated on.
        weight_bits: 7 or 8.
    """
    model = onnx.load_from_string(graph)
    _fuse_linear(model.graph)
    onnx.helper.set_model_props(model, _PREPROCESSED)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        quantization.quantize_static(
            model,
            path,
            _CalibrationReader(calibration, model.graph.input[0].name),
            op_types_to_quantize=list(QUANTIZED_OPS),
            nodes_to_exclude=[node.name for node in model.graph.node if "logits" in node.output],
            activation_type=quantization.QuantType.QUInt8,  # signed activations are slower on x86
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
            reduce_range=weight_bits == REDUCED_BITS,
        )
        quantized = onnx.load(path)
    del quantized.metadata_props[:]
    if weight_bits > REDUCED_BITS:
        quantized.graph.doc_string = EIGHT_BITS
    _skip_input_scaling(quantized.graph)
    onnx.checker.check_model(quantized)
    return cast("bytes", quantized.SerializeToString())


def _skip_input_scaling(graph: onnx.GraphProto) -> None:
    """Gives the first layer the bytes of the images, where scaling and rounding them give the same bytes.

    Scaling and rounding are a twelfth of the photo model's time. The layer's own scale and zero point stay.
    """
    values = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    for rounding in [node for node in graph.node if node.op_type == "QuantizeLinear"]:
        path = _path_from_input(graph, rounding, values)
        if path and np.array_equal(_rounded_bytes([*path, rounding], values), np.arange(256)):
            _shorten(graph, path, rounding)


def _path_from_input(
    graph: onnx.GraphProto, last: onnx.NodeProto, values: Mapping[str, npt.NDArray[Any]]
) -> list[onnx.NodeProto]:
    """The nodes from the images to ``last`` that only scale or rearrange them; empty if there are others."""
    made_by = {name: node for node in graph.node for name in node.output}
    path: list[onnx.NodeProto] = []
    name = last.input[0]
    while node := made_by.get(name):
        has_other_users = sum(name in one.input for one in graph.node) > 1
        is_scaling = node.op_type in SCALING_OPS and np.size(values.get(node.input[1], ())) == 1
        if has_other_users or not (is_scaling or node.op_type in ("Cast", *LAYOUT_OPS)):
            return []
        path.insert(0, node)
        name = node.input[0]
    return path if name == graph.input[0].name else []


def _rounded_bytes(path: list[onnx.NodeProto], values: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.float32]:
    """What a path makes of each value of a byte."""
    result = np.arange(256, dtype=np.float32)
    for node in path:
        if node.op_type == "QuantizeLinear":
            result = (np.rint(result / values[node.input[1]]) + values[node.input[2]]).clip(0, 255)
        elif node.op_type in SCALING_OPS:
            result = SCALING_OPS[node.op_type](result, values[node.input[1]])
    return result


def _shorten(graph: onnx.GraphProto, path: list[onnx.NodeProto], rounding: onnx.NodeProto) -> None:
    """Removes the scaling from a path, and the rounding at its end."""
    name, changed = graph.input[0].name, {one for node in path for one in node.output}
    for node in path:
        if node.op_type in LAYOUT_OPS:
            node.input[0] = name
            name = node.output[0]
        else:
            graph.node.remove(node)
    for node in graph.node:
        inputs = [name if one == rounding.output[0] else one for one in node.input]
        del node.input[:]
        node.input.extend(inputs)
    graph.node.remove(rounding)
    for outdated in [one for one in graph.value_info if one.name in changed]:
        graph.value_info.remove(outdated)
    _remove_unused(graph)


def is_quantized(graph: bytes) -> bool:
    """Whether a graph computes in int8."""
    return any(node.op_type == "QuantizeLinear" for node in onnx.load_from_string(graph).graph.node)


def _fuse_linear(graph: onnx.GraphProto) -> None:
    """Fuses pairs of Gemms where only the second uses the output of the first."""
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
    _remove_unused(graph)


def _remove_unused(graph: onnx.GraphProto) -> None:
    """Removes the constants that no node uses."""
    needed = {name for node in graph.node for name in node.input}
    for unused in [one for one in graph.initializer if one.name not in needed]:
        graph.initializer.remove(unused)


def _gemm_parameters(node: onnx.NodeProto, weights: Mapping[str, Doubles]) -> tuple[Doubles, Doubles]:
    """A Gemm's (O, I) weights and (O,) bias; the exporter sets no other factors for linear layers."""
    weight = weights[node.input[1]]
    return weight, weights[node.input[2]] if len(node.input) > 2 else np.zeros(len(weight))


class _CalibrationReader(quantization.CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
    def __init__(self, images: Images, input_name: str) -> None:
        starts = range(0, len(images), _CALIBRATION_BATCH)
        self._batches = ({input_name: images[start : start + _CALIBRATION_BATCH]} for start in starts)

    def get_next(self) -> dict[str, Any] | None:
        return next(self._batches, None)
