"""Plain PyTorch has the same outputs as the bundled models."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load

from benchmarks.eager import eager, load_network, recipe_from_card, torch_threads
from clothier import bundle
from clothier.inference.session import OnnxClassifier
from clothier.recipes import preset
from tests.synthetic import draw_garments


@pytest.mark.parametrize("name", ["fashion-cnn", "fashion-dnn"])
def test_network_of_a_bundle(name: str) -> None:
    made = bundle.resolve(name)
    network = load_network(made, draw_garments(500, seed=0).images)  # as many as the DNN has components, or more
    weights = load(made.weights.read_bytes())
    for key, value in network.state_dict().items():
        assert torch.equal(value.float(), weights[key].float())
        assert value.dtype in (torch.float32, torch.int64)
    images = draw_garments(20, seed=5).images
    ours, theirs = OnnxClassifier(made).run(images).logits, eager(network)(images)
    assert (ours.argmax(1) == theirs.argmax(1)).mean() >= 0.95
    assert (theirs.shape, theirs.dtype) == ((20, 10), np.float32)


def test_recipe_of_a_card() -> None:
    recipe = recipe_from_card(bundle.resolve("fashion-dnn").metadata)
    assert recipe == preset("dnn", "best")


def test_inference_without_gradients_and_dropout() -> None:
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Dropout(0.5), torch.nn.Linear(784, 10)).train()
    run, images = eager(network), draw_garments(3, seed=0).images
    np.testing.assert_array_equal(run(images), run(images))
    expected = images.reshape(3, 784) / 255 @ network[2].weight.detach().numpy().T + network[2].bias.detach().numpy()
    np.testing.assert_allclose(run(images), expected, atol=1e-5)


def test_thread_count_is_restored() -> None:
    before = torch.get_num_threads()
    with torch_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    with pytest.raises(RuntimeError, match="stop"), torch_threads(before + 1):
        raise RuntimeError("stop")
    assert torch.get_num_threads() == before
