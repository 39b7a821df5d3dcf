"""What the graph of a bundle may contain.

Refused are data outside the file, control flow (a loop need not end), functions (nested calls double the graph with
each level), and operators that no image classifier needs. Field numbers are those of onnx.proto3.
"""

from __future__ import annotations

from clothier.protobuf import fields

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
    content = memoryview(model)
    if _all(content, 25):
        raise ValueError("it has functions")
    if len(graphs := _all(content, 7)) != 1:
        raise ValueError("it is not a model with one graph")
    initializers, sparse = _all(graphs[0], 5), _all(graphs[0], 15)
    for tensor in (*initializers, *(part for one in sparse for part in _all(one, 1, 2))):
        _check_tensor(tensor)
    constants = {bytes(name) for tensor in initializers for name in _all(tensor, 8)}
    foldable = True
    for node in _all(graphs[0], 1):
        operator = _check_node(node)
        inputs = {bytes(name) for name in _all(node, 1) if name}
        if operator in ("Shape", "Size") or inputs <= constants:
            constants.update(bytes(name) for name in _all(node, 2))
            foldable = foldable and operator in FOLDABLE
    return foldable


def _check_node(node: memoryview) -> str:
    """The operator of a ``NodeProto``."""
    operator, domains = b"".join(_all(node, 4)[-1:]).decode(), _all(node, 7)
    if operator not in OPERATORS or any(bytes(domain) not in (b"", b"ai.onnx") for domain in domains):
        raise ValueError(f"it has the operator {operator[:40]!a}, which Clothier does not run")
    for attribute in _all(node, 5):
        if _all(attribute, 6, 11):
            raise ValueError("it has a graph inside a graph")
        sparse = _all(attribute, 22, 23)
        for tensor in (*_all(attribute, 5, 10), *(part for one in sparse for part in _all(one, 1, 2))):
            _check_tensor(tensor)
    return operator


def _check_tensor(tensor: memoryview) -> None:
    if any(number in (13, 14) and value for number, value in fields(tensor)):  # external_data, data_location
        raise ValueError("it has data outside its file")


def _all(message: memoryview, *numbers: int) -> list[memoryview]:
    """The values of some fields that are messages, strings or bytes."""
    return [value for number, value in fields(message) if number in numbers and isinstance(value, memoryview)]
