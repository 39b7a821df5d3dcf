"""How models fare, as tables: a finished run, evaluations, a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.text import Text

from clothier.cli.formatting import NUMBER, WORD, accuracy_of, columns, p_value, percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType
    from rich.table import Table

    from clothier.cli.output import Answer
    from clothier.runs import Run


def run(made: Run) -> RenderableType:
    """A finished run: its figures, and where it lies."""
    metrics = made.metrics
    parts = {f"{metrics['model']}, {part}": metrics[part] for part in ("validation", "test") if metrics.get(part)}
    return Group(_models(parts), *_before_and_after(metrics), f"Run folder: {made.path}")


def _before_and_after(metrics: dict[str, Any]) -> list[RenderableType]:
    """What fine-tuning a photo model brought; nothing for other models."""
    if "before_and_after" not in metrics:
        return []
    found = metrics["before_and_after"]
    table = columns({"Photographers kept out": WORD, "Accuracy": NUMBER, "Macro recall": NUMBER})
    for one in (found["before"], found["after"]):
        table.add_row(one["name"], percent(one["accuracy"], 2), percent(one["macro_recall"], 2))
    told = metrics["validation"]
    share = f"Accepts {percent(told['coverage'])} of the photos without a person"
    risk = "" if told["selective_risk"] is None else f", {percent(told['selective_risk'])} of those tags are wrong"
    return [table, f"{share}{risk}; {metrics['label_issues']:,} doubtful labels in audit.csv"]


def evaluations(results: Sequence[Answer]) -> RenderableType:
    """A row a model; for a single one its classes, too; then the corruptions."""
    found = [one.to_json() for one in results]
    tables: list[RenderableType] = [_models({one["model"]: one for one in found})]
    if len(found) == 1:
        tables.append(_classes(found[0]["per_class"]))
    if "corruptions" in found[0]:
        tables.append(_corruptions(found))
    return Group(*tables, *(line for one in found for line in (*_abstaining(one), *_gap(one))))


def comparison(compared: Answer) -> RenderableType:
    """Both models, and whether they differ."""
    found = compared.to_json()
    both = _models({"first": found["first"], "second": found["second"]})
    return Group(both, *paired("first", "second", found["test"]))


def paired(first: str, second: str, test: dict[str, Any]) -> tuple[str, str]:
    """McNemar's test in two sentences."""
    low, high = (100 * end for end in test["interval"])
    interval = f"95 % interval {low:+.2f} to {high:+.2f}"
    p = p_value(test["p_value"])
    verdict = f"{100 * test['difference']:+.2f} points ({interval}), p {p} (McNemar's exact test)"
    alone = f"{first} {test['only_first']:,}, {second} {test['only_second']:,} of {test['n']:,} pictures"
    return f"{first} less {second}: {verdict}", f"right where the other is wrong: {alone}"


def _models(evaluations: dict[str, Any]) -> Table:
    """A row an evaluation, by name."""
    numbers = ("Accuracy", "Macro F1", "Macro recall", "ECE", "NLL", "Pictures")
    table = columns({"Model": WORD, **dict.fromkeys(numbers, NUMBER)})
    for name, one in evaluations.items():
        table.add_row(
            name if "model" not in one or one["model"] == name else f"{name}: {one['model']}",
            accuracy_of(one),
            percent(one["macro_f1"], 2),
            percent(one["macro_recall"], 2),
            f"{one['ece']:.3f}",
            f"{one['nll']:.3f}",
            f"{one['n']:,}",
        )
    return table


def _classes(scores: Sequence[dict[str, Any]]) -> Table:
    """A row a class."""
    table = columns({"Class": WORD, "Precision": NUMBER, "Recall": NUMBER, "F1": NUMBER, "Pictures": NUMBER})
    for one in scores:
        shares = (percent(one[name]) for name in ("precision", "recall", "f1"))
        table.add_row(one["class"], *shares, f"{one['n']:,}")
    return table


def _abstaining(one: dict[str, Any]) -> list[RenderableType]:
    """How a model fares that may ask a person: what it accepts, what is wrong among that, and what it promised."""
    if "coverage" not in one:
        return []
    risk, with_strangers = _share(one["selective_risk"]), _share(one["selective_risk_open"])
    wrong = f"{risk} of those tags are wrong, {with_strangers} where strangers count"
    lines = [f"{one['model']} accepts {_share(one['coverage'])} of the pictures; {wrong}"]
    if one["promise"]:
        lines.append(_promised(one["promise"]))
    if one["novelty_auroc"] is not None:
        lines.append(f"Strangers are told from garments with an AUROC of {one['novelty_auroc']:.3f}")
    return [Text(line) for line in lines]


def _promised(promise: dict[str, Any]) -> str:
    confidence = f"with {percent(promise['confidence'])} confidence"
    proof = "proven on your own photos" if promise["own"] else "unproven for this catalogue"
    return f"Its promise: at most {percent(promise['risk'])} of the accepted tags wrong, {confidence}; {proof}"


def _gap(one: dict[str, Any]) -> list[RenderableType]:
    """The model beside Fashion-MNIST's on the same photos, class by class."""
    if "domain_gap" not in one:
        return []
    gap = one["domain_gap"]
    models = [name for name in gap if name not in {"n", "per_class"}]
    table = columns({"On the same photos": WORD, **dict.fromkeys(models, NUMBER), "Photos": NUMBER})
    for row in gap["per_class"]:
        table.add_row(row["class"], *(percent(row[name]) for name in models), f"{row['n']:,}")
    table.add_section()
    table.add_row("all", *(percent(gap[name]) for name in models), f"{gap['n']:,}", style="bold")
    return [table]


def _share(share: float | None) -> str:
    return "none" if share is None else percent(share)


def _corruptions(found: Sequence[dict[str, Any]]) -> Table:
    """A row a corruption: accuracy of each model, mean over the severities; then the means."""
    table = columns({"Corruption": WORD, **{one["model"]: NUMBER for one in found}})
    for kind in found[0]["corruptions"]:
        means = (sum(one["corruptions"][kind]) / len(one["corruptions"][kind]) for one in found)
        table.add_row(kind.replace("_", " "), *(percent(mean) for mean in means))
    table.add_section()
    table.add_row("mean accuracy", *(percent(one["mean_corruption_accuracy"]) for one in found), style="bold")
    first = found[0]["model"]
    table.add_row(f"error by that of {first}", *(f"{one['relative_corruption_error']:.2f}" for one in found))
    return table
