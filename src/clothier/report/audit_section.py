"""The stage of an exploration that looks for what is wrong with the data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clothier.exploration.audit.dataset_audit import audit
from clothier.report.explore_sections import Stage
from clothier.report.formatting import number, percent
from clothier.report.sections import Chapter
from clothier.types import silent

if TYPE_CHECKING:
    from clothier.data.dataset import Dataset
    from clothier.exploration.audit.dataset_audit import Audit
    from clothier.types import Classifier, Progress

TABLE = "audit.csv"


def look_at_audit(
    dataset: Dataset, judge: Classifier | None, *, labels: bool, seed: int = 0, progress: Progress = silent
) -> Stage:
    """Duplicates and outliers, and labels where asked; every finding is a row of ``audit.csv``.

    Args:
        dataset: what to look at.
        judge: whose accuracy is stated with and without what training pictures repeat; None for nobody's.
        labels: whether models are trained on folds, to hold the labels against them; minutes.
        seed: of the folds.
        progress: told of every stage and epoch.

    Raises:
        DataError: see :func:`clothier.exploration.audit.dataset_audit.audit`.
    """
    found = audit(dataset, labels=labels, classifier=judge, seed=seed, progress=progress)
    beside = {TABLE: f"Every finding as a table ({number(len(found.findings))} rows)"} if found.findings else {}
    chapter = Chapter("audit", "The audit", _text(found), found.figures, beside=beside)
    return Stage("audit", found.to_json(), chapter, {TABLE: found.to_csv().encode()})


def _text(found: Audit) -> str:
    """The counts in words, and what they do to a model's figure."""
    duplicates, n = found.counts["duplicates"], found.counts["n"]
    repeated = duplicates["test_repeated_in_train"]
    text = (
        f"{number(repeated)} of {number(n['test'])} test pictures repeat a training picture exactly or nearly. "
        f"{number(found.counts['outliers']['n'])} pictures stand out by contrast or emptiness."
    )
    judged = found.counts["classifier"]
    if judged is None or not repeated:
        return text
    whole, rest = judged["test"], judged["test_without_repeated"][str(duplicates["near"]["correlation"])]
    accuracies = f"{percent(whole['accuracy'], 2)} on all of the test part and {percent(rest['accuracy'], 2)} without"
    return f"{text} {judged['name']} has {accuracies} those ({number(rest['n'])} pictures)."
