from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import sklearn.decomposition
import torch
from torch import nn

from clothier.errors import DataError, UsageError
from clothier.exploration.pca import fit_pca
from clothier.recipes import PRESETS, PcaMlp, ResidualCnn, StudyCnn, WhitenedCnn, preset
from clothier.training.networks import ImageClassifier, PreActivationBlock, build_network, count_parameters
from clothier.training.torch_classifier import to_float

if TYPE_CHECKING:
    from clothier.data.dataset import LabeledImages
    from clothier.recipes import Network


def features_of(images: np.ndarray, network: ImageClassifier, upto: int) -> np.ndarray:
    """The output of the first modules of ``features``, (N, ...) float64."""
    first = network.features[:upto]
    with torch.no_grad():
        return first.eval()(to_float(torch.as_tensor(images))).double().numpy()


@pytest.mark.parametrize(
    ("network", "parameters"),
    [
        (PcaMlp(components=187, hidden=(64,)), 12_682),
        (StudyCnn(), 262_890),
        (PcaMlp(components=20, hidden=(16, 8), batch_norm=True), 20 * 16 + 2 * 16 + 16 * 8 + 2 * 8 + 8 * 10 + 10),
        (WhitenedCnn(patch=2, widths=(16,), depths=(2,)), 8 * 16 * 9 + 16 + 16 * 16 * 9 + 16 + 16 * 10),
        (ResidualCnn(), 271_994),  # the published 0.27 million
    ],
)
def test_only_trained_parameters_are_counted(garments: LabeledImages, network: Network, parameters: int) -> None:
    assert count_parameters(build_network(network, garments.images, 10, 0)) == parameters


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize(("model", "classes"), [("dnn", 10), ("cnn", 7)])
def test_shapes_of_embedding_and_logits(garments: LabeledImages, model: str, name: str, classes: int) -> None:
    spec = preset(model, name).network
    if isinstance(spec, PcaMlp):
        spec = replace(spec, components=min(spec.components, len(garments)))  # at most as many components as images
    network = build_network(spec, garments.images, classes, 0).eval()
    inputs = to_float(torch.as_tensor(garments.images[:5]))
    with torch.no_grad():
        embeddings = network.features(inputs)
        assert embeddings.ndim == 2
        assert network(inputs).shape == (5, classes)
        assert torch.equal(network(inputs), network.head(embeddings))


def test_the_seed_decides_the_initial_weights(garments: LabeledImages) -> None:
    def first_weights(seed: int) -> torch.Tensor:
        return torch.cat(
            [weight.flatten() for weight in build_network(StudyCnn(), garments.images, 10, seed).parameters()]
        ).detach()

    assert torch.equal(first_weights(3), first_weights(3))
    assert not torch.equal(first_weights(3), first_weights(4))


def test_the_projection_equals_pca(garments: LabeledImages) -> None:
    network = build_network(PcaMlp(components=30, whitening=0.0), garments.images, 10, 0)
    inside = features_of(garments.images, network, 1)
    assert np.abs(inside - fit_pca(garments.images, 30).transform(garments.images)).max() < 1e-4
    pixels = garments.images.reshape(len(garments), -1) / 255
    theirs = sklearn.decomposition.PCA(30, svd_solver="full").fit_transform(pixels)
    assert np.abs(inside - theirs * np.sign((inside * theirs).sum(0))).max() < 1e-4


def test_a_variance_ratio_selects_the_components(garments: LabeledImages) -> None:
    network = build_network(PcaMlp(components=0.9), garments.images, 10, 0)
    pixels = garments.images.reshape(len(garments), -1) / 255
    wanted = sklearn.decomposition.PCA(0.9, svd_solver="full").fit(pixels).n_components_
    assert features_of(garments.images[:1], network, 1).shape == (1, wanted)


@pytest.mark.parametrize("exponent", [0.25, 0.5])
def test_whitening_divides_by_a_power_of_the_variance(garments: LabeledImages, exponent: float) -> None:
    plain = features_of(garments.images, build_network(PcaMlp(components=40), garments.images, 10, 0), 1)
    network = build_network(PcaMlp(components=40, whitening=exponent), garments.images, 10, 0)
    whitened = features_of(garments.images, network, 1)
    variances = plain.var(0, ddof=1)
    ratios = whitened.std(0) / plain.std(0) * (variances + 1e-3) ** exponent
    assert ratios == pytest.approx(ratios[0], rel=1e-3)
    assert whitened.var(0, ddof=1).mean() == pytest.approx(1, rel=1e-3)
    if exponent == 0.5:
        assert whitened.var(0).min() > 0.9 * whitened.var(0).max()


def test_the_stem_whitens(garments: LabeledImages) -> None:
    network = build_network(WhitenedCnn(patch=4, widths=(16, 16), depths=(2, 2)), garments.images, 10, 0)
    responses = features_of(garments.images, network, 1).transpose(1, 0, 2, 3).reshape(32, -1)
    moments = responses[:16] @ responses[:16].T / responses.shape[1]
    off_diagonal = moments - np.diag(np.diag(moments))
    assert np.abs(off_diagonal).max() < 2e-3
    assert np.diag(moments).max() <= 1.001
    assert np.diag(moments)[1:].min() > 0.5  # the flattest patches are held back by the ridge
    assert np.diag(moments)[-8:].min() > 0.99
    assert np.array_equal(responses[16:], -responses[:16])


def test_the_stem_normalizes_to_mean_0_and_std_1(garments: LabeledImages) -> None:
    stem = build_network(WhitenedCnn(patch=3, widths=(16,), depths=(2,)), garments.images, 10, 0).features.stem
    assert float(stem.mean) == pytest.approx(garments.images.mean() / 255, rel=1e-4)
    assert float(stem.std) == pytest.approx(garments.images.std() / 255, rel=1e-4)


def test_fitted_buffers_are_saved_and_not_trained(garments: LabeledImages) -> None:
    for spec, names in (
        (PcaMlp(components=20), {"features.0.mean", "features.0.components"}),
        (
            WhitenedCnn(widths=(16,), depths=(2,)),
            {"features.stem.mean", "features.stem.std", "features.stem.filters"},
        ),
    ):
        network = build_network(spec, garments.images, 10, 0)
        assert names <= network.state_dict().keys()
        assert not names & {name for name, _ in network.named_parameters()}


def test_convolutions_start_as_identity_and_norms_train_only_biases(garments: LabeledImages) -> None:
    group = build_network(WhitenedCnn(patch=2, widths=(16,), depths=(2,)), garments.images, 10, 0).features.groups[0]
    conv, norm, _ = group.first
    maps = torch.rand(2, 8, 6, 6)
    assert torch.allclose(conv(maps)[:, :8], maps, atol=1e-6)
    assert [name for name, weight in norm.named_parameters() if weight.requires_grad] == ["bias"]


@pytest.mark.parametrize(("depth", "blocks"), [(1, []), (2, []), (3, [2]), (4, [2, 1]), (5, [2, 2])])
def test_residual_connections_span_two_convolutions(depth: int, blocks: list[int], garments: LabeledImages) -> None:
    spec = WhitenedCnn(patch=2, widths=(16,), depths=(depth,))
    group = build_network(spec, garments.images, 10, 0).features.groups[0].eval()
    assert sum(isinstance(module, nn.Conv2d) for module in group.later.modules()) == depth - 1
    if blocks:
        assert [len(block) for block in group.later] == [3 * convolutions for convolutions in blocks]  # with norm, ReLU
        maps = torch.rand(2, 16, 6, 6)
        with torch.no_grad():
            for block in group.later:
                nn.init.normal_(block[0].weight)
                output = nn.Sequential(*block)(maps)
                assert not torch.allclose(output, maps)
                assert torch.equal(block(maps), (maps + output) / 2)


def test_a_residual_block_adds_to_its_input_or_to_its_shortcut(garments: LabeledImages) -> None:
    network = build_network(ResidualCnn(widths=(4, 6), blocks=2), garments.images, 10, 0).eval()
    blocks = [module for module in network.features if isinstance(module, PreActivationBlock)]
    assert [block.shortcut is None for block in blocks] == [True, True, False, True]
    maps = torch.rand(2, 4, 9, 7) - 0.5
    with torch.no_grad():
        for block, shape in zip(blocks[1:], ((4, 9, 7), (6, 5, 4), (6, 5, 4)), strict=True):
            activated = torch.relu(block.activation[0](maps))
            added = maps if block.shortcut is None else block.shortcut(activated)
            maps = block(maps)
            assert maps.shape[1:] == shape
            assert torch.allclose(maps, added + block.layers(activated), atol=1e-6)


def test_only_the_reference_cnn_needs_28x28_images(garments: LabeledImages) -> None:
    wide = np.ascontiguousarray(garments.images[:, :, 4:24])
    with pytest.raises(UsageError, match=r"CNN takes 28x28 images, not 28x20"):
        build_network(StudyCnn(), wide, 10, 0)
    for spec in (PcaMlp(components=20), WhitenedCnn(widths=(16, 16), depths=(2, 1)), ResidualCnn(widths=(4, 4))):
        assert build_network(spec, wide, 10, 0).eval()(to_float(torch.as_tensor(wide[:3]))).shape == (3, 10)


def test_images_too_small_for_the_groups_are_refused(garments: LabeledImages) -> None:
    spec = WhitenedCnn(patch=4, widths=(16, 16, 16))
    with pytest.raises(UsageError, match=r"^a CNN with a 4x4 stem and 3 groups .* 11x11 pixels, not 28x10"):
        build_network(spec, np.ascontiguousarray(garments.images[:, :, :10]), 10, 0)
    smallest = np.ascontiguousarray(garments.images[:, 8:19, 8:19])
    assert build_network(spec, smallest, 10, 0).eval()(to_float(torch.as_tensor(smallest[:3]))).shape == (3, 10)


@pytest.mark.parametrize("spec", [PcaMlp(components=20), WhitenedCnn()])
def test_constant_images_are_refused(spec: Network) -> None:
    with pytest.raises(DataError, match=r"same|are equal"):
        build_network(spec, np.full((50, 28, 28), 7, np.uint8), 10, 0)
