"""A refit: trained on all training images, with the temperature of its reference run."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from torch import nn

from clothier import bundle
from clothier.data.sources import open_dataset
from clothier.errors import ModelError, UsageError
from clothier.recipes import Augment, Distill, HardExampleMining, PcaMlp, Recipe, WhitenedCnn, preset, presets
from clothier.runs import Run
from clothier.training.options import TrainOptions, options_from_config, refit_options, validate_refit
from clothier.workflows.train import train
from tests.synthetic import write_synthetic_dataset

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

TINY = Recipe(
    model="dnn",
    preset="fast",
    network=PcaMlp(components=16, hidden=(24,), batch_norm=True),
    augment=Augment(shift=1, flip=True),
    epochs=2,
    batch_size=40,
    validation=0.2,
)
TEACHER = replace(
    preset("cnn", "fast"),
    preset="tiny",
    network=WhitenedCnn(patch=3, widths=(8,), depths=(1,)),
    hard_example_mining=HardExampleMining(),
    epochs=1,
    batch_size=40,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 training images and 60 test images."""
    folder = tmp_path_factory.mktemp("data") / "garments"
    write_synthetic_dataset(folder, train=200, test=60)
    return folder


@pytest.fixture(scope="module")
def reference(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """For reading only."""
    out = tmp_path_factory.mktemp("reference") / "run"
    return train(TrainOptions(recipe=TINY, data=data, any_idx=True, out=out, seed=3))


@pytest.fixture(scope="module")
def refitted(reference: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The refit. For reading only."""
    return train(refit_of(reference, tmp_path_factory.mktemp("refitted") / "run"))


@pytest.fixture
def tiny_teachers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small preset."""
    monkeypatch.setattr(presets, "ALL_RECIPES", (*presets.ALL_RECIPES, TEACHER))


def refit_of(reference: Run, out: Path) -> TrainOptions:
    """As the command line does it."""
    return replace(refit_options(options_from_config(reference.path / "config.json"), reference.path), out=out)


def metadata_of(run: Run) -> bundle.BundleMetadata:
    return bundle.open_bundle(run.bundle).metadata


def test_a_refit_has_no_validation_images(refitted: Run, reference: Run) -> None:
    assert (refitted.metrics["data"]["train"], reference.metrics["data"]["train"]) == (200, 160)
    assert refitted.metrics["validation"] is None
    assert refitted.metrics["test"]["n"] == 60
    assert [record.validation_loss for record in refitted.read_results()] == [None, None]
    assert metadata_of(refitted).metrics.keys() == {"test"}


def test_the_temperature_is_the_reference_runs(refitted: Run, reference: Run) -> None:
    ours, theirs = metadata_of(refitted).calibration, metadata_of(reference).calibration
    assert theirs["temperature"] != 1
    assert ours == {**theirs, "fitted_on": "validation images of the reference run"}


def test_the_report_says_so(refitted: Run) -> None:
    for name in ("report.html", "model_card.md"):
        text = (refitted.path / name).read_text(encoding="utf-8")
        assert "Trained on 200 images, with no validation images." in text


def test_the_configuration_reproduces_the_refit(refitted: Run, reference: Run) -> None:
    again = options_from_config(refitted.path / "config.json")
    assert (again.refit, again.recipe) == (reference.path, replace(TINY, validation=0.0))


@pytest.mark.usefixtures("tiny_teachers")
def test_the_teachers_have_no_validation_images_either(data: Path, reference: Run, tmp_path: Path) -> None:
    student = replace(TINY, distill=Distill(teachers=1, preset="tiny"))
    taught = train(TrainOptions(recipe=student, data=data, any_idx=True, out=tmp_path / "taught", seed=3))
    refitted = train(refit_of(taught, tmp_path / "refitted"))
    arrays = np.load(refitted.path / "teachers" / "1" / "soft_targets.npz")
    assert arrays["probabilities"].shape == (18, 200, 10)
    teachers = refitted.metrics["teachers"]
    assert teachers["validation"] is None
    assert teachers["each"].keys() == {"test"}
    assert teachers["test"]["n"] == 60


def test_no_validation_images_need_a_reference_run(data: Path, tmp_path: Path) -> None:
    alone = TrainOptions(recipe=replace(TINY, validation=0.0), data=data, any_idx=True, out=tmp_path / "run")
    with pytest.raises(UsageError, match="validation = 0, so there are no images to fit the temperature"):
        train(alone)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "change", [{"epochs": 3}, {"validation": 0.2}, {"label_smoothing": 0.1}], ids=lambda change: next(iter(change))
)
def test_another_recipe_is_refused(reference: Run, tmp_path: Path, change: dict[str, Any]) -> None:
    options = refit_of(reference, tmp_path / "run")
    with pytest.raises(UsageError, match="cannot be refitted by this recipe"):
        train(replace(options, recipe=replace(options.recipe, **change)))


def test_a_reference_without_validation_is_refused(refitted: Run, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be refitted by this recipe"):
        train(refit_of(refitted, tmp_path / "run"))


def test_a_reference_with_other_data_is_refused(reference: Run, tmp_path: Path) -> None:
    write_synthetic_dataset(tmp_path / "others", train=200, test=60, seed=5)
    with pytest.raises(UsageError, match="was trained on other data"):
        train(replace(refit_of(reference, tmp_path / "run"), data=tmp_path / "others"))


@pytest.mark.parametrize(
    ("trained", "network", "names"),
    [
        (None, nn.Identity(), "with your own network Identity: .* it trained the network of its recipe"),
        ("MyNet", None, "with the network of its recipe: .* it trained your own network MyNet"),
        ("MyNet", nn.Identity(), "with your own network Identity: .* it trained your own network MyNet"),
    ],
)
def test_a_reference_with_another_network_is_refused(
    reference: Run, tmp_path: Path, trained: str | None, network: nn.Module | None, names: str
) -> None:
    """Its temperature is not that of this network."""
    options = refit_of(reference, tmp_path / "run")
    with pytest.raises(UsageError, match=f"cannot be refitted {names}"):
        train(replace(options, refit=_copy_as_of(trained, reference, tmp_path)), network=network)
    assert not (tmp_path / "run").exists()


def test_a_reference_with_the_own_network_of_the_same_name_is_accepted(reference: Run, tmp_path: Path) -> None:
    options = replace(refit_of(reference, tmp_path / "run"), refit=_copy_as_of("MyNet", reference, tmp_path))
    validate_refit(options, reference.config["data_digest"], "MyNet")


def _copy_as_of(own_network: str | None, reference: Run, folder: Path) -> Path:
    """The run as if it had trained this network."""
    copy = Run(folder / "reference")
    copy.path.mkdir()
    copy.create({**reference.config, "own_network": own_network})
    shutil.copy(reference.path / "metrics.json", copy.path)
    return copy.path


def test_an_unfinished_reference_is_refused(reference: Run, tmp_path: Path) -> None:
    shutil.copytree(reference.path, tmp_path / "reference")
    (tmp_path / "reference" / "metrics.json").unlink()
    with pytest.raises(UsageError, match="is not finished, so it has no temperature"):
        train(refit_of(Run(tmp_path / "reference"), tmp_path / "run"))


def test_a_reference_that_is_no_run_is_refused(reference: Run, data: Path, tmp_path: Path) -> None:
    options = replace(refit_of(reference, tmp_path / "run"), refit=tmp_path / "nowhere")
    with pytest.raises(ModelError, match="nowhere"):
        validate_refit(options, open_dataset(data, any_idx=True).digest)
