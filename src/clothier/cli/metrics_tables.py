"""Metrics of models as tables: a finished run, evaluations, a comparison, a calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.text import Text

from clothier.cli.formatting import NUMBER, TEXT, format_accuracy, format_p_value, format_percent, make_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType
    from rich.table import Table


def run_table(run: dict[str, Any]) -> RenderableType:
    """A finished run: its metrics and its folder."""
    rows = {f"{run['model']}, {split}": run[split] for split in ("validation", "test") if run.get(split)}
    return Group(_models_table(rows), *_fine_tuning_tables(run), f"Run folder: {run['run']}")


def evaluations_table(results: Sequence[dict[str, Any]]) -> RenderableType:
    """One row per model; for a single one its classes; then the corruptions."""
    tables: list[RenderableType] = [_models_table({one["model"]: one for one in results})]
    if len(results) == 1:
        tables.append(_classes_table(results[0]["per_class"]))
    if "corruptions" in results[0]:
        tables.append(_corruptions_table(results))
    return Group(*tables, *(line for one in results for line in (*_selective_lines(one), *_domain_gap_table(one))))


def comparison_table(result: dict[str, Any]) -> RenderableType:
    """Both models, and whether they differ."""
    both = _models_table({"first": result["first"], "second": result["second"]})
    return Group(both, *mcnemar_lines("first", "second", result["mcnemar"]))


def calibration_table(result: dict[str, Any]) -> RenderableType:
    """The temperature, the guarantee, and the classes that meet it alone."""
    table = make_table({result["data"]: TEXT, "Before": NUMBER, "After": NUMBER})
    before, after = result["before"], result["after"]
    table.add_row("temperature", f"{before['temperature']:.3f}", f"{after['temperature']:.3f}")
    table.add_row("calibration error, cross-validated", format_percent(before["ece"]), format_percent(after["ece"]))
    lines = [
        *_threshold_lines(result["thresholds"]),
        *_ood_lines(result),
        *(f"Warning: {warning}." for warning in result["warnings"]),
    ]
    return Group(table, *(Text(line) for line in lines), Text(f"Model: {result['bundle']}"))


def mcnemar_lines(first: str, second: str, test: dict[str, Any]) -> tuple[str, str]:
    """McNemar's test in two lines."""
    low, high = (100 * end for end in test["interval"])
    interval = f"95 % interval {low:+.2f} to {high:+.2f}"
    p = format_p_value(test["p_value"])
    difference = f"{100 * test['difference']:+.2f} percentage points ({interval}), p {p} (McNemar's exact test)"
    counts = f"{first} {test['only_first']:,}, {second} {test['only_second']:,} of {test['n']:,} images"
    return f"{first} - {second}: {difference}", f"only one is correct: {counts}"


def _models_table(evaluations: dict[str, Any]) -> Table:
    """One row per evaluation."""
    numbers = ("Accuracy", "Macro F1", "Macro recall", "ECE", "NLL", "Images")
    table = make_table({"Model": TEXT, **dict.fromkeys(numbers, NUMBER)})
    for name, one in evaluations.items():
        table.add_row(
            name if "model" not in one or one["model"] == name else f"{name}: {one['model']}",
            format_accuracy(one),
            format_percent(one["macro_f1"], 2),
            format_percent(one["macro_recall"], 2),
            f"{one['ece']:.3f}",
            f"{one['nll']:.3f}",
            f"{one['n']:,}",
        )
    return table


def _classes_table(scores: Sequence[dict[str, Any]]) -> Table:
    table = make_table({"Class": TEXT, "Precision": NUMBER, "Recall": NUMBER, "F1": NUMBER, "Images": NUMBER})
    for one in scores:
        fractions = (format_percent(one[name]) for name in ("precision", "recall", "f1"))
        table.add_row(one["class"], *fractions, f"{one['n']:,}")
    return table


def _fine_tuning_tables(run: dict[str, Any]) -> list[RenderableType]:
    """A photo model beside its baseline; nothing for other models."""
    if "baseline_comparison" not in run:
        return []
    compared, validation = run["baseline_comparison"], run["validation"]
    table = make_table({"Grouped cross-validation": TEXT, "Accuracy": NUMBER, "Macro recall": NUMBER})
    for one in (compared["baseline"], compared["model"]):
        table.add_row(one["name"], format_percent(one["accuracy"], 2), format_percent(one["macro_recall"], 2))
    accepted = f"Accepts {format_percent(validation['coverage'])} of the photos"
    wrong = f"{format_percent(validation['selective_risk'])} of those tags are wrong"
    return [table, f"{accepted}, {wrong}; {run['label_issues']:,} suspected label errors in audit.csv"]


def _selective_lines(evaluation: dict[str, Any]) -> list[RenderableType]:
    """A model that abstains: its coverage, its risk and its guarantee."""
    if "coverage" not in evaluation:
        return []
    risk, open_risk = (format_percent(evaluation[name]) for name in ("selective_risk", "selective_risk_open"))
    accepted = f"{evaluation['model']} accepts {format_percent(evaluation['coverage'])} of the images"
    lines = [f"{accepted}; {risk} of those tags are wrong, {open_risk} with out-of-distribution images"]
    if guarantee := evaluation["guarantee"]:
        proof = "calibrated on your photos" if guarantee["user_calibrated"] else "not calibrated on your photos"
        lines.append(f"{_guarantee_line(guarantee)}; {proof}")
    return [Text(line) for line in (*lines, *_ood_lines(evaluation))]


def _threshold_lines(thresholds: dict[str, Any]) -> list[str]:
    """The guarantee, what it rests on, and what is accepted under it."""
    guarantee = thresholds["guarantee"]
    basis = f"{guarantee['n']:,} photos, {guarantee['n_groups']:,} groups (by {guarantee['grouped_by']})"
    first = f"{_guarantee_line(guarantee)} ({basis})"
    if thresholds["min_probability"] is None:
        return [first, "No threshold meets the guarantee: nothing is accepted"]
    coverage, minimum = format_percent(guarantee["coverage"]), format_percent(thresholds["min_probability"])
    risk = f"{format_percent(guarantee['empirical_risk'])} of those tags are wrong"
    bound = f"upper bound {format_percent(guarantee['bound'])}"
    classes = ", ".join(one["name"] for one in guarantee["per_class"] if one["holds"]) or "none"
    return [
        first,
        f"Accepted: {coverage} of the photos, from probability {minimum}; {risk}, {bound}",
        f"Classes that meet the guarantee alone: {classes}",
    ]


def _guarantee_line(guarantee: dict[str, Any]) -> str:
    confidence = f"{format_percent(guarantee['confidence_level'])} confidence"
    return f"Guarantee: at most {format_percent(guarantee['risk'])} of the accepted tags wrong, {confidence}"


def _ood_lines(result: dict[str, Any]) -> list[str]:
    auroc = result["novelty_auroc"]
    return [] if auroc is None else [f"OOD detection AUROC: {auroc:.3f}"]


def _domain_gap_table(evaluation: dict[str, Any]) -> list[RenderableType]:
    """The model and Fashion-MNIST's on the same photos, by class."""
    if "domain_gap" not in evaluation:
        return []
    gap = evaluation["domain_gap"]
    models = [name for name in gap if name not in {"n", "per_class"}]
    table = make_table({"On the same photos": TEXT, **dict.fromkeys(models, NUMBER), "Photos": NUMBER})
    for row in gap["per_class"]:
        table.add_row(row["class"], *(format_percent(row[name]) for name in models), f"{row['n']:,}")
    table.add_section()
    table.add_row("all", *(format_percent(gap[name]) for name in models), f"{gap['n']:,}", style="bold")
    return [table]


def _corruptions_table(results: Sequence[dict[str, Any]]) -> Table:
    """One row per corruption: accuracy of each model, mean over the severities; then the means."""
    table = make_table({"Corruption": TEXT, **{one["model"]: NUMBER for one in results}})
    for kind in results[0]["corruptions"]:
        means = (sum(one["corruptions"][kind]) / len(one["corruptions"][kind]) for one in results)
        table.add_row(kind.replace("_", " "), *(format_percent(mean) for mean in means))
    table.add_section()
    table.add_row("mean accuracy", *(format_percent(one["mean_corruption_accuracy"]) for one in results), style="bold")
    first = results[0]["model"]
    table.add_row(f"error / error of {first}", *(f"{one['relative_corruption_error']:.2f}" for one in results))
    return table
