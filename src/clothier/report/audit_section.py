"""The stage of an exploration that looks for what is wrong with the data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clothier.exploration.audit.dataset_audit import audit_dataset
from clothier.report.explore_sections import StageResult
from clothier.report.formatting import format_count, format_percent
from clothier.report.sections import Section
from clothier.types import no_progress

if TYPE_CHECKING:
    from clothier.data.dataset import Dataset
    from clothier.exploration.audit.dataset_audit import AuditResult
    from clothier.types import Classifier, Progress

CSV_FILE = "audit.csv"


def audit_stage(
    dataset: Dataset,
    reference_model: Classifier | None,
    *,
    with_labels: bool,
    seed: int = 0,
    progress: Progress = no_progress,
) -> StageResult:
    """Duplicates and outliers, and labels where asked; every finding is a row of ``audit.csv``.

    Args:
        dataset: what to look at.
        reference_model: whose accuracy is stated with and without what training pictures repeat; None for nobody's.
        with_labels: whether models are trained on folds, to hold the labels against them; minutes.
        seed: of the folds.
        progress: told of every stage and epoch.

    Raises:
        DataError: see :func:`clothier.exploration.audit.dataset_audit.audit`.
    """
    found = audit_dataset(
        dataset, with_labels=with_labels, reference_model=reference_model, seed=seed, progress=progress
    )
    beside = (
        {CSV_FILE: f"Every finding as a table ({format_count(len(found.findings))} rows)"} if found.findings else {}
    )
    chapter = Section("audit", "The audit", _summary(found), found.figures, attachments=beside)
    return StageResult("audit", found.to_json(), chapter, {CSV_FILE: found.to_csv().encode()})


def _summary(found: AuditResult) -> str:
    """The counts in words, and what they do to a model's figure."""
    duplicates, n = found.counts["duplicates"], found.counts["n"]
    repeated = duplicates["test_repeated_in_train"]
    text = (
        f"{format_count(repeated)} of {format_count(n['test'])} test pictures repeat a training picture exactly or nearly. "
        f"{format_count(found.counts['outliers']['n'])} pictures stand out by contrast or emptiness."
    )
    judged = found.counts["classifier"]
    if judged is None or not repeated:
        return text
    whole, rest = judged["test"], judged["test_without_repeated"][str(duplicates["near"]["correlation"])]
    accuracies = f"{format_percent(whole['accuracy'], 2)} on all of the test part and {format_percent(rest['accuracy'], 2)} without"
    return f"{text} {judged['name']} has {accuracies} those ({format_count(rest['n'])} pictures)."
