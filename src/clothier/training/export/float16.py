"""Compresses the graph and the weights of bundled models: stored in float16, computed in float32."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FLOAT16_MIN_SIZE = 1_024  # elements; smaller tensors are not worth a cast
INT8_MIN_SIZE = 200_000  # elements; larger tensors may be stored in int8


def to_float16_graph(graph: bytes) -> bytes:
    """The same graph with its large float32 constants stored as float16 and cast back.

    ONNX Runtime folds the casts when it loads the graph, so inference is as fast; the weights are rounded to float16.
    """
    model = onnx.load_from_string(graph)
    floats = [one for one in model.graph.initializer if one.data_type == TensorProto.FLOAT]
    large = [one for one in floats if _numel(one) >= FLOAT16_MIN_SIZE]
    for tensor in large:
        model.graph.initializer.remove(tensor)
        half = numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), f"{tensor.name}.half")
        model.graph.initializer.append(half)
    casts = [helper.make_node("Cast", [f"{one.name}.half"], [one.name], to=TensorProto.FLOAT) for one in large]
    _prepend_nodes(model.graph, casts)
    onnx.checker.check_model(model)
    return cast("bytes", model.SerializeToString())


def to_float16_weights(weights: bytes) -> bytes:
    """The same safetensors file with its large float32 tensors as float16."""
    tensors = load_tensors(weights)
    large = {name for name, value in tensors.items() if value.is_floating_point() and value.numel() >= FLOAT16_MIN_SIZE}
    return save_tensors({name: value.half() if name in large else value for name, value in tensors.items()})


def pack_int8(graph: bytes) -> bytes:
    """The same graph with its largest matrices in int8, with a scale for each output, and the rest in float16.

    The largest ones are last in a network, where rounding errors do not grow. A cast and a product decompress them when
    the graph is loaded; DequantizeLinear would be computed at every run.
    """
    model = onnx.load_from_string(to_float16_graph(graph))
    halves = [one for one in model.graph.initializer if one.data_type == TensorProto.FLOAT16]
    largest = [one for one in halves if _numel(one) >= INT8_MIN_SIZE]
    for tensor in largest:
        model.graph.initializer.remove(tensor)
        model.graph.node.remove(next(node for node in model.graph.node if tensor.name in node.input))
    decompression = [node for tensor in largest for node in _pack_tensor(model.graph, tensor)]
    _prepend_nodes(model.graph, decompression)
    onnx.checker.check_model(model)
    return cast("bytes", model.SerializeToString())


def _pack_tensor(graph: onnx.GraphProto, tensor: onnx.TensorProto) -> Iterator[onnx.NodeProto]:
    """Stores a tensor as integers and scales, and yields the nodes that decompress it under its old name."""
    name, values = tensor.name.removesuffix(".half"), numpy_helper.to_array(tensor).astype(np.float32)
    scale = np.abs(values).max(axis=tuple(range(1, values.ndim)), keepdims=True).clip(1e-12) / 127
    graph.initializer.append(numpy_helper.from_array(np.rint(values / scale).astype(np.int8), f"{name}.steps"))
    graph.initializer.append(numpy_helper.from_array(scale, f"{name}.scale"))
    yield helper.make_node("Cast", [f"{name}.steps"], [f"{name}.whole"], to=TensorProto.FLOAT)
    yield helper.make_node("Mul", [f"{name}.whole", f"{name}.scale"], [name])


def _numel(tensor: onnx.TensorProto) -> int:
    return int(np.prod(tensor.dims))


def _prepend_nodes(graph: onnx.GraphProto, nodes: Iterable[onnx.NodeProto]) -> None:
    """Puts ``nodes`` first: a graph's nodes are in the order of execution."""
    rest = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *rest])
