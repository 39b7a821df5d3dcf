"""Tables of the data, an exploration, a study, a search and the machine, drawn from what ``--json`` prints."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from clothier.cli.formatting import format_accuracy, format_percent, make_table
from clothier.cli.metrics_tables import paired_test_lines
from clothier.selective.shift import shift_reason
from clothier.types import CatalogueShift

if TYPE_CHECKING:
    from rich.console import RenderableType

MAX_GROUPS, MAX_COPIES = 20, 3  # of duplicates that are shown


def data_table(result: dict[str, Any]) -> RenderableType:
    """The files of the data set and their folder."""
    files = ((one["name"], f"{one['bytes'] / 1e3:,.0f} kB", one["sha256"]) for one in result["files"])
    table = make_table(["File", "Size", "SHA-256, uncompressed"], files)
    counts = ", ".join(f"{sum(classes.values()):,} {split}" for split, classes in result["counts"].items())
    lines = [f"{result['name']} is complete ({counts}), in {result['folder']}"]
    if result["cache"] not in (None, result["folder"]):
        lines.append(f"Copied to {result['cache']}, where every command finds it.")
    return Group(table, *lines, *result["warnings"])


def exploration_table(result: dict[str, Any]) -> RenderableType:
    """Images by class and split, and what was found in them."""
    splits, pca, pixels = result["classes"], result["pca"], result["pixels"]
    names = next(iter(splits.values()))
    rows = ((name, *(f"{counts[name]:,}" for counts in splits.values())) for name in names)
    r = pca["mean_absolute_correlation"]
    few, many = pca["components_for_90"], pca["components_for_95"]
    return Group(
        make_table(["Class", *(split.capitalize() for split in splits)], rows),
        f"Pixels: {format_percent(pixels['black_fraction'])} empty (level 0); mean level {pixels['mean']:.1f} of 255, "
        f"standard deviation {pixels['standard_deviation']:.1f}",
        f"PCA of {pca['n']:,}: {few} of {pca['dimensions']:,} components keep 90 % of the variance, {many} keep 95 %",
        f"Mean |r| of two dimensions: {r['pixels']:.3f} before PCA, {r['components']:.3f} after",
        *_audit_lines(result["audit"]),
        *_map_lines(result["map"]),
        f"Report: {result['report']}",
    )


def study_table(result: dict[str, Any]) -> RenderableType:
    """Both models, whether they differ, and the report."""
    table = make_table(["Model", "Test", "Validation", "Parameters", "Epochs", "Trained in"])
    for name, one in result["metrics"].items():
        accuracies = (format_accuracy(one[split]) if one[split] else "" for split in ("test", "validation"))
        table.add_row(name, *accuracies, f"{one['parameters']:,}", str(one["epochs"]), f"{one['train_seconds']:.0f} s")
    test = result["comparison"]
    return Group(table, *paired_test_lines(test["first"], test["second"], test), f"Report: {result['report']}")


def tag_table(result: dict[str, Any]) -> RenderableType:
    """How many photos were accepted, and where the tags are."""
    failed = {"failed": result["failed"]} if result["failed"] else {}
    counts = {**result["decisions"], **failed}.items()
    rows = ((name, f"{n:,}", format_percent(n / max(result["n"], 1))) for name, n in counts)
    reused = result["tagged"] - result["computed"]
    unchanged = f"; {reused:,} were already known" if reused > 0 else ""
    return Group(
        make_table(["Decision", "Photos", "Share"], rows),
        f"{result['n']:,} photo{'s' * (result['n'] != 1)} in {result['seconds']:.1f} s "
        f"({result['photos_per_second']:,.0f} a second){unchanged}",
        f"Model: {result['model']}",
        *([result["limits"]] if result["limits"] else []),
        *([shift] if (shift := catalogue_line(result["catalogue"])) else []),
        *([f"Tags: {result['output']}"] if result["output"] else []),
        f"Store: {result['store']}",
    )


def catalogue_line(shift: dict[str, Any] | None) -> str:
    """That the photos are unlike the training photos, or too few to tell; otherwise empty."""
    return shift_reason(CatalogueShift(**shift)) if shift else ""


def index_table(result: dict[str, Any]) -> RenderableType:
    """How many photos an index has, and what changed."""
    search = "all photos are compared" if result["exact"] else "a graph proposes the photos that are compared"
    changes = f"{result['added']:,} added, {result['removed']:,} removed"
    return Group(
        f"Index: {result['index']}",
        f"{result['n']:,} photo{'s' * (result['n'] != 1)} ({changes}) in {result['seconds']:.1f} s; {search}",
        f"Store: {result['store']}",
    )


def duplicates_table(result: dict[str, Any]) -> RenderableType:
    """The largest groups, and how many there are."""
    groups = result["groups"]
    lines = [f"{len(groups):,} groups of one picture: {result['copies']:,} of {result['n']:,} photos are copies"]
    for kind, word in (("other_class", "classes"), ("other_product", "products")):
        if n := result[kind]:
            lines.append(f"{n:,} of the groups {'has' if n == 1 else 'have'} photos of different {word}")
    if len(groups) > MAX_GROUPS:
        more = f"in {result['output']}" if result["output"] else "with --output or --json"
        lines.append(f"These are the {MAX_GROUPS} largest groups; all are {more}.")
    rows = (_group_row(one) for one in groups[:MAX_GROUPS])
    table = [make_table(["Keep", "Why", "Copies"], rows, text=["Why", "Copies"])] if groups else []
    return Group(*table, *lines, *([f"Table: {result['output']}"] if result["output"] else []))


def _group_row(group: dict[str, Any]) -> tuple[str, str, str]:
    names = [one["file"] for one in group["copies"]]
    more = f" and {len(names) - MAX_COPIES} more" if len(names) > MAX_COPIES else ""
    return group["keep"]["file"], group["reason"], ", ".join(names[:MAX_COPIES]) + more


def export_table(result: dict[str, Any]) -> RenderableType:
    """How many tags were exported, and where they are."""
    kind = "products" if result["format"] in ("shopify", "google") else "rows"
    return f"{result['tags']:,} tags in {result['rows']:,} {kind}: {result['output']}"


def sources_table(result: dict[str, Any]) -> RenderableType:
    """What was removed, and one row per source."""
    lines = []
    if (removed := result["removed"]) is not None:
        reviewed = f", {removed['reviewed']:,} of them reviewed" if removed["reviewed"] else ""
        counts = f"{removed['files']:,} files and {removed['items']:,} tags{reviewed}"
        what = "what is missing in " if removed["only_missing"] else ""
        lines.append(f"Removed {what}{removed['name']}: {counts}. Their history stays.")
    rows = (
        (
            one["name"],
            f"{one['photos']:,}",
            f"{one['failed']:,}",
            f"{one['missing']:,}",
            one["tagged_at"] + ("" if one["is_finished"] else ", not finished"),
        )
        for one in result["sources"]
    )
    table = make_table(["Source", "Photos", "Failed", "Missing", "Tagged"], rows, text=["Tagged"])
    return Group(*lines, *([table] if result["sources"] else ["The store has no sources."]))


def keys_table(result: dict[str, Any]) -> RenderableType:
    """One row per key, and the secret of a new one."""
    rows = ((one["name"], one["scope"], one["created_at"], one["revoked_at"] or "") for one in result["keys"])
    table = make_table(["Name", "Scope", "Created", "Revoked"], rows, text=["Scope", "Created", "Revoked"])
    secret = result.get("secret")
    return Group(table, f"The key, which is not shown again: {secret}") if secret else table


def tuning_table(result: dict[str, Any]) -> RenderableType:
    """One row per trial, the best first, and the command that trains the best."""
    table = make_table(["Trial", "Validation", "Epochs", "Recipe"], text=["Recipe"])
    for one in result["trials"]:
        accuracy = "" if one["validation_accuracy"] is None else format_percent(one["validation_accuracy"], 2)
        values = {name: f"{value:.3g}" if isinstance(value, float) else value for name, value in one["params"].items()}
        params = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in values.items())
        remark = f"; {one['error']}" if one["error"] else "; pruned" if one["state"] == "pruned" else ""
        table.add_row(str(one["number"]), accuracy, str(one["epochs"]), params + remark)
    n, error = result["validation"]["n"], result["validation"]["standard_error"]
    measured = f"{n:,} validation images (standard error {100 * error:.2f} percentage points)"
    command = f"clothier train {result['options']['model']} --recipe {shlex.quote(result['best']['file'])}"
    return Group(table, f"Best of {len(result['trials'])} on {measured}. Train it with: {command}")


def doctor_table(report: dict[str, Any]) -> RenderableType:
    """One row per check, then the versions."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for one in report["checks"]:
        mark = Text("ok", style="green") if one["ok"] else Text("warn", style="bold yellow")
        table.add_row(mark, Text(one["name"], style="bold"), one["detail"])
        if one["advice"]:
            table.add_row("", "", Text(one["advice"], style="dim"))
    system = report["system"]
    versions = ", ".join(f"{name} {version}" for name, version in system["versions"].items())
    table.add_row("", Text("versions", style="bold"), f"{system['python']}, {versions}")
    if environment := " ".join(f"{name}={value}" for name, value in system["environment"].items()):
        table.add_row("", Text("environment", style="bold"), environment)
    return table


def _audit_lines(audit: dict[str, Any]) -> list[str]:
    """Duplicates, outliers, suspected label errors, and the accuracy of a model without duplicates."""
    duplicates, n = audit["duplicates"], audit["n"]
    copies = f"{duplicates['leaked_test_images']:,} of {n['test']:,} test images are in the training set"
    lines = [f"Audit: {copies}; {audit['outliers']['n']:,} outliers; {len(audit['findings']):,} findings in audit.csv"]
    if audit["labels"]:
        issues = audit["labels"]["train"]["issues"]
        lines.append(f"Labels: {issues:,} suspected label errors among {n['train']:,} training images")
    if model := audit["reference_model"]:
        rest = model["test_without_leakage"][str(duplicates["near"]["correlation"])]
        all_images = format_accuracy(model["test"])
        lines.append(f"{model['name']}: {all_images} on all test images, {format_accuracy(rest)} without those")
    return lines


def _map_lines(map_metrics: dict[str, Any] | None) -> list[str]:
    """The quality of the map."""
    if map_metrics is None or map_metrics["knn10"] is None:
        return []
    near = f"10-NN accuracy {format_percent(map_metrics['knn10'], 2)}"
    wide = "" if map_metrics["knn100"] is None else f", 100-NN {format_percent(map_metrics['knn100'], 2)}"
    pca = f"two principal components {format_percent(map_metrics['pca_baseline']['knn10'], 2)}"
    return [f"Map of {map_metrics['n']:,} images in {map_metrics['seconds']:.0f} s: {near}{wide} ({pca})"]
