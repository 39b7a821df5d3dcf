"""The properties of ONNX models, compared with the library ``onnx``."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import onnx
import pytest

from clothier import bundle
from clothier.protobuf import fields, with_properties, without_properties
from clothier.types import InputSpec
from tools.describe_bundles import describe, outputs

if TYPE_CHECKING:
    from pathlib import Path

LONG = {"classes": '["Rock", "Ärmel"]' * 40, "empty": "", "input": "images"}  # lengths of one and two bytes


def test_properties_are_replaced_and_nothing_else() -> None:
    model = onnx.helper.make_model(onnx.helper.make_graph([], "g", [], []), producer_name="test")
    plain = model.SerializeToString()
    onnx.helper.set_model_props(model, {"old": "1"})
    found = onnx.load_from_string(with_properties(model.SerializeToString(), LONG))
    assert {one.key: one.value for one in found.metadata_props} == LONG
    assert without_properties(found.SerializeToString()) == without_properties(plain) == plain


def test_what_is_no_message() -> None:
    with pytest.raises(ValueError, match="not a protobuf message"):
        with_properties(b"graph", {})
    assert list(fields(memoryview(b""))) == []


@pytest.mark.parametrize("name", ["fashion-cnn", "fashion-dnn", "photo"])
def test_bundled_graphs_have_the_properties_of_their_cards(name: str) -> None:
    opened = bundle.resolve(name)
    model = onnx.load(opened.graph)
    properties = {one.key: one.value for one in model.metadata_props}
    assert properties == opened.metadata.graph_properties
    assert json.loads(properties["classes"]) == list(opened.metadata.classes)
    assert float(properties["temperature"]) == opened.metadata.calibration["temperature"]


def test_the_input_is_described() -> None:
    metadata = bundle.resolve("fashion-cnn").metadata
    photo = replace(metadata, input_spec=InputSpec("center_crop", 224, 224, 3), calibration={}).graph_properties
    assert photo["input"] == "images: uint8 (N, 224, 224, 3), RGB, 0 to 255"
    assert "central square, resize it to 224x224." in photo["preprocessing"]
    assert (photo["probabilities"], "temperature" in photo) == ("softmax(logits)", False)
    other = replace(metadata, input_spec=InputSpec("gray28x20", 28, 20)).graph_properties
    assert other["preprocessing"].startswith("As the training images. ")


def test_describing_changes_no_output(tmp_path: Path) -> None:
    opened = bundle.resolve("fashion-cnn")
    plain = replace(opened.metadata, classes=tuple("abcdefghij"))
    saved = bundle.save(tmp_path / "plain", plain, opened.graph.read_bytes(), b"")
    described = describe(saved, tmp_path / "described")
    assert outputs(described) == outputs(opened)
    properties = {one.key: one.value for one in onnx.load(described.graph).metadata_props}
    assert json.loads(properties["classes"]) == list("abcdefghij")
