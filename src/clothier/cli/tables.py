"""What people see of each result: calm tables that draw what ``--json`` prints."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any, Literal

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from clothier.cli.show import Answer
    from clothier.runs import Run

BAR = 20  # characters of a probability of 1
NUMBER: Literal["right"] = "right"
WORD: Literal["left"] = "left"


def data(prepared: Answer) -> RenderableType:
    """Where the data lie, file by file."""
    found = prepared.to_json()
    table = _table({"File": WORD, "Size": NUMBER, "SHA-256, uncompressed": WORD})
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
    table = _table({"Class": WORD, **{part.capitalize(): NUMBER for part in parts}})
    for name in next(iter(parts.values())):
        table.add_row(name, *(f"{counts[name]:,}" for counts in parts.values()))
    r = pca["mean_absolute_correlation"]
    deviation, few, many = pixels["standard_deviation"], pca["components_for_90"], pca["components_for_95"]
    lines = (
        f"Pixels: {_percent(pixels['black'])} black; grey levels {pixels['mean']:.1f} ± {deviation:.1f} of 255",
        f"PCA of {pca['n']:,}: {few} of {pca['dimensions']:,} components keep 90 % of the variance, {many} keep 95 %",
        f"Mean |r| of two dimensions: {r['pixels']:.3f} before, {r['components']:.3f} after",
        *_audited(found["audit"]),
        *_mapped(found["map"]),
        f"Report: {found['report']}",
    )
    return Group(table, *lines)


def run(made: Run) -> RenderableType:
    """A finished run: its figures, and where it lies."""
    metrics = made.metrics
    scores = {f"{metrics['model']}, {part}": metrics[part] for part in ("validation", "test") if metrics.get(part)}
    return Group(_scores(scores), f"Run folder: {made.path}")


def evaluations(results: Sequence[Answer]) -> RenderableType:
    """A row a model; for a single one its classes, too."""
    found = [one.to_json() for one in results]
    table = _scores({one["model"]: one for one in found})
    return Group(table, _classes(found[0]["per_class"])) if len(found) == 1 else table


def comparison(compared: Answer) -> RenderableType:
    """Both models, and whether they differ."""
    found = compared.to_json()
    scores = _scores({"first": found["first"], "second": found["second"]})
    return Group(scores, *_paired("first", "second", found["test"]))


def predictions(answers: Sequence[Answer]) -> RenderableType:
    """The classes of each picture, best first, with bars for their probabilities."""
    table = _table({"Picture": WORD, "Class": WORD, "Probability": NUMBER, "": WORD})
    for one in (answer.to_json() for answer in answers):
        if "error" in one:
            table.add_row(one["file"], Text("could not be read", style="red"))
        for place, guess in enumerate(one.get("top", ())):
            table.add_row(
                "" if place else one["file"],
                guess["class"],
                _percent(guess["probability"]),
                Text("━" * round(BAR * guess["probability"]), style="dim" if place else "cyan"),
                style="dim" if place else "bold",
            )
    return table


def study(made: Answer) -> RenderableType:
    """Both models, whether they differ, and where the report lies."""
    found = made.to_json()
    table = _table(
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
        parts = (_accuracy(one[part]) if one[part] else "" for part in ("test", "validation"))
        table.add_row(name, *parts, f"{one['parameters']:,}", str(one["epochs"]), f"{one['train_seconds']:.0f} s")
    paired = found["comparison"]
    return Group(table, *_paired(paired["first"], paired["second"], paired), f"Report: {found['report']}")


def tuning(made: Answer) -> RenderableType:
    """A row a trial, the best first, and how to train what was found."""
    found = made.to_json()
    table = _table({"Trial": NUMBER, "Validation": NUMBER, "Epochs": NUMBER, "Recipe": WORD})
    for one in found["trials"]:
        accuracy = "" if one["validation_accuracy"] is None else _percent(one["validation_accuracy"], 2)
        values = ", ".join(f"{name.replace('_', ' ')} {_short(value)}" for name, value in one["values"].items())
        remark = f"; {one['error']}" if one["error"] else "; cut short" if one["state"] == "pruned" else ""
        table.add_row(str(one["trial"]), accuracy, str(one["epochs"]), values + remark)
    n, error = found["validation"]["n"], found["validation"]["standard_error"]
    spread = f"{n:,} validation images (standard error {100 * error:.2f} points)"
    command = f"clothier train {found['options']['model']} --recipe {shlex.quote(found['best']['file'])}"
    return Group(table, f"Best of {len(found['trials'])} by {spread}. Train it with: {command}")


def benchmark(measured: Answer) -> RenderableType:
    """A row a side, then what ours is of the rivals'."""
    found = measured.to_json()
    table = _table(
        {"": WORD, "Median": NUMBER, "Lowest": NUMBER, "Highest": NUMBER, "Runs": NUMBER, "Accuracy": NUMBER}
    )
    for row in found["rows"]:
        spread = (f"{row[name]:.3g} {row['unit']}" for name in ("median", "min", "max"))
        accuracy = "" if row["accuracy"] is None else _percent(row["accuracy"], 2)
        table.add_row(row["name"], *spread, str(row["n"]), accuracy)
    ratios = [f"{name}: {ratio:.3f}" for name, ratio in found["ratios"].items()]
    return Group(table, "Ours by the rival's, medians of the paired ratios:", *ratios)


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
        lines.append(f"{judged['name']}: {_accuracy(whole)} on all test pictures, {_accuracy(rest)} without those")
    return lines


def _mapped(found: dict[str, Any] | None) -> list[str]:
    """The quality of the map."""
    if found is None or found["knn10"] is None:
        return []
    votes = f"10 neighbours {_percent(found['knn10'], 2)} right"
    wide = "" if found["knn100"] is None else f", 100 neighbours {_percent(found['knn100'], 2)}"
    flat = f"two principal components {_percent(found['pca2']['knn10'], 2)}"
    return [f"Map of {found['n']:,} in {found['seconds']:.0f} s: {votes}{wide} ({flat})"]


def _scores(evaluations: dict[str, Any]) -> Table:
    """A row an evaluation, by name."""
    table = _table(
        {"Model": WORD, "Accuracy": NUMBER, "Macro F1": NUMBER, "ECE": NUMBER, "NLL": NUMBER, "Pictures": NUMBER}
    )
    for name, one in evaluations.items():
        table.add_row(
            name if "model" not in one or one["model"] == name else f"{name}: {one['model']}",
            _accuracy(one),
            _percent(one["macro_f1"], 2),
            f"{one['ece']:.3f}",
            f"{one['nll']:.3f}",
            f"{one['n']:,}",
        )
    return table


def _paired(first: str, second: str, test: dict[str, Any]) -> tuple[str, str]:
    """McNemar's test in two sentences."""
    low, high = (100 * end for end in test["interval"])
    interval = f"95 % interval {low:+.2f} to {high:+.2f}"
    verdict = f"{100 * test['difference']:+.2f} points ({interval}), p {_p(test['p_value'])} (McNemar's exact test)"
    alone = f"{first} {test['only_first']:,}, {second} {test['only_second']:,} of {test['n']:,} pictures"
    return f"{first} less {second}: {verdict}", f"right where the other is wrong: {alone}"


def _classes(scores: Sequence[dict[str, Any]]) -> Table:
    """A row a class."""
    table = _table({"Class": WORD, "Precision": NUMBER, "Recall": NUMBER, "F1": NUMBER, "Pictures": NUMBER})
    for one in scores:
        shares = (_percent(one[name]) for name in ("precision", "recall", "f1"))
        table.add_row(one["class"], *shares, f"{one['n']:,}")
    return table


def _table(columns: dict[str, Literal["left", "right"]]) -> Table:
    """An empty table, from each heading and its side."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    for heading, side in columns.items():
        table.add_column(heading, justify=side, overflow="fold")
    return table


def _accuracy(evaluation: dict[str, Any]) -> str:
    """With its standard error, in points."""
    return f"{_percent(evaluation['accuracy'], 2)} ± {100 * evaluation['standard_error']:.2f}"


def _short(value: str | float) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f} %"


def _p(value: float) -> str:
    return f"= {value:.3f}" if value >= 0.001 else "< 0.001"
