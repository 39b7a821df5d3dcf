"""What people see of a calibration: how sure the model may be, and what its accepted tags promise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.text import Text

from clothier.cli.formatting import NUMBER, WORD, columns, percent

if TYPE_CHECKING:
    from rich.console import RenderableType

    from clothier.cli.output import Answer


def calibrated(made: Answer) -> RenderableType:
    """The temperature, the promise, and the classes that keep it by themselves."""
    found = made.to_json()
    table = columns({found["data"]: WORD, "Before": NUMBER, "After": NUMBER})
    pairs = [(found["before"][name], found["after"][name]) for name in ("temperature", "ece")]
    table.add_row("temperature", *(f"{one:.3f}" for one in pairs[0]))
    table.add_row("calibration error, held out", *(percent(one) for one in pairs[1]))
    lines = [*_promise(found), *_strangers(found), *(f"Note: {note}." for note in found["notes"])]
    return Group(table, *(Text(line) for line in lines), Text(f"Model: {found['bundle']}"))


def _promise(found: dict[str, Any]) -> list[str]:
    """Whether the promise is kept, from which probability on, and what stands behind it."""
    promise = found["thresholds"]["promise"]
    stated = (
        f"at most {percent(promise['risk'])} of the accepted tags wrong, {percent(promise['confidence'])} confidence"
    )
    behind = f"{promise['photos']:,} photos, {promise['groups']:,} groups (by {promise['grouped_by']})"
    if not found["kept"]:
        return [f"No probability proves the promise ({stated}): nothing is accepted. Behind it: {behind}"]
    taken = f"Accepted from {percent(found['thresholds']['accept'])} on: {percent(promise['coverage'])} of the photos"
    wrong = f"{percent(promise['observed'])} of those tags are wrong, at most {percent(promise['bound'])} by the bound"
    return [f"Promise: {stated}, proven on your own photos ({behind})", f"{taken}; {wrong}", *_classes(promise)]


def _classes(promise: dict[str, Any]) -> list[str]:
    kept = [one["name"] for one in promise["classes"] if one["kept"]]
    return [f"Kept in a class by itself: {', '.join(kept)}"] if kept else ["No class keeps the promise by itself"]


def _strangers(found: dict[str, Any]) -> list[str]:
    if found["novelty_auroc"] is None:
        return []
    return [f"Strangers are told from garments with an AUROC of {found['novelty_auroc']:.3f}"]
