"""The report of a run comes from its files; its protocol states how the model was trained."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from clothier.metrics import evaluate_logits, reliability, softmax
from clothier.recipes import HardExampleMining, Recipe, preset
from clothier.report.run_report import (
    model_section,
    photo_section,
    reproduce_command,
    training_protocol,
    write_run_report,
)
from clothier.runs import Run
from clothier.selective.decisions import risk_coverage
from clothier.types import EpochRecord

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.data.dataset import Dataset
    from clothier.report.sections import ModelSection


def protocol(recipe: Recipe, **metrics: Any) -> str:
    known = {"data": {"train": 55_000}, "warnings": [], "validation": {"n": 5_000}, **metrics}
    return training_protocol(recipe.to_json(), known)


@pytest.mark.parametrize(
    ("select", "epoch"), [("best", "the epoch with the best validation accuracy"), ("last", "the last epoch")]
)
def test_the_protocol_names_the_split_and_the_epoch(select: str, epoch: str) -> None:
    text = protocol(replace(preset("dnn", "fast"), select=select))
    assert "55,000 images" in text
    assert "5,000 validation images" in text
    assert f"those of {epoch}" in text
    assert "The run read the test images after training." in text


def test_warnings_come_first() -> None:
    assert protocol(preset("dnn", "fast"), warnings=["It guesses."]).startswith("It guesses. Trained on")


def test_the_protocol_of_a_refit_names_the_reference_run() -> None:
    text = protocol(preset("dnn", "fast"), validation=None)
    assert "no validation images" in text
    assert "reference run" in text


def test_the_protocol_explains_hard_example_mining() -> None:
    mining = HardExampleMining(start_epoch=3, fraction=0.3)
    text = protocol(replace(preset("cnn", "fast"), hard_example_mining=mining))
    assert "From epoch 3 on, each epoch used 30\N{NO-BREAK SPACE}% of the images" in text


@pytest.mark.parametrize(("generations", "later"), [(1, False), (2, True)])
def test_the_protocol_names_the_teachers(generations: int, later: bool) -> None:
    teachers = {
        "n": 4,
        "preset": "large",
        "generations": generations,
        "test": {"accuracy": 0.951, "accuracy_tta": 0.953},
    }
    text = protocol(preset("cnn", "fast"), teachers=teachers)
    assert "4 CNNs (preset large)" in text
    assert "95.10" in text
    assert "95.30" in text
    assert ("each later 2 " in text) is later


def test_a_report_is_figures_a_card_and_a_page(tmp_path: Path, models: tuple[ModelSection, ModelSection]) -> None:
    run, section = Run(tmp_path), models[0]
    run.create({"recipe": {}})
    write_run_report(run, section, "Drawn", "clothier train --config config.json")
    assert {path.stem for path in (tmp_path / "figures").iterdir()} == set(section.figures)
    for name in ("model_card.md", "report.html"):
        assert "clothier train --config config.json" in (tmp_path / name).read_text(encoding="utf-8")


def test_the_section_of_a_run_comes_from_its_files(tmp_path: Path, dataset: Dataset) -> None:
    run, recipe = Run(tmp_path), preset("dnn", "fast")
    run.create({"recipe": recipe.to_json(), "own_network": None})
    run.write_results([EpochRecord(1, 2.0, 0.2, 2.1, 0.25, 1e-3, 0.1)])
    logits = np.random.default_rng(0).normal(size=(len(dataset.test), 10)).astype(np.float32)
    metrics = {"data": {"train": 55_000}, "warnings": [], "validation": {"n": 5_000}}
    section = model_section(run, metrics, logits, dataset)
    assert (section.name, section.recipe, section.history) == ("DNN", run.recipe_as_trained, run.read_results())
    assert {"loss", "accuracy", "confusion", "reliability"} <= section.figures.keys()


def test_the_section_of_a_photo_run_has_a_risk_coverage_curve(
    tmp_path: Path, dataset: Dataset, logits: tuple[np.ndarray, np.ndarray]
) -> None:
    run, labels, probabilities = Run(tmp_path), dataset.test.labels, softmax(logits[0])
    run.create({"recipe": preset("photo", "fast").to_json()})
    run.write_results([])
    section = photo_section(
        run,
        {"protocol": "Five folds.", "data": {"limitations": "Photos of one shop."}},
        evaluate_logits(logits[0], labels, dataset.classes),
        reliability(probabilities, labels),
        risk_coverage(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels),
        None,
    )
    assert list(section.figures) == ["confusion", "class-metrics", "reliability", "risk-coverage"]
    assert section.protocol == "Five folds. Photos of one shop."


@pytest.mark.parametrize(
    ("network", "command"), [(None, "clothier train --config "), ("MyNet", "clothier.train('dnn'")]
)
def test_the_command_reproduces_the_run(tmp_path: Path, network: str | None, command: str) -> None:
    run = Run(tmp_path)
    run.create({"recipe": preset("dnn", "fast").to_json(), "own_network": network})
    assert reproduce_command(run).startswith(command)
