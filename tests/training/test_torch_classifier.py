from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from clothier.recipes import DenseOnPca
from clothier.taxonomy import FASHION_MNIST
from clothier.training import torch_classifier
from clothier.training.device import Device
from clothier.training.networks import GarmentNetwork, build
from clothier.training.torch_classifier import Deployed, TorchClassifier, looking, scaled
from clothier.types import View

if TYPE_CHECKING:
    from clothier.data.dataset import Labelled
    from clothier.types import Classifier


@pytest.fixture
def network(garments: Labelled) -> GarmentNetwork:
    return build(DenseOnPca(components=20, hidden=(16,), batch_norm=True, dropout=0.5), garments.images, 10, 0)


def test_it_is_a_classifier(network: GarmentNetwork, garments: Labelled) -> None:
    torch_classifier: Classifier = TorchClassifier(network, FASHION_MNIST, name="mine")
    assert (torch_classifier.name, torch_classifier.classes, torch_classifier.view) == ("mine", FASHION_MNIST, View())
    outputs = torch_classifier.run(garments.images[:6])
    assert (outputs.logits.shape, outputs.embeddings.shape) == ((6, 10), (6, 16))
    assert outputs.logits.dtype == outputs.embeddings.dtype == np.float32


def test_pictures_are_scaled_to_0_and_1_inside(network: GarmentNetwork, garments: Labelled) -> None:
    pictures = scaled(torch.as_tensor(garments.images))
    assert pictures.shape == (300, 1, 28, 28)
    assert pictures.dtype == torch.float32
    assert (float(pictures.min()), float(pictures.max())) == (0.0, garments.images.max() / 255)
    network.eval()
    with torch.no_grad():
        logits, embeddings = Deployed(network)(torch.as_tensor(garments.images))
        assert torch.equal(logits, network(pictures))
        assert torch.equal(embeddings, network.features(pictures))


def test_parts_change_no_answer(network: GarmentNetwork, garments: Labelled, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = TorchClassifier(network, FASHION_MNIST).run(garments.images)
    monkeypatch.setattr(torch_classifier, "BATCH", 7)
    parts = TorchClassifier(network, FASHION_MNIST).run(garments.images)
    assert np.abs(whole.logits - parts.logits).max() < 1e-5
    assert np.abs(whole.embeddings - parts.embeddings).max() < 1e-5


@pytest.mark.parametrize("mode", [True, False])
def test_looking_is_evaluation_without_gradients_and_the_mode_comes_back(network: GarmentNetwork, mode: bool) -> None:
    device = Device("cpu", 2, "float32", "")
    network.train(mode)
    with looking(network, device):
        assert not network.training
        assert not torch.is_grad_enabled()
    assert network.training is mode
    with pytest.raises(KeyboardInterrupt), looking(network, device):
        raise KeyboardInterrupt
    assert network.training is mode
    assert torch.is_grad_enabled()


def test_dropout_and_batch_statistics_have_no_say(network: GarmentNetwork, garments: Labelled) -> None:
    network.train()
    looks = TorchClassifier(network, FASHION_MNIST)
    first, again = looks.run(garments.images[:50]), looks.run(garments.images[:50])
    assert np.array_equal(first.logits, again.logits)
    assert int(network.state_dict()["features.2.num_batches_tracked"]) == 0


def test_answers_are_float32_on_a_device_of_less(network: GarmentNetwork, garments: Labelled) -> None:
    rough = TorchClassifier(network, FASHION_MNIST, device=Device("cpu", 2, "bfloat16", "")).run(garments.images)
    exact = TorchClassifier(network, FASHION_MNIST).run(garments.images)
    assert rough.logits.dtype == rough.embeddings.dtype == np.float32
    assert 0 < np.abs(rough.logits - exact.logits).max() < 0.1


def test_nothing_is_left_hanging_on_the_network(network: GarmentNetwork, garments: Labelled) -> None:
    for _ in range(2):
        TorchClassifier(network, FASHION_MNIST).run(garments.images[:2])
    assert not any(module._forward_pre_hooks for module in network.modules())
