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
from clothier.report.sections import ModelSection, Provenance
from clothier.training.finetune.cross_validation import require_thresholds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clothier.bundle import BundleMetadata
    from clothier.recipes.photo import PhotoRecipe
    from clothier.report.captioned_figure import CaptionedFigure
    from clothier.runs import Run
    from clothier.training.finetune.cross_validation import OutOfFoldPredictions
    from clothier.types import EpochRecord


def photo_figures(
    records: Sequence[EpochRecord], oof: OutOfFoldPredictions, card: BundleMetadata
) -> dict[str, CaptionedFigure]:
    """The figures of a photo run, by name; those of training where something was fine-tuned.

    Args:
        records: one an epoch.
        oof: the answers to photographers kept out.
        card: certified.
    """
    figures, evaluation = {}, oof.evaluation()
    if records:
        figures["loss"] = training_curves.loss_curves(records)
        figures["accuracy"] = training_curves.accuracy_curves(records)
    figures["confusion"] = classification.confusion_matrix(evaluation)
    figures["class-metrics"] = classification.class_metrics(evaluation)
    known = oof.labeled_indices
    promise = require_thresholds(card).guarantee
    figures["risk-coverage"] = risk_coverage.risk_coverage_plot(oof.risk_coverage_curve(card), len(known), promise)
    shares = softmax(oof.calibrated_logits[known])
    return {
        **figures,
        "reliability": classification.reliability_diagram(metrics.reliability(shares, oof.labels[known])),
    }


def write_report(
    run: Run,
    recipe: PhotoRecipe,
    records: Sequence[EpochRecord],
    figures: Mapping[str, CaptionedFigure],
    run_metrics: Mapping[str, Any],
) -> None:
    """Writes the figures, ``model_card.md`` and ``report.html`` of a run.

    Args:
        run: where to.
        recipe: of the model.
        records: one an epoch.
        figures: by name.
        run_metrics: what ``metrics.json`` will hold.
    """
    save_figures(figures, run.path / "figures")
    data = run_metrics["data"]
    section = ModelSection(
        name="photo model",
        metrics=run_metrics,
        history=tuple(records),
        figures=figures,
        recipe=recipe.to_json(),
        protocol=f"{run_metrics['protocol']} {data['limitations']}",
    )
    place = shlex.quote(str(run.config["data"]))
    command = f"clothier train photo --preset {recipe.preset} --data {place} --seed {run_metrics['seed']}"
    origin = Provenance(command, run.environment)
    atomic.write_text(run.path / "model_card.md", model_card(section, data["name"], origin))
    atomic.write_text(run.path / "report.html", render_run(section, data["name"], origin))
