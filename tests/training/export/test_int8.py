"""int8: nearly the same output, on every CPU, for any batch size."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnx import TensorProto, numpy_helper
from torch import nn

from clothier.inference import session
from clothier.recipes import HardExampleMining, WhitenedCnn, preset
from clothier.training.device import Device
from clothier.training.export import int8
from clothier.training.export.bundle_export import to_onnx
from clothier.training.export.float16 import to_float16_graph
from clothier.training.export.int8 import CALIBRATION_SIZE, calibration_sample, is_quantized, quantize_graph
from clothier.training.finetune.efficientnet_lite import MEAN, STD
from clothier.training.networks import build_network
from clothier.training.trainer import fit, init_state
from clothier.types import InputSpec
from tests.synthetic import draw_garments

if TYPE_CHECKING:
    from clothier.data.dataset import LabeledImages

RECIPES = {
    "dnn": preset("dnn", "fast"),
    "study-cnn": preset("cnn", "classic"),
    "whitened-cnn": replace(preset("cnn", "fast"), network=WhitenedCnn(patch=3, widths=(16, 32), depths=(3, 3))),
}
SEVEN_BITS = 64  # the largest weight


@pytest.fixture(scope="module", params=list(RECIPES))
def graph(request: pytest.FixtureRequest, garments: LabeledImages) -> bytes:
    """Each network after a few epochs."""
    recipe = replace(RECIPES[request.param], epochs=6, batch_size=50, hard_example_mining=HardExampleMining())
    device = Device("cpu", 2, "float32", "the tests ask for it")
    training = init_state(build_network(recipe.network, garments.images, 10, 0), recipe, device)
    list(fit(training.network, garments, garments, recipe, state=training, device=device))
    return to_onnx(training.network, InputSpec())


@pytest.fixture(scope="module")
def small(graph: bytes, garments: LabeledImages) -> bytes:
    return quantize_graph(graph, garments.images[:100])


def run_graph(made: bytes, images: np.ndarray) -> list[np.ndarray]:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(made, sess_options=options, providers=["CPUExecutionProvider"])
    return list(session.run(["logits", "embedding"], {"images": images}))


def test_outputs_stay_nearly_the_same(graph: bytes, small: bytes) -> None:
    images = draw_garments(200, seed=3).images  # not used for training or calibration
    (logits, embeddings), (quantized, near) = run_graph(graph, images), run_graph(small, images)
    assert quantized.dtype == near.dtype == np.float32
    assert (logits.argmax(1) == quantized.argmax(1)).mean() >= 0.97
    cosine = (embeddings * near).sum(1) / np.linalg.norm(embeddings, axis=1) / np.linalg.norm(near, axis=1)
    assert cosine.mean() > 0.99
    assert np.abs(quantized - logits).max() > 0  # eight bits do round


def test_two_products_fit_in_16_bits(small: bytes) -> None:
    weights = [
        numpy_helper.to_array(one)
        for one in onnx.load_from_string(small).graph.initializer
        if one.data_type == TensorProto.INT8 and len(one.dims) > 1
    ]
    assert len(weights) >= 2
    largest = max(np.abs(one.astype(int)).max() for one in weights)
    assert largest == SEVEN_BITS
    assert 2 * 255 * largest < 2**15


def test_scales_per_channel_and_uint8_activations(small: bytes) -> None:
    made = onnx.load_from_string(small).graph
    tensors = {one.name: one for one in made.initializer}
    layers = [one for one in made.initializer if one.data_type == TensorProto.INT8 and len(one.dims) > 1]
    for weight in layers:
        assert list(tensors[weight.name.replace("_quantized", "_scale")].dims) == [weight.dims[0]]
    zeros = [tensors[node.input[2]] for node in made.node if node.op_type == "QuantizeLinear"]
    assert {one.data_type for one in zeros} == {TensorProto.UINT8}


def test_the_last_layer_stays_float32(small: bytes) -> None:
    made = onnx.load_from_string(small).graph
    (head,) = (node for node in made.node if "logits" in node.output)
    assert {one.name: one.data_type for one in made.initializer}[head.input[1]] == TensorProto.FLOAT


def test_consecutive_linear_layers_are_fused(garments: LabeledImages) -> None:
    network = build_network(
        RECIPES["dnn"].network, garments.images, 10, 0
    ).eval()  # a projection, then two layers and the head
    exact = to_onnx(network, InputSpec())
    small = quantize_graph(exact, garments.images[:100])
    made = onnx.load_from_string(small).graph
    layers = {one.name: list(one.dims) for one in made.initializer if one.data_type == TensorProto.INT8}
    assert sorted(dims for dims in layers.values() if len(dims) == 2) == [[1024, 784], [1024, 1024]]
    logits, rounded = (run_graph(graph, garments.images)[0] for graph in (exact, small))
    assert np.corrcoef(logits.ravel(), rounded.ravel())[0, 1] > 0.99


@pytest.mark.parametrize("size", [1, 2, 7, 100])
def test_the_batch_size_does_not_change_the_output(small: bytes, garments: LabeledImages, size: int) -> None:
    images = garments.images[:100]
    whole = run_graph(small, images)[0]
    parts = [run_graph(small, images[start : start + size])[0] for start in range(0, len(images), size)]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-4)


def test_inputs_and_outputs_are_unchanged(graph: bytes, small: bytes) -> None:
    before, after = onnx.load_from_string(graph).graph, onnx.load_from_string(small).graph
    assert (before.input, before.output) == (after.input, after.output)
    assert len(small) < 0.45 * len(graph)


def test_the_graph_has_no_paths_of_this_machine(small: bytes) -> None:
    model = onnx.load_from_string(small)
    assert not model.metadata_props
    assert b"/tmp" not in small


def test_nothing_is_printed_or_logged(
    graph: bytes, garments: LabeledImages, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    quantize_graph(graph, garments.images[:8])
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


def test_the_same_images_give_the_same_graph(graph: bytes, small: bytes, garments: LabeledImages) -> None:
    assert quantize_graph(graph, garments.images[:100]) == small


def test_a_quantized_graph_is_recognized(graph: bytes, small: bytes) -> None:
    assert [is_quantized(one) for one in (graph, to_float16_graph(graph), small)] == [False, False, True]


def test_the_calibration_sample_is_seeded_and_distinct() -> None:
    images = np.arange(1000, dtype=np.uint16).view(np.uint8).reshape(1000, 1, 2)
    sample = calibration_sample(images)
    assert len(np.unique(sample, axis=0)) == len(sample) == CALIBRATION_SIZE
    np.testing.assert_array_equal(sample, calibration_sample(images))
    assert not np.array_equal(sample, calibration_sample(images, seed=1))
    assert len(calibration_sample(images[:5])) == 5


def photo_graph() -> bytes:
    """A small network for photos, with the scaling of the photo model."""

    class Small(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution = nn.Conv2d(3, 8, 3)
            self.head = nn.Linear(8, 3)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            features = torch.relu(self.convolution((images * 255 - MEAN) / STD))
            logits: torch.Tensor = self.head(features.mean((2, 3)))
            return logits

    torch.manual_seed(0)
    return to_onnx(Small(), InputSpec("center_crop", 16, 16, 3))


def test_the_first_layer_takes_the_bytes_of_the_images(monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)
    images[0, 0, 0], images[1, 0, 0] = 0, 255  # the whole range, as in any sample of photos
    graph = photo_graph()
    direct = quantize_graph(graph, images)
    monkeypatch.setattr(int8, "_skip_input_scaling", lambda graph: None)
    rounded = quantize_graph(graph, images)
    operators = [{node.op_type for node in onnx.load_from_string(one).graph.node} for one in (direct, rounded)]
    assert operators[1] - operators[0] == {"Cast", "Div", "Mul", "Sub"}
    for first, second in zip(run_graph(direct, images), run_graph(rounded, images), strict=True):
        np.testing.assert_array_equal(first, second)


def test_other_scalings_stay() -> None:
    images = np.random.default_rng(0).integers(30, 200, (40, 16, 16, 3), np.uint8)  # a part of the range
    made = onnx.load_from_string(quantize_graph(photo_graph(), images)).graph
    assert "Div" in {node.op_type for node in made.node}


def test_weights_of_eight_bits_are_exact_without_vnni(monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)
    graph = quantize_graph(photo_graph(), images, weight_bits=8)
    layers = [one for one in onnx.load_from_string(graph).graph.initializer if one.data_type == TensorProto.INT8]
    assert max(np.abs(numpy_helper.to_array(one).astype(int)).max() for one in layers) > SEVEN_BITS
    outputs = []
    start = session._start
    for sets in (["avx2"], ["avx2", "avx512_vnni"]):
        monkeypatch.setattr("clothier.system.instruction_sets", lambda sets=sets: sets)
        started: list[object] = []
        monkeypatch.setattr(session, "_start", lambda *given, to=started: to.append(given[1]) or start(*given))
        outputs.append(session._open_session(graph, 1).run(["logits"], {"images": images})[0])
        assert len(started) == (1 if "avx512_vnni" in sets else 2), "with exact kernels, it is started again"
    np.testing.assert_allclose(outputs[0], outputs[1], atol=1e-5)
