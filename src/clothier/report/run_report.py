"""The report of one run: figures, model card and HTML page."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from clothier import atomic
from clothier.recipes.schema import HardExampleMining
from clothier.report.captioned_figure import save_figures
from clothier.report.figures import evaluation_figures, model_figures, risk_coverage_plot
from clothier.report.formatting import format_percent
from clothier.report.page import model_card, render_run
from clothier.report.sections import ModelSection, Provenance

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clothier.data.dataset import Dataset
    from clothier.metrics import Reliability
    from clothier.report.captioned_figure import CaptionedFigure
    from clothier.runs import Run
    from clothier.selective.decisions import RiskCoverage
    from clothier.selective.thresholds import RiskGuarantee
    from clothier.types import Evaluation, Floats

NO_MINING = HardExampleMining()  # photo models train on all photos in every epoch


def write_run_report(run: Run, section: ModelSection, dataset_name: str, command: str) -> None:
    """Writes ``figures/``, ``model_card.md`` and ``report.html`` of a run, which ``command`` reproduces.

    Raises:
        StorageError: the disk refused.
    """
    save_figures(section.figures, run.path / "figures")
    provenance = Provenance(command, run.environment)
    atomic.write_text(run.path / "model_card.md", model_card(section, dataset_name, provenance))
    atomic.write_text(run.path / "report.html", render_run(section, dataset_name, provenance))


def model_section(run: Run, metrics: Mapping[str, Any], test_logits: Floats, dataset: Dataset) -> ModelSection:
    """A DNN or CNN run in a report, from its ``metrics.json`` and its logits (N, K) for the test images."""
    recipe = run.recipe_as_trained
    mining = HardExampleMining(**recipe["hard_example_mining"])
    figures = model_figures(test_logits, dataset.test, dataset.classes, run.read_results(), mining)
    return _section(run, recipe["model"].upper(), metrics, figures, training_protocol(recipe, metrics))


def photo_section(
    run: Run,
    metrics: Mapping[str, Any],
    evaluation: Evaluation,
    reliability: Reliability,
    risk_coverage: RiskCoverage,
    guarantee: RiskGuarantee | None,
) -> ModelSection:
    """A photo run in a report, from its ``metrics.json``, what its out-of-fold predictions show, and its card."""
    figures = evaluation_figures(evaluation, reliability, run.read_results(), NO_MINING)
    figures["risk-coverage"] = risk_coverage_plot(risk_coverage, evaluation.n, guarantee)
    protocol = f"{metrics['protocol']} {metrics['data']['limitations']}"
    return _section(run, "photo model", metrics, figures, protocol)


def _section(
    run: Run, name: str, metrics: Mapping[str, Any], figures: Mapping[str, CaptionedFigure], protocol: str
) -> ModelSection:
    return ModelSection(name, metrics, run.read_results(), figures, run.recipe_as_trained, protocol)


def reproduce_command(run: Run) -> str:
    """The command that trains the run's model again; the call in Python for an own network or data in memory."""
    own, in_memory = run.config.get("own_network"), run.config.get("data_in_memory")
    if own or in_memory:
        arguments = [repr(run.recipe_as_trained["model"]), "recipe=..."]
        arguments += ["data=..."] if in_memory else []
        arguments += [f"network={own}(...)"] if own else []
        return f"clothier.train({', '.join(arguments)})"
    return f"clothier train --config {shlex.quote(str(run.path / 'config.json'))}"


def training_protocol(recipe: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    """How a DNN or CNN was trained and measured, from its recipe and its ``metrics.json``."""
    validation, mining = metrics["validation"], recipe["hard_example_mining"]
    split = f"{validation['n']:,} validation images" if validation else "no validation images"
    epoch = "the epoch with the best validation accuracy" if recipe["select"] == "best" else "the last epoch"
    sentences = [f"Trained on {metrics['data']['train']:,} images, with {split}."]
    if not validation:
        sentences.append("The temperature is that of the reference run, which had validation images.")
    sentences += [f"The weights are those of {epoch}.", "The run read the test images after training."]
    if mining["fraction"] != 1:
        sentences.append(
            f"From epoch {mining['start_epoch']} on, each epoch used {format_percent(mining['fraction'], 0)} of the "
            "images, mostly those with the highest losses; its training loss and accuracy are of those."
        )
    return " ".join([*metrics["warnings"], *sentences, *_teachers_sentences(metrics.get("teachers"))])


def _teachers_sentences(teachers: Mapping[str, Any] | None) -> list[str]:
    """The networks that the model was distilled from, and the accuracy of their ensemble."""
    if not teachers:
        return []
    count, test = teachers["n"] // teachers["generations"], teachers["test"]
    accuracy, accuracy_tta = (format_percent(test[name], 2) for name in ("accuracy", "accuracy_tta"))
    sentences = [
        f"It was distilled from {teachers['n']} CNNs (preset {teachers['preset']}) trained on the same images.",
        f"Their ensemble reaches {accuracy} on test, and {accuracy_tta} with test-time augmentation.",
        "That was measured before this model was trained; nothing was chosen by it.",
    ]
    if teachers["generations"] > 1:
        sentences.insert(1, f"The first {count} learned from the labels, each later {count} from all earlier ones.")
    return sentences
