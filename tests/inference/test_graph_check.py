"""What is refused in the graph of a bundle."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from clothier import bundle
from clothier.inference.graph_check import check_graph

FLOATS = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])


def model(*nodes: onnx.NodeProto, initializers: tuple[TensorProto, ...] = ()) -> onnx.ModelProto:
    return helper.make_model(helper.make_graph(nodes, "g", [FLOATS], [FLOATS], list(initializers)))


def external_tensor() -> TensorProto:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="weights.bin")
    return tensor


def loop() -> onnx.NodeProto:
    return helper.make_node("Loop", ["", "", "x"], ["y"], body=helper.make_graph([], "b", [FLOATS], [FLOATS]))


def refusal(graph: onnx.ModelProto) -> str:
    with pytest.raises(ValueError, match="it ") as caught:
        check_graph(graph.SerializeToString())
    return str(caught.value)


@pytest.mark.parametrize("name", bundle.bundled())
def test_our_own_graphs_may_be_folded(name: str) -> None:
    assert check_graph(bundle.resolve(name).graph.read_bytes())


def test_data_outside_the_file() -> None:
    assert "data outside" in refusal(model(initializers=(external_tensor(),)))
    assert "data outside" in refusal(model(helper.make_node("Constant", [], ["y"], value=external_tensor())))


@pytest.mark.parametrize("operator", ["Loop", "Scan", "If", "StringConcat", "RandomNormal", "X" * 99])
def test_operators_that_no_classifier_needs(operator: str) -> None:
    assert f"the operator '{operator[:40]}'" in refusal(model(helper.make_node(operator, ["x"], ["y"])))


def test_operators_of_other_domains() -> None:
    assert "'Relu'" in refusal(model(helper.make_node("Relu", ["x"], ["y"], domain="com.example")))


def test_graphs_inside_graphs() -> None:
    assert "'Loop'" in refusal(model(loop()))
    disguised = loop()
    disguised.op_type = "Relu"
    assert "a graph inside" in refusal(model(disguised))


def test_functions() -> None:
    graph = model()
    graph.functions.append(helper.make_function("own", "f", ["x"], ["y"], [], [helper.make_opsetid("", 20)]))
    assert "functions" in refusal(graph)


def test_constants_are_folded_only_where_that_is_trivial() -> None:
    size = numpy_helper.from_array(np.array([9]), "size")
    fold = model(helper.make_node("Cast", ["size"], ["y"], to=1), initializers=(size,))
    assert check_graph(fold.SerializeToString())
    for nodes in (
        [helper.make_node("ConstantOfShape", ["size"], ["y"])],
        [helper.make_node("Cast", ["size"], ["z"], to=1), helper.make_node("Mul", ["z", "z"], ["y"])],
        [helper.make_node("Shape", ["x"], ["z"]), helper.make_node("ConstantOfShape", ["z"], ["y"])],
    ):
        assert not check_graph(model(*nodes, initializers=(size,)).SerializeToString())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no graph at all",
        b"\x08",
        b"\x3a\xff",
        b"\x3b",
        b"\x3a\x00\x3a\x00",
        b"\xff" * 20,
        b"\xba\x81\x80\x80\x80\x01",
    ],
)
def test_no_model(content: bytes) -> None:
    with pytest.raises(ValueError, match="it is"):
        check_graph(content)


def test_every_cut_is_refused_or_read() -> None:
    content = bundle.resolve("fashion-dnn").graph.read_bytes()
    for at in np.random.default_rng(0).integers(0, len(content), 50):
        with pytest.raises(ValueError, match="it is"):
            check_graph(content[:at])
