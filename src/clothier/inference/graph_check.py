"""What the graph of a bundle may contain.

Refused are data outside the file, control flow (a loop need not end), functions (nested calls double the graph with
each level), and operators that no image classifier needs. Field numbers are those of onnx.proto3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clothier.protobuf import fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    _Parts = Mapping[int, Sequence[int | memoryview]]

_OPERATOR_NAMES = """
Abs Add And ArgMax ArgMin AveragePool BatchNormalization BitwiseAnd Cast CastLike Ceil Celu CenterCropPad Clip Compress
Concat Constant ConstantOfShape Conv ConvInteger ConvTranspose Cos CumSum DepthToSpace DequantizeLinear Div Dropout
DynamicQuantizeLinear Einsum Elu Equal Erf Exp Expand Flatten Floor Gather GatherElements GatherND Gelu Gemm
GlobalAveragePool GlobalLpPool GlobalMaxPool Greater GreaterOrEqual GroupNormalization HardSigmoid HardSwish Hardmax
Identity InstanceNormalization IsInf IsNaN LRN LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax
LpNormalization LpPool MatMul MatMulInteger Max MaxPool Mean MeanVarianceNormalization Min Mish Mod Mul Neg NonZero Not
OneHot Or PRelu Pad Pow QLinearConv QLinearMatMul QuantizeLinear RMSNormalization Range Reciprocal ReduceL1 ReduceL2
ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize
Round ScatterElements ScatterND Selu Shape Shrink Sigmoid Sign Sin Size Slice Softmax Softplus Softsign SpaceToDepth
Split Sqrt Squeeze Sub Sum Tan Tanh ThresholdedRelu Tile TopK Transpose Trilu Unsqueeze Where Xor
"""
_FOLDABLE_NAMES = "Cast Constant DequantizeLinear Identity Reshape Squeeze Transpose Unsqueeze"
OPERATORS = frozenset(_OPERATOR_NAMES.split())
FOLDABLE = frozenset(_FOLDABLE_NAMES.split())
"""Operators whose result on constants is no larger than a few times these."""


def check_graph(model: bytes) -> bool:
    """Checks a serialized ``ModelProto``.

    Returns:
        Whether ONNX Runtime may compute constant parts when it loads the graph, which cannot be interrupted: whether
        all of them are trivial.

    Raises:
        ValueError: the graph has a forbidden part, or is no protobuf; the message says what.
    """
    whole = _parts(memoryview(model))
    if _messages(whole, 25):
        raise ValueError("it has functions")
    if len(graphs := _messages(whole, 7)) != 1:
        raise ValueError("it is not a model with one graph")
    graph = _parts(graphs[0])
    names = _check_tensors(_messages(graph, 5))
    _check_sparse_tensors(_messages(graph, 15))
    constants = {bytes(name) for name in names}
    foldable = True
    for node in map(_parts, _messages(graph, 1)):
        operator = _check_node(node)
        inputs = {bytes(name) for name in _messages(node, 1) if name}
        if operator in ("Shape", "Size") or inputs <= constants:
            constants.update(bytes(name) for name in _messages(node, 2))
            foldable = foldable and operator in FOLDABLE
    return foldable


def _check_node(node: _Parts) -> str:
    """The operator of a ``NodeProto``."""
    operator, domains = b"".join(_messages(node, 4)[-1:]).decode(), _messages(node, 7)
    if operator not in OPERATORS or any(bytes(domain) not in (b"", b"ai.onnx") for domain in domains):
        raise ValueError(f"it has the operator {operator[:40]!a}, which Clothier does not run")
    for attribute in map(_parts, _messages(node, 5)):
        if _messages(attribute, 6, 11):
            raise ValueError("it has a graph inside a graph")
        _check_tensors(_messages(attribute, 5, 10))
        _check_sparse_tensors(_messages(attribute, 22, 23))
    return operator


def _check_sparse_tensors(tensors: Iterable[memoryview]) -> None:
    for tensor in tensors:
        _check_tensors(_messages(_parts(tensor), 1, 2))


def _check_tensors(tensors: Iterable[memoryview]) -> list[memoryview]:
    """Their names."""
    names = []
    for tensor in map(_parts, tensors):
        if any(tensor.get(13, ())) or any(tensor.get(14, ())):  # external_data, data_location
            raise ValueError("it has data outside its file")
        names += _messages(tensor, 8)
    return names


def _parts(message: memoryview) -> _Parts:
    """The values of each field, by its number."""
    found: dict[int, list[int | memoryview]] = {}
    for number, value in fields(message):
        found.setdefault(number, []).append(value)
    return found


def _messages(parts: _Parts, *numbers: int) -> list[memoryview]:
    """The values of some fields that are messages, strings or bytes."""
    values = (value for number in numbers for value in parts.get(number, ()))
    return [value for value in values if isinstance(value, memoryview)]
