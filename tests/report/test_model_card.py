"""The model card states the limitations first, then the metrics, the recipe, the data and the command."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from clothier.report.page import model_card
from clothier.report.sections import ModelSection, Provenance
from clothier.types import ClassScore

Models = tuple[ModelSection, ModelSection]


def card(model: ModelSection, provenance: Provenance, dataset: str = "Fashion-MNIST") -> str:
    return model_card(model, dataset, provenance).replace("\N{NO-BREAK SPACE}", " ")


def test_the_card_shows_the_metrics_of_the_run(models: Models, provenance: Provenance) -> None:
    text, test = card(models[0], provenance), models[0].metrics["test"]
    accuracy = f"{100 * test['accuracy']:.2f} % ± {100 * test['standard_error']:.2f}"
    for split in ("test", "validation"):
        assert f"| {split} | 80 | {accuracy} | - | {test['macro_f1']:.4f} | {test['ece']:.4f} |" in text
    shirt = test["per_class"][6]
    assert f"| Shirt | {shirt['precision']:.3f} | {shirt['recall']:.3f} | {shirt['f1']:.3f} | 8 |" in text
    assert "Trained on 160 images; the last epoch was kept." in text
    assert "Preset `fast`, seed 7, 4 epochs in 5 min 3 s." in text


def test_the_card_names_all_classes_where_metrics_use_parent_classes(models: Models, provenance: Provenance) -> None:
    counted = [score["class"] for score in models[0].metrics["test"]["per_class"]]
    assert f"into 10 classes: {', '.join(counted)}.\n" in card(models[0], provenance)
    finer = replace(models[0], metrics={**models[0].metrics, "classes": [*counted, "Slipper"]})
    text = card(finer, provenance)
    assert f"into 11 classes: {', '.join(counted)}, Slipper.\n" in text
    assert f"over 10 parent classes: {counted[0]}," in text


def test_the_card_shows_the_baseline_and_the_guarantee(
    photo_model_section: ModelSection, models: Models, provenance: Provenance
) -> None:
    text = card(photo_model_section, provenance, "photos")
    assert "| means of 2 folds | accuracy | macro recall |" in text
    assert "| frozen features | 81.23 % | 71.00 % |\n| photo best | 90.46 % | 87.00 % |" in text
    assert (
        "75.0 % of the photos. Of those tags 5.0 % were wrong. With 95 % confidence, at most 5.0 % of the accepted tags"
        in text
    )
    assert "After ±: one standard error, from the variation between 20 groups (by photographer)." in text
    assert "proven for photos that show one of the classes, and for the networks of the folds" in text
    assert "7 of 12 were accepted. Counting them, 14.9 % of the accepted tags were wrong." in text
    assert "| Dress | 61 | 2 |" in text
    assert "The guarantee also holds for Dress alone. Other classes may have too few photos to prove it." in text
    assert f"| data | value |\n| --- | --- |\n| name | photos |\n| digest | {'ab' * 32} |" in text
    metrics = photo_model_section.metrics
    nothing = {**metrics["test"], "guarantee": {**metrics["test"]["guarantee"], "empirical_risk": None}}
    unproven = replace(photo_model_section, metrics={**metrics, "test": nothing})
    sentence = (
        "every tag is reviewed by a person. With these 80 photos, at most 14 % wrong at 62 % coverage can be proven"
    )
    assert sentence in card(unproven, provenance, "photos")
    assert "| 5.0 % | 0.0 % | - | about 700 |\n| 15.0 % | 65.0 % | 80.0 % | 0 |" in text
    assert "means of" not in card(models[0], provenance)
    assert "Accepted without a person" not in card(models[0], provenance)


def test_limitations_come_before_metrics(models: Models, provenance: Provenance) -> None:
    text = card(models[0], provenance)
    assert text.index("## Limitations") < text.index("## Metrics")
    for limit in ("Photos need the published preprocessing", "White garments", "none of these", "One run, one seed"):
        assert limit in text


def test_the_card_names_recipe_data_license_command_and_machine(models: Models, provenance: Provenance) -> None:
    text = card(models[0], provenance)
    assert "| network.hidden | 64 |" in text
    assert "cutout" not in text
    assert f"| train-images | {'ab' * 32} |" in text
    assert "MIT license" in text
    assert "```\nclothier study --preset fast --seed 7\n```" in text
    assert "| cpu.model | A Processor |" in text


@pytest.mark.parametrize("name", ["<img src=x onerror=alert(1)>", "a\n## b", "[a](b)*c*|d`e`", "caf\udce9\x1b"])
def test_names_cannot_break_the_card(models: Models, provenance: Provenance, name: str) -> None:
    score = ClassScore(name, 0.5, 0.5, 0.5, 80).to_json()
    test = {**models[0].metrics["test"], "per_class": [score] * 10}
    odd = replace(models[0], name=name, metrics={**models[0].metrics, "test": test, "data": {name: name}})
    text = card(odd, replace(provenance, environment={name: name}), name)
    assert text.encode()
    assert name not in text
    assert len(re.findall("^## ", text, flags=re.MULTILINE)) == 5
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)[|]", row)) for row in rows} == {3, 6, 9}


def test_a_command_stays_as_it_is_typed(models: Models, provenance: Provenance) -> None:
    command = "clothier train --config 'runs/a <b> & c/config.json'"
    assert f"```\n{command}\n```" in card(models[0], replace(provenance, command=command))


def test_other_data_have_no_known_license(models: Models, provenance: Provenance) -> None:
    text = card(models[0], provenance, "Kuzushiji")
    assert "See its publisher for the license." in text
    assert "MIT" not in text
    assert "fashion_mnist" not in text


def test_test_time_augmentation_and_a_missing_validation_are_shown(models: Models, provenance: Provenance) -> None:
    metrics = models[0].metrics
    test = {**metrics["test"], "accuracy_tta": 0.9512}
    text = card(replace(models[0], metrics={**metrics, "test": test, "validation": None}), provenance)
    assert " | 95.12 % | " in text
    assert "| test | 80 |" in text
    assert "| validation | 80 |" not in text


def test_a_custom_recipe_has_no_preset(models: Models, provenance: Provenance) -> None:
    text = card(replace(models[0], metrics={**models[0].metrics, "preset": None}), provenance)
    assert "Seed 7, 4 epochs" in text


def test_the_card_is_plain_markdown(models: Models, provenance: Provenance) -> None:
    scores = [{**score, "class": f"a|b {k}"} for k, score in enumerate(models[0].metrics["test"]["per_class"])]
    test = {**models[0].metrics["test"], "per_class": scores}
    text = card(replace(models[0], metrics={**models[0].metrics, "test": test}), provenance)
    assert text.startswith("---\nlibrary_name: clothier\n")
    assert text.endswith("\n")
    assert "\n\n\n" not in text
    assert r"| a\|b 0 |" in text
