"""What people see of each result: calm tables that draw what ``--json`` prints."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from clothier.cli.formatting import NUMBER, TEXT, format_accuracy, format_number, format_percent, make_table
from clothier.cli.metrics_tables import mcnemar_lines

if TYPE_CHECKING:
    from rich.console import RenderableType

    from clothier.cli.output import JsonResult


def data_table(result: JsonResult) -> RenderableType:
    """Where the data lie, file by file."""
    found = result.to_json()
    table = make_table({"File": TEXT, "Size": NUMBER, "SHA-256, uncompressed": TEXT})
    for file in found["files"]:
        table.add_row(file["name"], f"{file['bytes'] / 1e3:,.0f} kB", file["sha256"])
    counts = ", ".join(f"{sum(classes.values()):,} {part}" for part, classes in found["counts"].items())
    lines = [f"{found['name']} is whole ({counts}), in {found['folder']}"]
    if found["cache"] not in (None, found["folder"]):
        lines.append(f"Copied to {found['cache']}, where every command finds it.")
    return Group(table, *lines, *found["notes"])


def exploration_table(result: JsonResult) -> RenderableType:
    """Pictures by class and part, and what was found in them."""
    found = result.to_json()
    parts, pca, pixels = found["classes"], found["pca"], found["pixels"]
    table = make_table({"Class": TEXT, **{part.capitalize(): NUMBER for part in parts}})
    for name in next(iter(parts.values())):
        table.add_row(name, *(f"{counts[name]:,}" for counts in parts.values()))
    r = pca["mean_absolute_correlation"]
    deviation, few, many = pixels["standard_deviation"], pca["components_for_90"], pca["components_for_95"]
    lines = (
        f"Pixels: {format_percent(pixels['black_fraction'])} black; grey levels {pixels['mean']:.1f} ± {deviation:.1f} of 255",
        f"PCA of {pca['n']:,}: {few} of {pca['dimensions']:,} components keep 90 % of the variance, {many} keep 95 %",
        f"Mean |r| of two dimensions: {r['pixels']:.3f} before, {r['components']:.3f} after",
        *_audit_lines(found["audit"]),
        *_map_lines(found["map"]),
        f"Report: {found['report']}",
    )
    return Group(table, *lines)


def study_table(result: JsonResult) -> RenderableType:
    """Both models, whether they differ, and where the report lies."""
    found = result.to_json()
    table = make_table(
        {
            "Model": TEXT,
            "Test": NUMBER,
            "Validation": NUMBER,
            "Parameters": NUMBER,
            "Epochs": NUMBER,
            "Trained in": NUMBER,
        }
    )
    for name, one in found["metrics"].items():
        parts = (format_accuracy(one[part]) if one[part] else "" for part in ("test", "validation"))
        table.add_row(name, *parts, f"{one['parameters']:,}", str(one["epochs"]), f"{one['train_seconds']:.0f} s")
    test = found["comparison"]
    return Group(table, *mcnemar_lines(test["first"], test["second"], test), f"Report: {found['report']}")


def tuning_table(result: JsonResult) -> RenderableType:
    """A row a trial, the best first, and how to train what was found."""
    found = result.to_json()
    table = make_table({"Trial": NUMBER, "Validation": NUMBER, "Epochs": NUMBER, "Recipe": TEXT})
    for one in found["trials"]:
        accuracy = "" if one["validation_accuracy"] is None else format_percent(one["validation_accuracy"], 2)
        values = ", ".join(f"{name.replace('_', ' ')} {format_number(value)}" for name, value in one["values"].items())
        remark = f"; {one['error']}" if one["error"] else "; cut short" if one["state"] == "pruned" else ""
        table.add_row(str(one["trial"]), accuracy, str(one["epochs"]), values + remark)
    n, error = found["validation"]["n"], found["validation"]["standard_error"]
    spread = f"{n:,} validation images (standard error {100 * error:.2f} points)"
    command = f"clothier train {found['options']['model']} --recipe {shlex.quote(found['best']['file'])}"
    return Group(table, f"Best of {len(found['trials'])} by {spread}. Train it with: {command}")


def doctor_table(result: JsonResult) -> RenderableType:
    """A row a finding, then the versions."""
    table = Table(box=None, show_header=False, pad_edge=False)
    examined = result.to_json()
    for one in examined["findings"]:
        mark = Text("ok", style="green") if one["ok"] else Text("warn", style="bold yellow")
        table.add_row(mark, Text(one["name"], style="bold"), Text(one["found"]))
        if one["advice"]:
            table.add_row("", "", Text(one["advice"], style="dim"))
    machine = examined["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    table.add_row("", Text("versions", style="bold"), f"{machine['python']}, {versions}")
    switches = " ".join(f"{name}={value}" for name, value in machine["environment"].items())
    if switches:
        table.add_row("", Text("switches", style="bold"), switches)
    return table


def _audit_lines(audit: dict[str, Any]) -> list[str]:
    """Duplicates, outliers, doubtful labels, and what duplicates do to a model's figure."""
    repeated, n = audit["duplicates"]["leaked_test_images"], audit["n"]
    unlike, rows = audit["outliers"]["n"], len(audit["findings"])
    copies = f"{repeated:,} of {n['test']:,} test pictures repeat a training picture"
    lines = [f"Audit: {copies}; {unlike:,} pictures stand out; {rows:,} findings in audit.csv"]
    if audit["labels"]:
        doubted = audit["labels"]["train"]["issues"]
        lines.append(f"Labels: {doubted:,} of {n['train']:,} training labels are doubted by models that never saw them")
    if audit["reference_model"]:
        judged = audit["reference_model"]
        rest = judged["test_without_leakage"][str(audit["duplicates"]["near"]["correlation"])]
        whole = judged["test"]
        lines.append(
            f"{judged['name']}: {format_accuracy(whole)} on all test pictures, {format_accuracy(rest)} without those"
        )
    return lines


def _map_lines(map_metrics: dict[str, Any] | None) -> list[str]:
    """The quality of the map."""
    if map_metrics is None or map_metrics["knn10"] is None:
        return []
    votes = f"10 neighbours {format_percent(map_metrics['knn10'], 2)} right"
    wide = "" if map_metrics["knn100"] is None else f", 100 neighbours {format_percent(map_metrics['knn100'], 2)}"
    flat = f"two principal components {format_percent(map_metrics['pca_baseline']['knn10'], 2)}"
    return [f"Map of {map_metrics['n']:,} in {map_metrics['seconds']:.0f} s: {votes}{wide} ({flat})"]
