from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from clothier import bundle
from clothier.data.dataset import Dataset
from clothier.inference.session import OnnxClassifier
from clothier.metrics import evaluate_logits
from clothier.recipes import Augment, PcaMlp, preset
from clothier.runs import Run
from clothier.taxonomy import FASHION_MNIST_CLASSES
from clothier.training.finalize import Finalized, finalize
from clothier.training.networks import build_network
from clothier.training.prepared_training import TrainResult
from clothier.types import EpochRecord, no_progress
from tests.synthetic import draw_garments

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clothier.types import Images, ModelOutput, Progress

RECIPE = replace(
    preset("dnn", "classic"), network=PcaMlp(components=8, hidden=(8,)), augment=Augment(shift=1, flip=True)
)
AUGMENTED_VIEWS = 6  # unshifted and two shifts, each also flipped


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    digests = {"train": "1", "test": "2"}
    train, test = draw_garments(120, 0), draw_garments(60, 1)
    return Dataset("Drawn", FASHION_MNIST_CLASSES, train, test, digests, warnings=("a file is unused",))


def finalize_new_run(
    dataset: Dataset, folder: Run, *, flip: bool = True, steps: int = 2, progress: Progress = no_progress
) -> Finalized:
    recipe = RECIPE if flip else replace(RECIPE, augment=Augment())
    folder.create({"own_network": None, "recipe": recipe.to_json()})
    network = build_network(recipe.network, dataset.train.images, 10, 0)
    record = EpochRecord(1, 2.0, 0.2, 2.1, 0.25, 1e-3, 0.1)
    result = TrainResult(network, recipe, 0, (record,), steps, 1.5, draw_garments(50, 2))
    return finalize(folder, result, dataset, progress)


@pytest.fixture(scope="module")
def passes() -> list[int]:
    """The number of images of each call to ``OnnxClassifier.run`` while ``finalized`` was made."""
    return []


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def finalized(dataset: Dataset, run: Run, passes: list[int]) -> Finalized:
    original: Callable[[OnnxClassifier, Images], ModelOutput] = OnnxClassifier.run

    def counting_run(self: OnnxClassifier, images: Images) -> ModelOutput:
        passes.append(len(images))
        return original(self, images)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OnnxClassifier, "run", counting_run)
        return finalize_new_run(dataset, run)


def test_the_metrics_describe_the_training_and_the_data(finalized: Finalized) -> None:
    metrics = finalized.metrics
    assert (metrics["train_seconds"], metrics["epochs"], metrics["seed"]) == (1.5, 1, 0)
    assert metrics["data"]["train"] == 70
    assert metrics["data"]["warnings"] == ["a file is unused"]
    assert metrics["data"]["failures"] == []
    assert (metrics["validation"]["n"], metrics["test"]["n"]) == (50, 60)


@pytest.mark.usefixtures("finalized")
def test_each_part_goes_through_the_model_once_per_augmented_view(passes: list[int]) -> None:
    """The passes of the parity check come first; 50 validation images fill its batches of 64 and 256."""
    assert passes[4:] == AUGMENTED_VIEWS * [50] + AUGMENTED_VIEWS * [60]


def test_a_short_training_and_an_accuracy_of_guessing_are_said(dataset: Dataset, tmp_path: Path) -> None:
    """The network is not trained at all, so its accuracy is that of guessing."""
    notes: list[str] = []
    found = finalize_new_run(
        dataset, Run(tmp_path), flip=False, progress=lambda task, done, total, note="": notes.append(note)
    )
    short, guessing = found.metrics["warnings"]
    assert "had too few steps to learn: 2 (70 images, 32 a step, 1 epoch)" in short
    assert "is not clearly above 10.0 %" in guessing
    assert {short, guessing} <= set(notes)


def test_enough_steps_are_not_said(dataset: Dataset, tmp_path: Path) -> None:
    warnings = finalize_new_run(dataset, Run(tmp_path), flip=False, steps=100).metrics["warnings"]
    assert [warning for warning in warnings if "steps" in warning] == []


def test_the_predictions_are_the_calibrated_logits_of_the_bundle(
    finalized: Finalized, run: Run, dataset: Dataset
) -> None:
    predictions = run.read_predictions()
    assert predictions.keys() == {"validation", "test"}
    assert predictions["validation"].shape == (50, 10)
    classifier = OnnxClassifier(bundle.open_bundle(run.bundle))
    np.testing.assert_array_equal(predictions["test"], classifier.run(dataset.test.images).logits)
    np.testing.assert_array_equal(predictions["test"], finalized.test_logits)
    found = evaluate_logits(predictions["test"], dataset.test.labels, dataset.classes)
    assert found.nll == finalized.metrics["test"]["nll"]


def test_the_card_holds_the_calibration_and_the_metrics(finalized: Finalized, run: Run) -> None:
    opened = bundle.open_bundle(run.bundle)
    card, graph = opened.metadata, opened.graph.read_bytes()
    assert card.calibration["temperature"] != 1
    assert bundle.described(graph, card) == graph, "it has this temperature"
    assert (card.calibration["fitted_on"], card.calibration["n"]) == ("validation", 50)
    assert card.metrics == {part: finalized.metrics[part] for part in ("validation", "test")}


@pytest.mark.usefixtures("finalized")
def test_metrics_json_is_left_to_the_caller(run: Run) -> None:
    assert not run.is_finished


def test_without_augmentation_there_is_no_test_time_augmentation(
    dataset: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> None:
    metrics = finalize_new_run(dataset, Run(tmp_path_factory.mktemp("plain")), flip=False).metrics
    assert metrics["test"]["accuracy_tta"] is None
