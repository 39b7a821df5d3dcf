"""What the rows of the ablation are measured with."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import ablation
from clothier import metrics
from clothier.data.dataset import Dataset
from clothier.taxonomy import FASHION_MNIST_CLASSES
from tests.synthetic import draw_garments

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from clothier.data.dataset import LabeledImages
    from clothier.recipes import Augment
    from clothier.types import Classifier, Evaluation


def test_a_recipe_without_flip_or_translation_is_tested_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = Dataset("Drawn", FASHION_MNIST_CLASSES, draw_garments(40, 0), draw_garments(20, 1), {})
    tested: list[Augment] = []

    def evaluate(model: Classifier, data: LabeledImages, augment: Augment) -> tuple[Evaluation, np.ndarray]:
        tested.append(augment)
        logits = np.eye(10)[data.labels]
        return replace(metrics.evaluate_logits(logits, data.labels, model.classes), accuracy_tta=0.5), logits

    monkeypatch.setattr(ablation, "fit", lambda *given, seed: ())
    monkeypatch.setattr(ablation, "evaluate_classifier", evaluate)
    found = {one.name: one for one in ablation.variants("fast")}
    for name in ("full recipe", "no flip", "no translation"):
        assert ablation.train_and_evaluate(found[name], dataset, 0) == (1.0, 0.5)
    assert [(one.flip, one.shift > 0) for one in tested] == [(True, True), (False, True), (True, False)]


def test_an_augmentation_that_a_preset_lacks_is_added() -> None:
    sprint = {one.name: one.recipe.augment for one in ablation.variants("sprint")}
    assert (sprint["with flip"].flip, sprint["with translation"].shift) == (True, 1)
    assert not {"no flip", "no translation"} & sprint.keys()


def test_a_row_without_its_augmented_accuracy_is_measured_again(tmp_path: Path) -> None:
    row = {
        "name": "fast: no flip",
        "recipe": "d",
        "seeds": 3,
        "accuracy": 0.9,
        "accuracy_min": 0.9,
        "accuracy_max": 0.9,
        "accuracy_tta": None,
    }
    (tmp_path / "ablation.json").write_text(json.dumps({"rows": [row, {**row, "recipe": "e", "accuracy_tta": 0.91}]}))
    assert list(ablation._previous_rows(tmp_path / "ablation.json")) == [("e", 3)]
