from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from clothier.recipes import PcaMlp
from clothier.taxonomy import FASHION_MNIST_CLASSES
from clothier.training import torch_classifier
from clothier.training.device import Device
from clothier.training.networks import ImageClassifier, build_network
from clothier.training.torch_classifier import ExportModule, TorchClassifier, inference_mode, to_float
from clothier.types import InputSpec

if TYPE_CHECKING:
    from clothier.data.dataset import LabeledImages
    from clothier.types import Classifier


@pytest.fixture
def network(garments: LabeledImages) -> ImageClassifier:
    return build_network(PcaMlp(components=20, hidden=(16,), batch_norm=True, dropout=0.5), garments.images, 10, 0)


def test_it_is_a_classifier(network: ImageClassifier, garments: LabeledImages) -> None:
    torch_classifier: Classifier = TorchClassifier(network, FASHION_MNIST_CLASSES, name="mine")
    assert (torch_classifier.name, torch_classifier.classes, torch_classifier.input_spec) == (
        "mine",
        FASHION_MNIST_CLASSES,
        InputSpec(),
    )
    outputs = torch_classifier.run(garments.images[:6])
    assert (outputs.logits.shape, outputs.embeddings.shape) == ((6, 10), (6, 16))
    assert outputs.logits.dtype == outputs.embeddings.dtype == np.float32


def test_images_are_scaled_to_0_and_1(network: ImageClassifier, garments: LabeledImages) -> None:
    inputs = to_float(torch.as_tensor(garments.images))
    assert inputs.shape == (300, 1, 28, 28)
    assert inputs.dtype == torch.float32
    assert (float(inputs.min()), float(inputs.max())) == (0.0, garments.images.max() / 255)
    network.eval()
    with torch.no_grad():
        logits, embeddings = ExportModule(network)(torch.as_tensor(garments.images))
        assert torch.equal(logits, network(inputs))
        assert torch.equal(embeddings, network.features(inputs))


def test_batches_do_not_change_the_output(
    network: ImageClassifier, garments: LabeledImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = TorchClassifier(network, FASHION_MNIST_CLASSES).run(garments.images)
    monkeypatch.setattr(torch_classifier, "BATCH_SIZE", 7)
    parts = TorchClassifier(network, FASHION_MNIST_CLASSES).run(garments.images)
    assert np.abs(whole.logits - parts.logits).max() < 1e-5
    assert np.abs(whole.embeddings - parts.embeddings).max() < 1e-5


@pytest.mark.parametrize("mode", [True, False])
def test_inference_mode_restores_the_mode(network: ImageClassifier, mode: bool) -> None:
    device = Device("cpu", 2, "float32", "")
    network.train(mode)
    with inference_mode(network, device):
        assert not network.training
        assert not torch.is_grad_enabled()
    assert network.training is mode
    with pytest.raises(KeyboardInterrupt), inference_mode(network, device):
        raise KeyboardInterrupt
    assert network.training is mode
    assert torch.is_grad_enabled()


def test_dropout_and_batch_statistics_are_off(network: ImageClassifier, garments: LabeledImages) -> None:
    network.train()
    looks = TorchClassifier(network, FASHION_MNIST_CLASSES)
    first, again = looks.run(garments.images[:50]), looks.run(garments.images[:50])
    assert np.array_equal(first.logits, again.logits)
    assert int(network.state_dict()["features.2.num_batches_tracked"]) == 0


def test_outputs_are_float32_on_a_bfloat16_device(network: ImageClassifier, garments: LabeledImages) -> None:
    rough = TorchClassifier(network, FASHION_MNIST_CLASSES, device=Device("cpu", 2, "bfloat16", "")).run(
        garments.images
    )
    exact = TorchClassifier(network, FASHION_MNIST_CLASSES).run(garments.images)
    assert rough.logits.dtype == rough.embeddings.dtype == np.float32
    assert 0 < np.abs(rough.logits - exact.logits).max() < 0.1


def test_no_hook_is_left_on_the_network(network: ImageClassifier, garments: LabeledImages) -> None:
    for _ in range(2):
        TorchClassifier(network, FASHION_MNIST_CLASSES).run(garments.images[:2])
    assert not any(module._forward_pre_hooks for module in network.modules())
