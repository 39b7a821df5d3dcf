"""A smaller graph and smaller weights for bundles that ship: numbers kept in float16, arithmetic in float32."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

if TYPE_CHECKING:
    from collections.abc import Iterable

SMALL = 1_024  # numbers; what is smaller is not worth a cast


def halve_graph(graph: bytes) -> bytes:
    """The same graph with its large float32 constants stored as float16 and cast back when it is loaded.

    ONNX Runtime folds the casts away once, so answers cost no more; they move by float16's rounding of the weights.
    """
    model = onnx.load_from_string(graph)
    large = [one for one in model.graph.initializer if _is_large(one)]
    for tensor in large:
        model.graph.initializer.remove(tensor)
        half = numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), f"{tensor.name}.half")
        model.graph.initializer.append(half)
    casts = [helper.make_node("Cast", [f"{one.name}.half"], [one.name], to=TensorProto.FLOAT) for one in large]
    _put_first(model.graph, casts)
    onnx.checker.check_model(model)
    return cast("bytes", model.SerializeToString())


def halve_weights(weights: bytes) -> bytes:
    """The same safetensors file with its large float32 tensors as float16."""
    tensors = load_tensors(weights)
    return save_tensors(
        {
            name: value.half() if value.is_floating_point() and value.numel() >= SMALL else value
            for name, value in tensors.items()
        }
    )


def pack_graph(graph: bytes) -> bytes:
    """The same graph with its large float32 constants in eight bits, and a scale for each of their rows.

    Half the size of :func:`halve_graph`'s. ONNX Runtime opens them when the graph is loaded, arithmetic stays float32.
    """
    model = onnx.load_from_string(graph)
    large = [one for one in model.graph.initializer if _is_large(one) and len(one.dims) > 1]
    nodes = []
    for tensor in large:
        model.graph.initializer.remove(tensor)
        values = numpy_helper.to_array(tensor)
        scale = np.abs(values).reshape(len(values), -1).max(axis=1).clip(1e-12) / 127
        steps = np.rint(values / scale.reshape(-1, *[1] * (values.ndim - 1))).astype(np.int8)
        parts = {"steps": steps, "scale": scale.astype(np.float32), "zero": np.zeros(len(values), np.int8)}
        names = [f"{tensor.name}.{part}" for part in parts]
        model.graph.initializer.extend(
            numpy_helper.from_array(part, name) for part, name in zip(parts.values(), names, strict=True)
        )
        nodes.append(helper.make_node("DequantizeLinear", names, [tensor.name], axis=0))
    _put_first(model.graph, nodes)
    onnx.checker.check_model(model)
    return cast("bytes", model.SerializeToString())


def _is_large(tensor: onnx.TensorProto) -> bool:
    return tensor.data_type == TensorProto.FLOAT and int(np.prod(tensor.dims)) >= SMALL


def _put_first(graph: onnx.GraphProto, nodes: Iterable[onnx.NodeProto]) -> None:
    """A graph's nodes stand in the order of execution."""
    rest = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *rest])
