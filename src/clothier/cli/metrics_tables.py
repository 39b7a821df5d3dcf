"""Metrics of models as tables: a finished run, evaluations, a comparison, a calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group

from clothier.cli.formatting import format_accuracy, format_percent, format_percents, make_table
from clothier.selective.decisions import too_few_to_tell
from clothier.selective.shift import shift_reason
from clothier.selective.thresholds import attainable, classes_alone
from clothier.types import CatalogueShift

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType
    from rich.table import Table

MAX_KNOWN = 0.05  # of the photos of an evaluation; a few that the model was fitted to change little


def run_table(run: dict[str, Any]) -> RenderableType:
    """A finished run: its metrics and its folder; for a photo model the baseline too."""
    rows = {f"{run['model']}, {split}": run[split] for split in ("validation", "test") if run.get(split)}
    baseline = _baseline_tables(run) if "baseline_comparison" in run else ()
    return Group(_models_table(rows), *baseline, f"Run folder: {run['run']}")


def evaluations_table(results: Sequence[dict[str, Any]]) -> RenderableType:
    """One row per model; for a single one its classes; then the corruptions."""
    tables = [_models_table({one["model"]: one for one in results})]
    if len(results) == 1:
        tables.append(_classes_table(results[0]["per_class"]))
    if "corruptions" in results[0]:
        tables.append(_corruptions_table(results))
    return Group(*tables, *(part for one in results for part in _photo_parts(one)))


def comparison_table(result: dict[str, Any]) -> RenderableType:
    """Both models, and whether they differ."""
    both = _models_table({f"{side}: {result[side]['model']}": result[side] for side in ("first", "second")})
    return Group(both, *paired_test_lines("first", "second", result.get("mcnemar") or result["grouped_test"]))


def calibration_table(result: dict[str, Any]) -> RenderableType:
    """The temperature, the guarantee, and what is accepted."""
    before, after = result["before"], result["after"]
    rows = [
        ("temperature", f"{before['temperature']:.3f}", f"{after['temperature']:.3f}"),
        ("calibration error, cross-validated", format_percent(before["ece"]), format_percent(after["ece"])),
    ]
    return Group(
        make_table([result["data"], "Before", "After"], rows),
        *_threshold_lines(result["thresholds"]),
        _open_risk_line(result),
        *_ood_lines(result),
        *(f"Warning: {warning.rstrip('.')}." for warning in result["warnings"]),
        f"Model: {result['bundle']}",
    )


def paired_test_lines(first: str, second: str, test: dict[str, Any]) -> tuple[str, str]:
    """A paired test in two lines: McNemar's, or one over groups."""
    name = f"signs of {test['n_groups']:,} groups changed at random" if "n_groups" in test else "McNemar's exact test"
    low, high = (100 * end for end in test["interval"])
    interval = f"95 % interval {low:+.2f} to {high:+.2f}"
    p = f"= {test['p_value']:.3f}" if test["p_value"] >= 0.001 else "< 0.001"
    difference = f"{100 * test['difference']:+.2f} percentage points ({interval}), p {p} ({name})"
    counts = f"{first} {test['only_first']:,}, {second} {test['only_second']:,} of {test['n']:,} images"
    return f"{first} - {second}: {difference}", f"only one is correct: {counts}"


def _models_table(evaluations: dict[str, Any]) -> Table:
    """One row per evaluation."""
    table = make_table(["Model", "Accuracy", "Macro F1", "Macro recall", "ECE", "NLL", "Images"])
    for name, one in evaluations.items():
        means = format_percents(one, "macro_f1", "macro_recall", digits=2)
        table.add_row(name, format_accuracy(one), *means, f"{one['ece']:.3f}", f"{one['nll']:.3f}", _image_count(one))
    return table


def _image_count(evaluation: dict[str, Any]) -> str:
    """The number of images; and of the classes that occur, over which macro figures are, where those are not all."""
    counts = [score["n"] for score in evaluation["per_class"]]
    occurring = sum(count > 0 for count in counts)
    return f"{evaluation['n']:,}" + (f" in {occurring} of {len(counts)} classes" if occurring < len(counts) else "")


def _classes_table(scores: Sequence[dict[str, Any]]) -> Table:
    rows = ((one["class"], *format_percents(one, "precision", "recall", "f1"), f"{one['n']:,}") for one in scores)
    return make_table(["Class", "Precision", "Recall", "F1", "Images"], rows)


def _baseline_tables(run: dict[str, Any]) -> tuple[Table, str]:
    """A photo model beside its baseline."""
    both = (run["baseline_comparison"][name] for name in ("baseline", "model"))
    rows = ((one["name"], *format_percents(one, "accuracy", "macro_recall", digits=2)) for one in both)
    coverage, risk = format_percents(run["validation"], "coverage", "selective_risk")
    guarantee = run["validation"]["guarantee"]
    method = "Cross-validation" if guarantee["grouped_by"] == "photo" else "Grouped cross-validation"
    table = make_table([method, "Accuracy", "Macro recall"], rows)
    lines = [
        f"Accepts {coverage} of the photos; {risk} of those tags are wrong",
        _open_risk_line(run["validation"]),
        _guarantee_line(guarantee),
        *(sentence for sentence in (attainable(guarantee), classes_alone(guarantee)) if sentence),
        *_product_lines(run),
        f"{run['label_issues']:,} suspected label errors in audit.csv",
        *(f"Warning: {warning}" for warning in run["data"].get("warnings", ())),
    ]
    return table, "\n".join(lines)


def _photo_parts(evaluation: dict[str, Any]) -> Iterator[RenderableType]:
    """A model that abstains: its coverage, its risk and its guarantee; then the domain gap."""
    yield from _product_lines(evaluation)
    if "coverage" in evaluation:
        yield from _unlike_lines(evaluation.get("catalogue"))
        coverage, risk = format_percents(evaluation, "coverage", "selective_risk")
        yield f"{evaluation['model']} accepts {coverage} of the photos; {risk} of those tags are wrong"
        yield _open_risk_line(evaluation)
        if guarantee := evaluation["guarantee"]:
            proof = "calibrated on your photos" if guarantee["user_calibrated"] else "not calibrated on your photos"
            yield f"{_guarantee_line(guarantee)}; {proof}"
            yield from _held_lines(evaluation)
        yield from _ood_lines(evaluation)
    if "domain_gap" in evaluation:
        yield _domain_gap_table(evaluation["domain_gap"])


def _unlike_lines(shift: dict[str, Any] | None) -> Iterator[str]:
    """That nothing is accepted in an unlike catalogue, and what the figures of accepted tags are then."""
    if shift and shift["unlike"]:
        yield shift_reason(CatalogueShift(**shift))
        yield "predict and tag accept none of them without --trust-model; the lines below are with it"


def _product_lines(result: dict[str, Any]) -> Iterator[str]:
    """Accuracy of the votes of the photos of a product, beside that of the photos alone."""
    if not (products := result.get("products")):
        return
    for name, one in (("Products", products), ("Products with three photos or more", products["many_photos"])):
        votes, alone = format_percents(one, "accuracy", "photo_accuracy")
        counts = f"{one['n']:,} products, {one['n_photos']:,} photos"
        yield f"{name}: {votes} right by the vote of their photos, {alone} of the photos alone ({counts})"
    if mixed := products["n_mixed_labels"]:
        yield f"Products whose photos have several labels, left out: {mixed:,}"


def _threshold_lines(thresholds: dict[str, Any]) -> Iterator[str]:
    """The guarantee, what it rests on, and what is accepted under it."""
    guarantee = thresholds["guarantee"]
    basis = f"{guarantee['n']:,} photos, {guarantee['n_groups']:,} groups (by {guarantee['grouped_by']})"
    yield f"{_guarantee_line(guarantee)} ({basis})"
    if thresholds["min_probability"] is None:
        yield "No threshold meets the guarantee: nothing is accepted"
        yield attainable(guarantee)
        return
    minimum = format_percent(thresholds["min_probability"])
    coverage, risk = format_percents(guarantee, "coverage", "empirical_risk")
    yield f"Accepted: {coverage} of the photos, from probability {minimum}; {risk} of those tags are wrong"
    classes = ", ".join(f"{one['name']} {one['n_errors']:,} of {one['n_accepted']:,}" for one in guarantee["per_class"])
    yield f"Wrong by class: {classes}"
    if alone := classes_alone(guarantee):
        yield alone.removesuffix(".")
    if broader := guarantee["counted_as"]:
        yield f"{', '.join(broader)} count as right for any {', '.join(sorted(set(broader.values())))}"


def _guarantee_line(guarantee: dict[str, Any]) -> str:
    risk, confidence = format_percents(guarantee, "risk", "confidence_level")
    wrong = f"at most {risk} of the accepted tags wrong, {confidence} confidence"
    return f"Guarantee on photos of its classes: {wrong}"


def _held_lines(evaluation: dict[str, Any]) -> Iterator[str]:
    """Whether the photos of an evaluation keep the limit of the guarantee."""
    risk, limit = evaluation["selective_risk"], evaluation["guarantee"]["risk"]
    if risk is None:
        return
    holds = "holds" if risk <= limit else "does not hold"
    was, limited = format_percent(risk), format_percent(limit)
    found = f"{was} of the accepted tags are wrong, {limited} was the limit"
    if holds == "holds" and too_few_to_tell(evaluation["n_accepted"], limit):
        yield f"Too few photos to tell whether the guarantee holds ({evaluation['n_accepted']:,} accepted): {found}"
        return
    for work in ("trained", "calibrated"):
        known = evaluation.get(f"n_{work}_on", 0)
        if holds == "holds" and known > MAX_KNOWN * evaluation["n"]:
            yield f"{work.title()} on {known:,} of these photos: they do not show whether the guarantee holds: {found}"
            return
    yield f"The guarantee {holds} on these photos: {found}"


def _open_risk_line(selective: dict[str, Any]) -> str:
    """What the guarantee leaves out: photos of none of the classes."""
    if not selective["n_ood"]:
        return "The data has no photos outside the classes, so how many of those are accepted is unknown"
    accepted = f"Outside the classes: {selective['n_ood_accepted']:,} of {selective['n_ood']:,} photos are accepted"
    if selective["selective_risk_open"] is None:
        return accepted
    (risk,) = format_percents(selective, "selective_risk_open")
    return f"{accepted}; counting them, {risk} of the accepted tags are wrong"


def _ood_lines(result: dict[str, Any]) -> list[str]:
    auroc = result["novelty_auroc"]
    return [] if auroc is None else [f"OOD detection AUROC: {auroc:.3f}"]


def _domain_gap_table(gap: dict[str, Any]) -> Table:
    """The model and Fashion-MNIST's on the same photos, by class."""
    models = [name for name in gap if name not in {"n", "per_class"}]
    classes = (*gap["per_class"], {**gap, "class": "all"})
    rows = ((one["class"], *format_percents(one, *models), f"{one['n']:,}") for one in classes)
    return make_table(["On the same photos", *models, "Photos"], rows)


def _corruptions_table(results: Sequence[dict[str, Any]]) -> Table:
    """One row per corruption: accuracy of each model, mean over the severities; then the means."""
    table = make_table(["Corruption", *(one["model"] for one in results)])
    for kind in results[0]["corruptions"]:
        means = (sum(one["corruptions"][kind]) / len(one["corruptions"][kind]) for one in results)
        table.add_row(kind.replace("_", " "), *(format_percent(mean) for mean in means))
    table.add_section()
    table.add_row("mean accuracy", *(format_percent(one["mean_corruption_accuracy"]) for one in results), style="bold")
    first = results[0]["model"]
    table.add_row(f"error / error of {first}", *(f"{one['relative_corruption_error']:.2f}" for one in results))
    return table
