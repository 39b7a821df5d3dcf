"""The model card says what the model is, and first of all what it is not."""

from __future__ import annotations

from dataclasses import replace

from clothier.report.model_card import model_card
from clothier.report.sections import ModelSection, Provenance

Models = tuple[ModelSection, ModelSection]


def card(model: ModelSection, origin: Provenance, dataset: str = "Fashion-MNIST") -> str:
    return model_card(model, dataset, origin).replace("\N{NO-BREAK SPACE}", " ")


def test_the_card_holds_the_figures_of_the_run(models: Models, origin: Provenance) -> None:
    text, test = card(models[0], origin), models[0].metrics["test"]
    spread = f"{100 * test['accuracy']:.2f} % ± {100 * test['standard_error']:.2f}"
    assert f"| Accuracy | {spread} | {spread} |" in text
    assert "| Images | 80 | 80 |" in text
    assert f"| Calibration error, 15 bins | {test['ece']:.4f} |" in text
    shirt = test["per_class"][6]
    assert f"| Shirt | {shirt['precision']:.3f} | {shirt['recall']:.3f} | {shirt['f1']:.3f} | 8 |" in text
    assert "Trained on 160 images; the last epoch was kept." in text
    assert "Preset `fast`, seed 7, 4 epochs in 5 min 3 s." in text


def test_the_card_names_all_classes_where_figures_count_in_broader_ones(models: Models, origin: Provenance) -> None:
    counted = [score["class"] for score in models[0].metrics["test"]["per_class"]]
    assert f"into 10 classes: {', '.join(counted)}. " in card(models[0], origin)
    finer = replace(models[0], metrics={**models[0].metrics, "classes": [*counted, "Slipper"]})
    text = card(finer, origin)
    assert (
        f"into 11 classes: {', '.join(counted)}, Slipper. Its figures count in 10 broader ones: {counted[0]}," in text
    )


def test_the_card_says_what_fine_tuning_brought_and_which_tags_need_no_person(
    abstaining: ModelSection, models: Models, origin: Provenance
) -> None:
    text = card(abstaining, origin, "photos")
    assert "| means of 2 folds | accuracy | macro recall |" in text
    assert "| frozen features | 81.23 % | 71.00 % |\n| photo best | 90.46 % | 87.00 % |" in text
    assert "75.0 % of the photos. Of those tags 5.0 % were wrong, and with 95 % confidence at most 4.8 % are" in text
    assert "| Dress | 61 | 2 | 9.9 % |" in text
    assert f"| photos |  |\n| --- | --- |\n| name | photos |\n| digest | {'ab' * 32} |" in text
    metrics = abstaining.metrics
    nothing = {**metrics["test"], "promise": {**metrics["test"]["promise"], "bound": None, "observed": None}}
    unproven = replace(abstaining, metrics={**metrics, "test": nothing})
    assert "so every tag goes to a person" in card(unproven, origin, "photos")
    assert "means of" not in card(models[0], origin)
    assert "Accepted without a person" not in card(models[0], origin)


def test_the_card_says_its_limits_before_its_figures(models: Models, origin: Provenance) -> None:
    text = card(models[0], origin)
    assert text.index("## Limits") < text.index("## Figures")
    for limit in ("Photos need the published pipeline", "White garments", "none of these", "One run, one seed"):
        assert limit in text


def test_the_card_names_recipe_data_licence_command_and_machine(models: Models, origin: Provenance) -> None:
    text = card(models[0], origin)
    assert "| network.hidden | 64 |" in text
    assert "cutout" not in text
    assert f"| train-images | {'ab' * 32} |" in text
    assert "MIT licence" in text
    assert "```\nclothier study --preset fast --seed 7\n```" in text
    assert "| cpu.model | A Processor |" in text


def test_other_data_keep_their_own_licence(models: Models, origin: Provenance) -> None:
    text = card(models[0], origin, "Kuzushiji")
    assert "the licence is its publisher's to name" in text
    assert "MIT" not in text
    assert "fashion_mnist" not in text


def test_augmentation_and_a_missing_validation_are_told(models: Models, origin: Provenance) -> None:
    metrics = models[0].metrics
    test = {**metrics["test"], "accuracy_tta": 0.9512}
    text = card(replace(models[0], metrics={**metrics, "test": test, "validation": None}), origin)
    assert "| Accuracy with test-time augmentation | 95.12 % |" in text
    both = card(replace(models[0], metrics={**metrics, "test": test}), origin)
    assert "| Accuracy with test-time augmentation | 95.12 % | not measured |" in both


def test_a_recipe_of_ones_own_has_no_preset(models: Models, origin: Provenance) -> None:
    text = card(replace(models[0], metrics={**models[0].metrics, "preset": None}), origin)
    assert "Seed 7, 4 epochs" in text


def test_the_card_is_plain_markdown(models: Models, origin: Provenance) -> None:
    scores = [{**score, "class": f"a|b {k}"} for k, score in enumerate(models[0].metrics["test"]["per_class"])]
    test = {**models[0].metrics["test"], "per_class": scores}
    text = card(replace(models[0], metrics={**models[0].metrics, "test": test}), origin)
    assert text.startswith("---\nlibrary_name: clothier\n")
    assert text.endswith("\n")
    assert "\n\n\n" not in text
    assert r"| a\|b 0 |" in text
