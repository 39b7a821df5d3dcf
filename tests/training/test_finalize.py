from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from clothier.data.dataset import Dataset
from clothier.data.synthetic import draw_garments
from clothier.errors import ModelError
from clothier.recipes import HardExampleMining, PcaMlp, preset
from clothier.runs import Run
from clothier.taxonomy import FASHION_MNIST_CLASSES
from clothier.training import finalize as workflow
from clothier.training.finalize import check_parity, finalize, model_section
from clothier.training.networks import build_network
from clothier.training.prepared_training import TrainResult
from clothier.types import EpochRecord, InputSpec, ModelOutput

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.types import Images

TEST_IMAGES = draw_garments(60, seed=0)


@dataclass
class ConstantClassifier:
    """A classifier that is always as sure of the first class, but for batches of ``odd_batch_size`` pictures."""

    logit: float
    odd_batch_size: int = -1
    name: str = "sure"
    classes: tuple[str, ...] = FASHION_MNIST_CLASSES
    view: InputSpec = field(default_factory=InputSpec)

    def run(self, images: Images) -> ModelOutput:
        logits = np.zeros((len(images), 10), np.float32)
        logits[:, 0] = self.logit + (len(images) == self.odd_batch_size)
        return ModelOutput(logits, logits)


def test_the_same_answers_are_parity() -> None:
    assert check_parity(ConstantClassifier(2.0), ConstantClassifier(2.0), TEST_IMAGES.images) == 0
    assert 0 < check_parity(ConstantClassifier(2.0), ConstantClassifier(2.0001), TEST_IMAGES.images) <= 1e-4


@pytest.mark.parametrize(
    "other",
    [
        ConstantClassifier(2.01),
        ConstantClassifier(2.0, odd_batch_size=1),
        ConstantClassifier(2.0, odd_batch_size=7),
        ConstantClassifier(2.0, odd_batch_size=60),
    ],
)
def test_another_answer_at_any_batch_size_is_none(other: ConstantClassifier) -> None:
    sentence = (
        r"^the exported graph answers differently from the network: by 0\.\d+ at most, and 0\.0001 is allowed\. "
        r"Change the part of the network that ONNX cannot express\.$"
    )
    with pytest.raises(ModelError, match=sentence) as caught:
        check_parity(ConstantClassifier(2.0), other, TEST_IMAGES.images)
    assert caught.value.exit_code == 4


@pytest.fixture
def dataset() -> Dataset:
    digests = {"train": "1", "test": "2"}
    return Dataset(
        "Drawn", FASHION_MNIST_CLASSES, draw_garments(120, 0), TEST_IMAGES, digests, warnings=("a file is unused",)
    )


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run(tmp_path)
    run.create({"own_network": None})
    run.write_results([EpochRecord(1, 2.0, 0.2, 2.1, 0.25, 1e-3, 0.1)])
    return run


def trained(dataset: Dataset) -> TrainResult:
    recipe = replace(preset("dnn", "classic"), network=PcaMlp(components=8, hidden=(8,)))
    network = build_network(recipe.network, dataset.train.images, 10, 0)
    return TrainResult(network, recipe, 0, (EpochRecord(1, 2.0, 0.2, 2.1, 0.25, 1e-3, 0.1),), 1.5, TEST_IMAGES)


def test_the_metrics_come_last(run: Run, dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> str:
        raise RuntimeError("the pen broke")

    with monkeypatch.context() as patch:
        patch.setattr(workflow, "model_figures", fail)
        with pytest.raises(RuntimeError):
            finalize(run, trained(dataset), dataset, lambda *_: None)
    assert not run.is_finished
    finalize(run, trained(dataset), dataset, lambda *_: None)
    assert run.is_finished
    assert run.metrics["train_seconds"] == 1.5
    assert run.metrics["test"]["accuracy_tta"] is None  # this recipe does not flip
    assert run.metrics["data"]["notes"] == ["a file is unused"]
    assert run.metrics["data"]["failures"] == []


@pytest.mark.parametrize(
    ("keep", "kept"), [("best", "the epoch with the best validation accuracy"), ("last", "the last epoch")]
)
def test_the_protocol_says_what_was_kept(run: Run, keep: str, kept: str) -> None:
    recipe = replace(preset("dnn", "fast"), select=keep)
    metrics = {"data": {"train": 55_000}, "validation": {"n": 5_000}}
    section = model_section(run, recipe, metrics, {})
    assert section.protocol == (
        f"Trained on 55,000 images, 5,000 kept out to choose by; the weights are those of {kept}; "
        "the test images were read once, after that."
    )
    assert section.name == "DNN"
    assert section.recipe == recipe.to_json()
    assert section.history == run.read_results()


def test_the_protocol_says_what_a_focus_does_to_the_training_curve(run: Run) -> None:
    recipe = replace(preset("cnn", "fast"), hard_example_mining=HardExampleMining(start_epoch=3, fraction=0.3))
    section = model_section(run, recipe, {"data": {"train": 55_000}, "validation": {"n": 5_000}}, {})
    assert section.protocol.endswith(
        "after that. From epoch 3 on, an epoch saw 30\N{NO-BREAK SPACE}% of the images, mostly those with the highest "
        "losses; its training loss and accuracy are of those."
    )
