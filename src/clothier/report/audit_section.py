"""The section of an exploration on what is wrong with the data: duplicates, outliers, suspected label errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clothier.exploration.audit.findings import findings_to_csv
from clothier.report.figures.audit import audit_figures
from clothier.report.formatting import format_count, format_percent
from clothier.report.sections import Section

if TYPE_CHECKING:
    from clothier.exploration.audit.dataset_audit import AuditResult

CSV_FILE = "audit.csv"


def audit_section(result: AuditResult) -> Section:
    """The result of an audit; every finding is a row of ``audit.csv``."""
    issues = (result.labels.train.issues, result.labels.test.issues) if result.labels else ()
    n = len(result.findings)
    return Section(
        "audit",
        "The audit",
        _summary(result),
        audit_figures(result.combined, result.duplicates, result.outliers, issues),
        attachments={CSV_FILE: f"All findings as a table ({format_count(n)} rows)"} if n else {},
        metrics=result.to_json(),
        files={CSV_FILE: findings_to_csv(result.findings).encode()},
    )


def _summary(result: AuditResult) -> str:
    """The counts in words, and how duplicates change a model's accuracy."""
    duplicates, n = result.metrics["duplicates"], result.metrics["n"]
    leaked, model = duplicates["leaked_test_images"], result.metrics["reference_model"]
    text = (
        f"{format_count(leaked)} of {format_count(n['test'])} test images repeat a training image exactly or nearly. "
        f"{format_count(len(result.outliers))} images are outliers in brightness or contrast."
    )
    if model is None or not leaked:
        return text
    everything, new = model["test"], model["test_without_leakage"][str(duplicates["near"]["correlation"])]
    accuracies = f"{format_percent(everything['accuracy'], 2)} on all test images"
    if new["n"]:
        accuracies += f", {format_percent(new['accuracy'], 2)} on the {format_count(new['n'])} that repeat none"
    return f"{text} Accuracy of {model['name']}: {accuracies}."
