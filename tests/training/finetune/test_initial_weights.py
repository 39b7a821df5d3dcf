"""The weights that training starts from: which are allowed, and which are chosen."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from clothier import bundle
from clothier.data.fingerprints import dhash_both_ways
from clothier.errors import ModelError, UnknownNameError, UsageError
from clothier.runs import Run, read_json
from clothier.training.finetune import efficientnet_lite, initial_weights
from clothier.training.finetune.features import FrozenFeatures
from clothier.training.finetune.initial_weights import (
    CHOICE_FILE,
    Candidates,
    check_initial_weights,
    choose_start,
    load_candidates,
    read_network,
)
from clothier.types import no_progress

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.data.fingerprints import Hashes

N = 12
LABELS = np.arange(N) % 2


@pytest.fixture
def hashes() -> Hashes:
    """Of noise, which no model was trained on."""
    return dhash_both_ways(np.random.default_rng(0).integers(0, 256, (N, 224, 224, 3), dtype=np.uint8))


def test_auto_tries_imagenet_and_the_bundled_model(hashes: Hashes) -> None:
    found = load_candidates("auto", "lite0", hashes)
    assert list(found.networks) == ["imagenet", "photo"]
    assert found.note == ""
    assert list(load_candidates("imagenet", "lite0", hashes).networks) == ["imagenet"]
    (network,) = load_candidates("photo", "lite0", hashes).networks.values()
    assert not network.training
    assert {value.dtype for value in network.parameters()} == {torch.float32}
    ours, imagenet = network.state_dict(), found.networks["imagenet"].state_dict()
    assert torch.equal(ours["stem.0.weight"], imagenet["stem.0.weight"]), "frozen in training"
    assert not torch.equal(ours["conv_head.0.weight"], imagenet["conv_head.0.weight"])


def test_photos_of_the_training_set(hashes: Hashes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that has seen some of the photos, or their mirror images, is no candidate for auto, and else refused."""
    known = np.stack([hashes[0, 0], hashes[1, 0], hashes[2, 1]])
    monkeypatch.setattr(initial_weights, "read_hashes", lambda *_: known)
    found = load_candidates("auto", "lite0", hashes)
    assert list(found.networks) == ["imagenet"]
    assert found.note.startswith("3 of these photos are in the training set of photo")
    with pytest.raises(UsageError, match=r"^3 of these photos .* give --init imagenet"):
        load_candidates("photo", "lite0", hashes)


def test_another_backbone_is_refused(hashes: Hashes) -> None:
    with pytest.raises(UsageError, match="is a cnn model of another backbone or input"):
        load_candidates("fashion-cnn", "lite0", hashes)
    with pytest.raises(UnknownNameError, match="photo"):
        load_candidates("phto", "lite0", hashes)
    with pytest.raises(UsageError, match=r"photo has the backbone lite0, so .* lite2 .* Give --backbone lite0"):
        load_candidates("photo", "lite2", hashes)
    found = load_candidates("auto", "lite2", hashes)
    assert list(found.networks) == ["imagenet"]
    assert found.note == "photo was not compared, because its backbone is lite0."
    photo = bundle.resolve("photo")
    small = replace(photo, metadata=replace(photo.metadata, input_spec=replace(photo.metadata.input_spec, width=64)))
    with pytest.raises(UsageError, match="another backbone or input"):
        read_network(small, "lite0")


def test_weights_of_another_network_are_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(initial_weights, "load_tensors", lambda _: {"head.bias": torch.zeros(2)})
    with pytest.raises(ModelError, match=r"weights\.safetensors has other weights than EfficientNet-Lite0"):
        read_network(bundle.resolve("photo"), "lite0")


def test_what_is_missing_is_said_before_photos_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    check_initial_weights("auto", "lite2")
    check_initial_weights("photo", "lite0")
    with pytest.raises(UsageError, match="has the backbone lite0"):
        check_initial_weights("photo", "lite2")
    monkeypatch.setattr(efficientnet_lite, "find_spec", lambda _: None)
    check_initial_weights("photo", "lite0")
    with pytest.raises(ModuleNotFoundError):
        check_initial_weights("auto", "lite2")


def extract(name: str, network: Any) -> FrozenFeatures:
    """Embeddings that separate the classes as well as the network, a number, says."""
    noise = np.random.default_rng(1).normal(0, 1, (N, 4))
    embeddings = (np.where(LABELS[:, None] == 0, -1.0, 1.0) * network + noise).astype(np.float32)
    unused: Any = name
    return FrozenFeatures(unused, np.zeros((N, 1), np.float16), embeddings, embeddings)


def test_the_better_one_is_chosen_and_kept(tmp_path: Path) -> None:
    run, folds, networks = Run(tmp_path), np.arange(N) // 4, {"imagenet": 0.0, "photo": 9.0}
    table: Any = SimpleNamespace(labels=LABELS, classes=("hat", "boot"))

    def choose(networks: dict[str, float]) -> initial_weights.Start:
        candidates: Any = Candidates(networks)  # type: ignore[arg-type]  # the fake takes a number
        return choose_start(run, candidates, extract, table, folds, no_progress)

    start = choose(networks)
    assert start.weights.name == "photo"
    assert start.weights.accuracies["photo"] == start.baseline_accuracy == 1
    assert "chosen by logistic regression on frozen features, on the same folds: imagenet" in start.weights.summary()
    assert read_json(tmp_path / CHOICE_FILE) == start.weights.to_json()
    again = choose({"imagenet": 9.0, "photo": 0.0})
    assert again.weights == start.weights, "a resumed run keeps its choice"
    with pytest.raises(ModelError, match="started from photo, from which it cannot now"):
        choose({"imagenet": 9.0})
