"""Tables of reviews and of models in a store, drawn from what ``--json`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group

from clothier.cli.formatting import format_percent, make_table

if TYPE_CHECKING:
    from rich.console import RenderableType


def statistics_table(result: dict[str, Any]) -> RenderableType:
    """How often the model is right, by decision and class, and whether the guarantee holds."""
    headings = ["Reviewed", "Photos", "Right", "Accuracy", "95 % interval"]
    decisions = make_table(headings, map(_accuracy_row, result["by_decision"]))
    classes = make_table(["Class", *headings[1:]], map(_accuracy_row, result["by_class"]))
    counts = ", ".join(f"{n:,} {name}" for name, n in result["decisions"].items())
    people = ", ".join(f"{name} {n:,}" for name, n in result["reviewers"].items())
    return Group(
        f"{result['n_items']:,} photos ({counts}); {result['n_reviewed']:,} reviewed{f': {people}' if people else ''}",
        *([decisions, classes] if result["by_decision"] else []),
        result["guarantee"]["message"],
    )


def export_table(result: dict[str, Any]) -> RenderableType:
    """Photos by label, and the command that calibrates with them."""
    rows = ((name or "none of the classes", f"{n:,}") for name, n in result["labels"].items())
    group = " --group-column product" if result["has_products"] else ""
    return Group(
        make_table(["Label", "Photos"], rows),
        f"{result['n']:,} photos: {result['output']}",
        *result["warnings"],
        f"Use them with: clothier calibrate MODEL --data {result['output']}{group}",
    )


def import_table(result: dict[str, Any]) -> RenderableType:
    """New reviews by annotator, and how many annotations brought nothing new."""
    rows = ((name, f"{n:,}") for name, n in result["reviewers"].items())
    table = [make_table(["Annotator", "New reviews"], rows)] if result["reviewers"] else []
    counts = f"{result['already_known']:,} known already, {result['skipped']:,} skipped by annotators"
    lines = [
        f"{result['annotations']:,} annotations in {result['source']}: {result['reviewed']:,} new reviews, {counts}"
    ]
    if n := result["disagreements"]:
        lines.append(f"The annotators disagree about {n:,} photo{'s' * (n != 1)}; the last annotation counts.")
    return Group(*table, *lines)


def action_table(result: dict[str, Any]) -> RenderableType:
    """How many items an action changed, and which it did not."""
    verb = "taken back" if result["kind"] == "undo" else "accepted"
    lines = [f"{result['n']:,} tag{'s' * (result['n'] != 1)} {verb} by {result['reviewer']}"]
    if n := result["n_left"]:
        lines.append(
            f"{n:,} of the random sample left for the queue: the guarantee is checked on tags that you looked at"
        )
    return Group(*lines, *(one["message"] for one in result["conflicts"]))


def summary_table(result: dict[str, Any]) -> RenderableType:
    """What a reviewer did."""
    counts = ", ".join(f"{n:,} {name}" for name, n in result["counts"].items())
    return Group(f"{result['reviewer']}: {counts or 'nothing reviewed'}")


def models_table(result: dict[str, Any]) -> RenderableType:
    """One row for each version of a model, the last one first."""
    rows = (
        (
            one["version"],
            one["name"],
            one["status"],
            f"{one['promoted_at'][:10]} by {one['promoted_by']}" if one["promoted_at"] else "",
            f"{one['n_tags']:,}",
            one["location"],
        )
        for one in result["versions"]
    )
    text = ["Model", "Status", "Promoted", "Location"]
    table = make_table(["Version", "Model", "Status", "Promoted", "Tags", "Location"], rows, text)
    return Group(table, *([_limits_table(result["class_limits"])] if result["class_limits"] else []))


def _limits_table(limits: list[dict[str, Any]]) -> RenderableType:
    """From where on classes are accepted."""
    rows = (
        (
            one["class"],
            "never" if one["min_probability"] is None else f"from {format_percent(one['min_probability'])}",
            f"{one['at'][:10]} by {one['actor']}",
        )
        for one in limits
    )
    return make_table(["Class", "Accepted", "Set"], rows, ["Set"])


def drift_table(result: dict[str, Any]) -> RenderableType:
    """One row for each week, and why the thresholds should be calibrated again."""
    headings = ["Week", "Photos", "Accepted", "Rejected", "Probability", "Classes moved", "p", "Corrected"]
    rows = []
    for one in result["weeks"]:
        change, corrected = one["class_change"], one["corrected"]
        rows.append(
            (
                one["week"],
                f"{one['n']:,}",
                format_percent(one["accepted"]["rate"]),
                format_percent(one["rejected"]["rate"]),
                format_percent(one["mean_probability"]),
                f"{change['index']:.2f}" if change else "",
                f"{change['p_value']:.2g}" if change else "",
                f"{corrected['count']:,} of {corrected['n']:,}" if corrected["n"] else "",
            )
        )
    return Group(make_table(headings, rows), *result["reasons"], result["message"], result["guarantee"]["message"])


def _accuracy_row(one: dict[str, Any]) -> tuple[str, ...]:
    low, high = one["interval"] or (0.0, 1.0)
    interval = f"{format_percent(low)} to {format_percent(high)}"
    return one["name"], f"{one['n']:,}", f"{one['n_correct']:,}", format_percent(one["accuracy"]), interval
