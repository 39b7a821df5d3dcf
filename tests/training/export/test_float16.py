"""float16 storage: half the size, nearly the same output."""

import numpy as np
import onnxruntime as ort
import pytest
import torch
from safetensors.torch import load

from clothier import recipes
from clothier.training.export import float16
from clothier.training.export.bundle_export import to_onnx, to_safetensors
from clothier.training.export.float16 import pack_int8, to_float16_graph, to_float16_weights
from clothier.training.networks import ImageClassifier, build_network
from clothier.types import InputSpec
from tests.synthetic import draw_garments


@pytest.fixture(scope="module", params=["dnn", "cnn"])
def network(request: pytest.FixtureRequest) -> ImageClassifier:
    return build_network(recipes.preset(request.param, "fast").network, draw_garments(400, seed=0).images, 10, seed=0)


def run_graph(graph: bytes, images: np.ndarray) -> np.ndarray:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(graph, sess_options=options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["logits"], {"images": images})[0])


def test_the_graph_is_half_the_size_with_nearly_the_same_output(network: ImageClassifier) -> None:
    graph = to_onnx(network, InputSpec())
    small = to_float16_graph(graph)
    assert len(small) < 0.55 * len(graph)
    images = draw_garments(64, seed=1).images
    before, after = run_graph(graph, images), run_graph(small, images)
    assert after.dtype == np.float32
    assert np.abs(after - before).max() < 2e-3 * np.abs(before).max()
    assert np.abs(after - before).max() > 0  # float16 does round


def test_large_matrices_can_be_int8(network: ImageClassifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(float16, "INT8_MIN_SIZE", 10_000)
    graph = to_onnx(network, InputSpec())
    small = pack_int8(graph)
    assert len(small) < 0.3 * len(graph)
    images = draw_garments(64, seed=1).images
    before, after = run_graph(graph, images), run_graph(small, images)
    assert 0 < np.abs(after - before).max() < 3e-2 * np.abs(before).max()


def test_any_batch_size_works(network: ImageClassifier) -> None:
    small = to_float16_graph(to_onnx(network, InputSpec()))
    images = draw_garments(9, seed=1).images
    whole = run_graph(small, images)
    assert np.allclose(np.concatenate([run_graph(small, images[:1]), run_graph(small, images[1:])]), whole, atol=1e-4)


def test_names_shapes_and_small_tensors_are_unchanged(network: ImageClassifier) -> None:
    whole = to_safetensors(network)
    small = to_float16_weights(whole)
    before, after = load(whole), load(small)
    assert len(small) < 0.55 * len(whole)
    assert {name: value.shape for name, value in before.items()} == {name: value.shape for name, value in after.items()}
    assert all(torch.allclose(before[name].float(), after[name].float(), rtol=1e-3, atol=1e-6) for name in before)
    assert after["head.weight"].dtype == torch.float16
    assert all(value.dtype == before[name].dtype for name, value in after.items() if value.numel() < 1024)
