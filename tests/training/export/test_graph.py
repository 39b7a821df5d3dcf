from __future__ import annotations

import logging
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from safetensors.torch import load
from torch import nn

from clothier.metrics import softmax
from clothier.recipes import ResidualCnn, WhitenedCnn, preset
from clothier.taxonomy import FASHION_MNIST_CLASSES
from clothier.training.device import Device
from clothier.training.export.bundle_export import OPSET, to_onnx, to_safetensors
from clothier.training.networks import PreActivationBlock, build_network
from clothier.training.torch_classifier import TorchClassifier
from clothier.training.trainer import fit, init_state
from clothier.types import InputSpec, ModelOutput

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.data.dataset import LabeledImages

RESIDUAL = ResidualCnn(widths=(8, 16), blocks=2)
SIZES = (1, 2, 7, 300)  # images per batch
RECIPES = {
    "dnn": preset("dnn", "fast"),
    "study-cnn": preset("cnn", "classic"),
    "cnn": preset("cnn", "fast"),
    "residual-cnn": replace(preset("cnn", "fast"), network=RESIDUAL),
}


@pytest.fixture(scope="module", params=list(RECIPES))
def network(request: pytest.FixtureRequest, garments: LabeledImages) -> nn.Module:
    """Each network of the presets after one epoch."""
    recipe = replace(RECIPES[request.param], epochs=1, batch_size=100)
    device = Device("cpu", 2, "float32", "the tests ask for it")
    training = init_state(build_network(recipe.network, garments.images, 10, 0), recipe, device)
    list(fit(training.network, garments, garments, recipe, state=training, device=device))
    return training.network


@pytest.fixture(scope="module")
def graph(network: nn.Module) -> bytes:
    return to_onnx(network, InputSpec())


def run_graph(graph: bytes, images: np.ndarray) -> ModelOutput:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 2
    session = ort.InferenceSession(graph, sess_options=options, providers=["CPUExecutionProvider"])
    return ModelOutput(*session.run(["logits", "embedding"], {"images": images}))


def probabilities_by(size: int, run: object, images: np.ndarray) -> np.ndarray:
    """The output of ``run`` on batches of ``size`` images."""
    parts = [images[start : start + size] for start in range(0, len(images), size)]
    return np.concatenate([softmax(run(part).logits) for part in parts])


@pytest.mark.parametrize("size", SIZES)
def test_the_graph_has_the_output_of_the_network(
    network: nn.Module, graph: bytes, garments: LabeledImages, size: int
) -> None:
    images = garments.images[:size]
    ours, theirs = TorchClassifier(network, FASHION_MNIST_CLASSES).run(images), run_graph(graph, images)
    assert theirs.logits.shape == (size, 10)
    assert theirs.logits.dtype == theirs.embeddings.dtype == np.float32
    assert np.abs(softmax(ours.logits) - softmax(theirs.logits)).max() <= 1e-4
    assert np.abs(ours.embeddings - theirs.embeddings).max() <= 1e-3 * np.abs(ours.embeddings).max()


def test_the_batch_size_changes_no_probability(network: nn.Module, graph: bytes, garments: LabeledImages) -> None:
    images = garments.images
    for run in (TorchClassifier(network, FASHION_MNIST_CLASSES).run, lambda part: run_graph(graph, part)):
        whole = probabilities_by(300, run, images)
        assert np.abs(probabilities_by(7, run, images[:70]) - whole[:70]).max() < 1e-5
        assert np.abs(probabilities_by(1, run, images[:5]) - whole[:5]).max() < 1e-5


def test_names_and_types_of_inputs_and_outputs(graph: bytes) -> None:
    model = onnx.load_from_string(graph)
    onnx.checker.check_model(model, full_check=True)
    (images,) = model.graph.input
    assert images.name == "images"
    assert images.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    sizes = [one.dim_param or one.dim_value for one in images.type.tensor_type.shape.dim]
    assert sizes == ["batch", 28, 28]
    outputs = {one.name: one.type.tensor_type.shape.dim for one in model.graph.output}
    assert list(outputs) == ["logits", "embedding"]
    assert [one[0].dim_param for one in outputs.values()] == ["batch", "batch"]
    assert [(one.domain, one.version) for one in model.opset_import] == [("", OPSET)]


def test_batch_norm_is_folded_into_the_layer_before_it(network: nn.Module, graph: bytes) -> None:
    assert any(isinstance(one, nn.BatchNorm1d | nn.BatchNorm2d) for one in network.modules())
    nodes = onnx.load_from_string(graph).graph.node
    kept = [node for node in nodes if node.op_type == "BatchNormalization"]
    # before a convolution there is no layer to fold it into: the first of each block, and the last of the network
    blocks = sum(isinstance(one, PreActivationBlock) for one in network.modules())
    assert len(kept) == (blocks + 1 if blocks else 0)


def test_the_graph_has_no_paths_of_this_machine(graph: bytes) -> None:
    import clothier

    for path in (clothier.__path__[0], torch.__path__[0], "site-packages"):
        assert path.encode() not in graph
    assert not any(node.metadata_props for node in onnx.load_from_string(graph).graph.node)


def test_export_does_not_change_the_network() -> None:
    network = CustomWithHead().to(memory_format=torch.channels_last).train()
    before = {name: (value.clone(), value.stride()) for name, value in network.state_dict().items()}
    to_safetensors(network)
    to_onnx(network, InputSpec())
    assert network.training
    assert not any(module._forward_pre_hooks for module in network.modules())
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name][0])
        assert value.stride() == before[name][1]


class CustomNetwork(nn.Module):
    """A custom network without a module ``head``."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(784, 16), nn.ReLU(), nn.Linear(16, 10))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.layers(images)


class CustomWithHead(nn.Module):
    """A custom network with operations between its parts and its head."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Conv2d(1, 12, 5)
        self.head = nn.Linear(12, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(images).relu().mean((2, 3)))


class CustomWithOddHead(CustomWithHead):
    """A custom network whose head pools feature maps."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 10))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(images))


@pytest.mark.parametrize(
    ("kind", "width"), [(CustomNetwork, 10), (CustomWithHead, 12), (CustomWithOddHead, 12 * 24 * 24)]
)
def test_a_custom_network_is_exported(kind: type[nn.Module], width: int, garments: LabeledImages) -> None:
    own = kind()
    images = garments.images[:7]
    with torch.no_grad():
        expected = softmax(own(torch.as_tensor(images)[:, None] / 255).numpy())
    for outputs in (
        TorchClassifier(own, FASHION_MNIST_CLASSES).run(images),
        run_graph(to_onnx(own, InputSpec()), images),
    ):
        assert np.abs(softmax(outputs.logits) - expected).max() < 1e-4
        assert outputs.embeddings.shape == (7, width)
    if kind is CustomNetwork:
        assert np.array_equal(outputs.embeddings, outputs.logits)


def test_the_exporter_is_silent_and_restores_warnings_and_loggers(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    logger, filters = logging.getLogger("torch.onnx"), list(warnings.filters)
    monkeypatch.setattr(logger, "level", logging.INFO)
    to_onnx(CustomNetwork(), InputSpec())
    assert logger.level == logging.INFO
    assert warnings.filters == filters
    assert capfd.readouterr() == ("", "")


def test_the_graph_has_the_size_of_the_images(garments: LabeledImages) -> None:
    wide = np.ascontiguousarray(garments.images[:, :, 4:24])
    network = build_network(WhitenedCnn(patch=3, widths=(16,), depths=(2,)), wide, 10, 0)
    outputs = run_graph(to_onnx(network, InputSpec("gray28x20", 28, 20)), wide[:3])
    ours = TorchClassifier(network, FASHION_MNIST_CLASSES).run(wide[:3])
    assert np.abs(softmax(outputs.logits) - softmax(ours.logits)).max() < 1e-4


def test_weights_and_fitted_buffers_are_saved_by_name(network: nn.Module, tmp_path: Path) -> None:
    weights = load(to_safetensors(network))
    state = network.state_dict()
    assert weights.keys() == state.keys()
    assert all(torch.equal(value, state[name]) for name, value in weights.items())


def test_tied_weights_are_saved_under_both_names() -> None:
    network = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    network[1].weight = network[0].weight
    weights = load(to_safetensors(network))
    assert torch.equal(weights["0.weight"], weights["1.weight"])
