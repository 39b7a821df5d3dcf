"""How models fare, as tables: a finished run, evaluations, a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.text import Text

from clothier.cli.formatting import NUMBER, TEXT, format_accuracy, format_p_value, format_percent, make_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType
    from rich.table import Table

    from clothier.cli.output import JsonResult
    from clothier.runs import Run


def run_table(result: Run) -> RenderableType:
    """A finished run: its figures, and where it lies."""
    metrics = result.metrics
    parts = {f"{metrics['model']}, {part}": metrics[part] for part in ("validation", "test") if metrics.get(part)}
    return Group(_models_table(parts), *_fine_tuning_tables(metrics), f"Run folder: {result.path}")


def _fine_tuning_tables(metrics: dict[str, Any]) -> list[RenderableType]:
    """What fine-tuning a photo model brought; nothing for other models."""
    if "baseline_comparison" not in metrics:
        return []
    found = metrics["baseline_comparison"]
    table = make_table({"Photographers kept out": TEXT, "Accuracy": NUMBER, "Macro recall": NUMBER})
    for one in (found["baseline"], found["model"]):
        table.add_row(one["name"], format_percent(one["accuracy"], 2), format_percent(one["macro_recall"], 2))
    told = metrics["validation"]
    share = f"Accepts {format_percent(told['coverage'])} of the photos without a person"
    risk = (
        "" if told["selective_risk"] is None else f", {format_percent(told['selective_risk'])} of those tags are wrong"
    )
    return [table, f"{share}{risk}; {metrics['label_issues']:,} doubtful labels in audit.csv"]


def evaluations_table(results: Sequence[JsonResult]) -> RenderableType:
    """A row a model; for a single one its classes, too; then the corruptions."""
    found = [one.to_json() for one in results]
    tables: list[RenderableType] = [_models_table({one["model"]: one for one in found})]
    if len(found) == 1:
        tables.append(_classes_table(found[0]["per_class"]))
    if "corruptions" in found[0]:
        tables.append(_corruptions_table(found))
    return Group(*tables, *(line for one in found for line in (*_selective_lines(one), *_domain_gap_table(one))))


def comparison_table(result: JsonResult) -> RenderableType:
    """Both models, and whether they differ."""
    found = result.to_json()
    both = _models_table({"first": found["first"], "second": found["second"]})
    return Group(both, *mcnemar_lines("first", "second", found["mcnemar"]))


def mcnemar_lines(first: str, second: str, test: dict[str, Any]) -> tuple[str, str]:
    """McNemar's test in two sentences."""
    low, high = (100 * end for end in test["interval"])
    interval = f"95 % interval {low:+.2f} to {high:+.2f}"
    p = format_p_value(test["p_value"])
    verdict = f"{100 * test['difference']:+.2f} points ({interval}), p {p} (McNemar's exact test)"
    alone = f"{first} {test['only_first']:,}, {second} {test['only_second']:,} of {test['n']:,} pictures"
    return f"{first} less {second}: {verdict}", f"right where the other is wrong: {alone}"


def _models_table(evaluations: dict[str, Any]) -> Table:
    """A row an evaluation, by name."""
    numbers = ("Accuracy", "Macro F1", "Macro recall", "ECE", "NLL", "Pictures")
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
    """A row a class."""
    table = make_table({"Class": TEXT, "Precision": NUMBER, "Recall": NUMBER, "F1": NUMBER, "Pictures": NUMBER})
    for one in scores:
        shares = (format_percent(one[name]) for name in ("precision", "recall", "f1"))
        table.add_row(one["class"], *shares, f"{one['n']:,}")
    return table


def _selective_lines(evaluation: dict[str, Any]) -> list[RenderableType]:
    """How a model fares that may ask a person: what it accepts, what is wrong among that, and what it promised."""
    if "coverage" not in evaluation:
        return []
    risk, with_strangers = (
        _format_optional(evaluation["selective_risk"]),
        _format_optional(evaluation["selective_risk_open"]),
    )
    wrong = f"{risk} of those tags are wrong, {with_strangers} where strangers count"
    lines = [f"{evaluation['model']} accepts {_format_optional(evaluation['coverage'])} of the pictures; {wrong}"]
    if evaluation["promise"]:
        lines.append(_guarantee_line(evaluation["promise"]))
    if evaluation["novelty_auroc"] is not None:
        lines.append(f"Strangers are told from garments with an AUROC of {evaluation['novelty_auroc']:.3f}")
    return [Text(line) for line in lines]


def _guarantee_line(guarantee: dict[str, Any]) -> str:
    confidence = f"with {format_percent(guarantee['confidence'])} confidence"
    proof = "proven on your own photos" if guarantee["own"] else "unproven for this catalogue"
    return f"Its promise: at most {format_percent(guarantee['risk'])} of the accepted tags wrong, {confidence}; {proof}"


def _domain_gap_table(evaluation: dict[str, Any]) -> list[RenderableType]:
    """The model beside Fashion-MNIST's on the same photos, class by class."""
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


def _format_optional(fraction: float | None) -> str:
    return "none" if fraction is None else format_percent(fraction)


def _corruptions_table(results: Sequence[dict[str, Any]]) -> Table:
    """A row a corruption: accuracy of each model, mean over the severities; then the means."""
    table = make_table({"Corruption": TEXT, **{one["model"]: NUMBER for one in results}})
    for kind in results[0]["corruptions"]:
        means = (sum(one["corruptions"][kind]) / len(one["corruptions"][kind]) for one in results)
        table.add_row(kind.replace("_", " "), *(format_percent(mean) for mean in means))
    table.add_section()
    table.add_row("mean accuracy", *(format_percent(one["mean_corruption_accuracy"]) for one in results), style="bold")
    first = results[0]["model"]
    table.add_row(f"error by that of {first}", *(f"{one['relative_corruption_error']:.2f}" for one in results))
    return table
