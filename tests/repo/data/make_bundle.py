"""Makes the bundle that stands for today's format in ``tests/repo/test_old_bundles.py``.

    python tests/repo/data/make_bundle.py

writes ``format-N`` beside this file, N being the format that the installed Clothier writes. It is run once for a
format, when that format first appears, and what it wrote is committed and never made again: every later Clothier must
read it and answer as ``answers.json`` says. A new format gets a new folder; the old ones stay.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save as save_tensors

from clothier import atomic, bundle, recipes
from clothier.bundle import BundleMetadata
from clothier.inference.session import OnnxClassifier
from clothier.taxonomy import FASHION_MNIST_CLASSES

if TYPE_CHECKING:
    from clothier.types import Floats, Images

HERE = Path(__file__).parent
HIDDEN = 8
PIXELS = 49  # of the picture at a quarter of its size, so that the bundle stays small


def main() -> None:
    """Writes the bundle and what it answers."""
    folder = HERE / f"format-{bundle.FORMAT_VERSION}"
    if folder.exists():
        raise SystemExit(f"{folder} is there already; what a format wrote is never made again.")
    weights = _weights()
    saved = bundle.save(folder, _card(weights), _graph(weights), save_tensors(weights))
    outputs = OnnxClassifier(saved, threads=1).run(pictures())
    answers = {"logits": outputs.logits.tolist(), "embeddings": outputs.embeddings.tolist()}
    atomic.write_json(folder / "answers.json", answers)


def pictures() -> Images:
    """(3, 28, 28) uint8 without any chance in it."""
    return (np.arange(3 * 28 * 28) * 7919 % 256).astype(np.uint8).reshape(3, 28, 28)


def _weights() -> dict[str, Floats]:
    generator = np.random.default_rng(0)
    return {
        "features.weight": generator.normal(0, 0.5, (PIXELS, HIDDEN)).astype(np.float32),
        "head.weight": generator.normal(0, 1, (HIDDEN, len(FASHION_MNIST_CLASSES))).astype(np.float32),
    }


def _card(weights: dict[str, Floats]) -> BundleMetadata:
    """A card with something in every field."""
    return BundleMetadata(
        name="tiny",
        model="dnn",
        preset="fast",
        classes=FASHION_MNIST_CLASSES,
        recipe={**recipes.preset("dnn", "fast").to_json(), "seed": 0},
        parameters=sum(weight.size for weight in weights.values()),
        data={"name": "drawn", "digest": "ab" * 32},
        metrics={"test": {"n": 3, "accuracy": 0.1}},
        calibration={"temperature": 1.5},
        thresholds={"accept": 0.9},
        clothier_version="0.1.0",
    )


def _graph(weights: dict[str, Floats]) -> bytes:
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["floats", "white"], ["scaled"]),
        helper.make_node("Unsqueeze", ["scaled", "channel"], ["pictures"]),
        helper.make_node("AveragePool", ["pictures"], ["small"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Flatten", ["small"], ["pixels"], axis=1),
        helper.make_node("MatMul", ["pixels", "features.weight"], ["sums"]),
        helper.make_node("Relu", ["sums"], ["embedding"]),
        helper.make_node("MatMul", ["embedding", "head.weight"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", 28, 28])],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", len(FASHION_MNIST_CLASSES)]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", HIDDEN]),
        ],
        [
            numpy_helper.from_array(np.array(255, np.float32), "white"),
            numpy_helper.from_array(np.array([1], np.int64), "channel"),
            *(numpy_helper.from_array(weight, name) for name, weight in weights.items()),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return bytes(model.SerializeToString())


if __name__ == "__main__":
    main()
