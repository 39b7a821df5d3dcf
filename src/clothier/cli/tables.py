"""What people see of each result: calm tables that draw what ``--json`` prints."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from clothier.cli.formatting import NUMBER, WORD, accuracy_of, columns, percent, short
from clothier.cli.metrics_tables import paired

if TYPE_CHECKING:
    from rich.console import RenderableType

    from clothier.cli.output import Answer


def data(prepared: Answer) -> RenderableType:
    """Where the data lie, file by file."""
    found = prepared.to_json()
    table = columns({"File": WORD, "Size": NUMBER, "SHA-256, uncompressed": WORD})
    for file in found["files"]:
        table.add_row(file["name"], f"{file['bytes'] / 1e3:,.0f} kB", file["sha256"])
    counts = ", ".join(f"{sum(classes.values()):,} {part}" for part, classes in found["counts"].items())
    lines = [f"{found['name']} is whole ({counts}), in {found['folder']}"]
    if found["cache"] not in (None, found["folder"]):
        lines.append(f"Copied to {found['cache']}, where every command finds it.")
    return Group(table, *lines, *found["notes"])


def exploration(explored: Answer) -> RenderableType:
    """Pictures by class and part, and what was found in them."""
    found = explored.to_json()
    parts, pca, pixels = found["classes"], found["pca"], found["pixels"]
    table = columns({"Class": WORD, **{part.capitalize(): NUMBER for part in parts}})
    for name in next(iter(parts.values())):
        table.add_row(name, *(f"{counts[name]:,}" for counts in parts.values()))
    r = pca["mean_absolute_correlation"]
    deviation, few, many = pixels["standard_deviation"], pca["components_for_90"], pca["components_for_95"]
    lines = (
        f"Pixels: {percent(pixels['black'])} black; grey levels {pixels['mean']:.1f} ± {deviation:.1f} of 255",
        f"PCA of {pca['n']:,}: {few} of {pca['dimensions']:,} components keep 90 % of the variance, {many} keep 95 %",
        f"Mean |r| of two dimensions: {r['pixels']:.3f} before, {r['components']:.3f} after",
        *_audited(found["audit"]),
        *_mapped(found["map"]),
        f"Report: {found['report']}",
    )
    return Group(table, *lines)


def study(made: Answer) -> RenderableType:
    """Both models, whether they differ, and where the report lies."""
    found = made.to_json()
    table = columns(
        {
            "Model": WORD,
            "Test": NUMBER,
            "Validation": NUMBER,
            "Parameters": NUMBER,
            "Epochs": NUMBER,
            "Trained in": NUMBER,
        }
    )
    for name, one in found["metrics"].items():
        parts = (accuracy_of(one[part]) if one[part] else "" for part in ("test", "validation"))
        table.add_row(name, *parts, f"{one['parameters']:,}", str(one["epochs"]), f"{one['train_seconds']:.0f} s")
    test = found["comparison"]
    return Group(table, *paired(test["first"], test["second"], test), f"Report: {found['report']}")


def tuning(made: Answer) -> RenderableType:
    """A row a trial, the best first, and how to train what was found."""
    found = made.to_json()
    table = columns({"Trial": NUMBER, "Validation": NUMBER, "Epochs": NUMBER, "Recipe": WORD})
    for one in found["trials"]:
        accuracy = "" if one["validation_accuracy"] is None else percent(one["validation_accuracy"], 2)
        values = ", ".join(f"{name.replace('_', ' ')} {short(value)}" for name, value in one["values"].items())
        remark = f"; {one['error']}" if one["error"] else "; cut short" if one["state"] == "pruned" else ""
        table.add_row(str(one["trial"]), accuracy, str(one["epochs"]), values + remark)
    n, error = found["validation"]["n"], found["validation"]["standard_error"]
    spread = f"{n:,} validation images (standard error {100 * error:.2f} points)"
    command = f"clothier train {found['options']['model']} --recipe {shlex.quote(found['best']['file'])}"
    return Group(table, f"Best of {len(found['trials'])} by {spread}. Train it with: {command}")


def examination(found: Answer) -> RenderableType:
    """A row a finding, then the versions."""
    table = Table(box=None, show_header=False, pad_edge=False)
    examined = found.to_json()
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


def _audited(audit: dict[str, Any]) -> list[str]:
    """Duplicates, outliers, doubtful labels, and what duplicates do to a model's figure."""
    repeated, n = audit["duplicates"]["test_repeated_in_train"], audit["n"]
    unlike, rows = audit["outliers"]["n"], len(audit["findings"])
    copies = f"{repeated:,} of {n['test']:,} test pictures repeat a training picture"
    lines = [f"Audit: {copies}; {unlike:,} pictures stand out; {rows:,} findings in audit.csv"]
    if audit["labels"]:
        doubted = audit["labels"]["train"]["issues"]
        lines.append(f"Labels: {doubted:,} of {n['train']:,} training labels are doubted by models that never saw them")
    if audit["classifier"]:
        judged = audit["classifier"]
        rest = judged["test_without_repeated"][str(audit["duplicates"]["near"]["correlation"])]
        whole = judged["test"]
        lines.append(f"{judged['name']}: {accuracy_of(whole)} on all test pictures, {accuracy_of(rest)} without those")
    return lines


def _mapped(found: dict[str, Any] | None) -> list[str]:
    """The quality of the map."""
    if found is None or found["knn10"] is None:
        return []
    votes = f"10 neighbours {percent(found['knn10'], 2)} right"
    wide = "" if found["knn100"] is None else f", 100 neighbours {percent(found['knn100'], 2)}"
    flat = f"two principal components {percent(found['pca2']['knn10'], 2)}"
    return [f"Map of {found['n']:,} in {found['seconds']:.0f} s: {votes}{wide} ({flat})"]
