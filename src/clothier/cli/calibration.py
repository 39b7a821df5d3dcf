"""What people see of a calibration: how sure the model may be, and what its accepted tags promise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.text import Text

from clothier.cli.formatting import NUMBER, TEXT, format_percent, make_table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from clothier.cli.output import JsonResult


def calibration_table(result: JsonResult) -> RenderableType:
    """The temperature, the promise, and the classes that keep it by themselves."""
    found = result.to_json()
    table = make_table({found["data"]: TEXT, "Before": NUMBER, "After": NUMBER})
    pairs = [(found["before"][name], found["after"][name]) for name in ("temperature", "ece")]
    table.add_row("temperature", *(f"{one:.3f}" for one in pairs[0]))
    table.add_row("calibration error, held out", *(format_percent(one) for one in pairs[1]))
    lines = [*_guarantee_lines(found), *_ood_lines(found), *(f"Note: {note}." for note in found["notes"])]
    return Group(table, *(Text(line) for line in lines), Text(f"Model: {found['bundle']}"))


def _guarantee_lines(result: dict[str, Any]) -> list[str]:
    """Whether the promise is kept, from which probability on, and what stands behind it."""
    promise = result["thresholds"]["promise"]
    stated = f"at most {format_percent(promise['risk'])} of the accepted tags wrong, {format_percent(promise['confidence'])} confidence"
    behind = f"{promise['photos']:,} photos, {promise['groups']:,} groups (by {promise['grouped_by']})"
    if not result["kept"]:
        return [f"No probability proves the promise ({stated}): nothing is accepted. Behind it: {behind}"]
    taken = f"Accepted from {format_percent(result['thresholds']['accept'])} on: {format_percent(promise['coverage'])} of the photos"
    wrong = f"{format_percent(promise['observed'])} of those tags are wrong, at most {format_percent(promise['bound'])} by the bound"
    return [f"Promise: {stated}, proven on your own photos ({behind})", f"{taken}; {wrong}", *_class_lines(promise)]


def _class_lines(guarantee: dict[str, Any]) -> list[str]:
    kept = [one["name"] for one in guarantee["classes"] if one["kept"]]
    return [f"Kept in a class by itself: {', '.join(kept)}"] if kept else ["No class keeps the promise by itself"]


def _ood_lines(result: dict[str, Any]) -> list[str]:
    if result["novelty_auroc"] is None:
        return []
    return [f"Strangers are told from garments with an AUROC of {result['novelty_auroc']:.3f}"]
