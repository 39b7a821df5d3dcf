"""The tables of the leaderboard: our networks among published ones, and the tests that compare ours."""

from __future__ import annotations

import json

from benchmarks.tables.formatting import ROOT, Row, accuracy_range, load_results, percent, table, with_command

PUBLISHED_RESULTS = ROOT / "benchmarks" / "published_results.json"
DEFAULT_TRAIN_IMAGES = 55_000  # unless a row says otherwise
DEFAULT_CPU = "AMD EPYC"
CURRENT_RELEASE = "today's"  # release of Fashion-MNIST, in PUBLISHED_RESULTS
KINDS = {
    "cnn": "Convolutional networks",
    "small": "Convolutional networks of at most 300,000 parameters",
    "dnn": "Without convolutions; ours are fully connected, on PCA features",
}
MIN_P_VALUE = 0.001  # smaller p-values are printed as "< 0.001"


def leaderboard() -> str:
    """The most accurate networks, ours and published ones, by kind."""
    results = load_results("leaderboard")
    published: list[Row] = json.loads(PUBLISHED_RESULTS.read_text())["rows"]
    header = ("network", "parameters", "epochs", "core-hours", "seeds", "test, %", "with TTA, %", "protocol")
    note = with_command(
        "Ours, in bold: mean (lowest to highest) of their seeds, trained on 55,000 images of today's files unless the "
        f"protocol says otherwise, last epoch, on at most two cores of an {DEFAULT_CPU} or of the processor that the "
        "protocol names. Empty cells are unknown.",
        results,
    )
    sections = []
    for kind, title in KINDS.items():
        ours = [(row["accuracy"], _own_row(row)) for row in results["rows"] if row.get("kind") == kind]
        others = [row for row in published if row["kind"] == kind]
        current = [(row["accuracy"] / 100, _published_row(row)) for row in others if row["release"] == CURRENT_RELEASE]
        rows = [row for _, row in sorted(ours + current, key=lambda one: one[0], reverse=True)]
        rows += [_published_row(row) for row in others if row["release"] != CURRENT_RELEASE]
        sections.append(f"### {title}\n\n{table(header, 'lrrrrrrl', rows)}")
    return "\n".join([*sections, note, ""])


def _own_row(row: Row) -> tuple[object, ...]:
    protocol = "distillation" if row["teachers_digest"] else "without distillation"
    if row["train_images"] != DEFAULT_TRAIN_IMAGES:
        protocol += f"; {row['train_images']:,} images"
    if row["cpu"] != DEFAULT_CPU:
        protocol += f"; {row['cpu']}"
    several = row["seeds"] > 1
    return (
        f"**{row['name']}**",
        f"{row['parameters']:,}",
        row["epochs"] or "",
        f"{row['core_hours']:.1f}",
        row["seeds"],
        accuracy_range(row, bold=True) if several else f"**{percent(row['accuracy'])}**",
        percent(row["accuracy_tta"]),
        protocol,
    )


def _published_row(row: Row) -> tuple[object, ...]:
    release = "" if row["release"] == CURRENT_RELEASE else f"{row['release'] or 'release not stated'}; "
    protocol = f"{release}{row['chosen'] or 'choice of the epoch not stated'}; {row['source']}"
    size = f"{row['parameters']:,}" if row["parameters"] else ""
    augmented = f"{row['accuracy_tta']:.2f}" if "accuracy_tta" in row else ""
    accuracies = (f"{row['accuracy']:.2f}", augmented)
    return (row["name"], size, row["epochs"] or "", "", row["seeds"] or "", *accuracies, protocol)


def mcnemar() -> str:
    """Whether two of our rows differ."""
    results = load_results("leaderboard")
    rows = []
    for row in (row for row in results["rows"] if "p_value" in row):
        low, high = (f"{100 * end:+.2f}" for end in row["interval"])
        p = "< 0.001" if row["p_value"] < MIN_P_VALUE else f"{row['p_value']:.3f}"
        rows.append((row["first"], row["second"], f"{100 * row['difference']:+.2f}", f"{low} to {high}", p))
    header = ("first", "second", "difference, percentage points", "95 % interval", "p")
    return table(header, "llrrr", rows, with_command("10,000 test images.", results))
