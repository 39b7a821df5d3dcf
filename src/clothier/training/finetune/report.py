"""What of a photo run is to be looked at: figures, model card and report."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from clothier import atomic, metrics
from clothier.metrics import softmax
from clothier.report.captioned_figure import save_figures
from clothier.report.figures import classification, risk_coverage, training_curves
from clothier.report.model_card import model_card
from clothier.report.page import render_run
from clothier.report.sections import ModelSection, Origin
from clothier.training.finetune.cross_validation import thresholds_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clothier.bundle import Card
    from clothier.recipes.photo import PhotoRecipe
    from clothier.report.captioned_figure import Drawing
    from clothier.runs import Run
    from clothier.training.finetune.cross_validation import OutOfFold
    from clothier.types import EpochRecord


def drawings(records: Sequence[EpochRecord], found: OutOfFold, card: Card) -> dict[str, Drawing]:
    """The figures of a photo run, by name; those of training where something was fine-tuned.

    Args:
        records: one an epoch.
        found: the answers to photographers kept out.
        card: certified.
    """
    figures, evaluation = {}, found.evaluation()
    if records:
        figures["loss"] = training_curves.loss_curves(records)
        figures["accuracy"] = training_curves.accuracy_curves(records)
    figures["confusion"] = classification.confusion(evaluation)
    figures["class-scores"] = classification.class_scores(evaluation)
    known = found.known
    promise = thresholds_of(card).promise
    figures["risk-coverage"] = risk_coverage.risk_coverage(found.curve(card), len(known), promise)
    shares = softmax(found.tempered[known])
    return {**figures, "reliability": classification.reliability(metrics.reliability(shares, found.labels[known]))}


def write_report(
    run: Run,
    recipe: PhotoRecipe,
    records: Sequence[EpochRecord],
    figures: Mapping[str, Drawing],
    measured: Mapping[str, Any],
) -> None:
    """Writes the figures, ``model_card.md`` and ``report.html`` of a run.

    Args:
        run: where to.
        recipe: of the model.
        records: one an epoch.
        figures: by name.
        measured: what ``metrics.json`` will hold.
    """
    save_figures(figures, run.path / "figures")
    data = measured["data"]
    section = ModelSection(
        name="photo model",
        metrics=measured,
        history=tuple(records),
        figures=figures,
        recipe=recipe.to_json(),
        protocol=f"{measured['protocol']} {data['unseen']}",
    )
    place = shlex.quote(str(run.config["data"]))
    command = f"clothier train photo --preset {recipe.preset} --data {place} --seed {measured['seed']}"
    origin = Origin(command, run.environment)
    atomic.write_text(run.path / "model_card.md", model_card(section, data["name"], origin))
    atomic.write_text(run.path / "report.html", render_run(section, data["name"], origin))
