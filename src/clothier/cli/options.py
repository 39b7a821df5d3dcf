"""Options that several commands share, and parsers of their values."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from clothier.data.columns import Columns
from clothier.recipes import PRESETS
from clothier.selective.thresholds import AUTO_RISK, DEFAULT_RISK, MIN_CONFIDENCE_LEVEL

DEFAULT_PRESET = "fast"
DEFAULT_SEED = 0

_DURATION = re.compile(r"(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?")
_COLUMNS = Columns()


def drop_unset(**options: object) -> dict[str, Any]:
    """The options that were given; the others keep their defaults."""
    return {name: value for name, value in options.items() if value is not None and value is not False}


def flag_names(options: dict[str, Any]) -> str:
    """Their names as they are typed: ``--seed, --time-limit``."""
    return ", ".join(f"--{name.replace('_', '-')}" for name in options)


def columns_from(file: str | None, label: str | None, group: str | None, product: str | None = None) -> Columns:
    """The columns of a CSV of photos; those that are None keep their usual names.

    Without a group column, photos are grouped by their product.
    """
    return Columns(**drop_unset(file=file, label=label, group=group or product, product=product))


def duration(text: str) -> float:
    """Seconds of ``90s``, ``10m`` or ``1h30m``."""
    found = _DURATION.fullmatch(text.strip())
    hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
    total = 3600.0 * hours + 60.0 * minutes + seconds
    if total == 0:
        raise typer.BadParameter(f"{text[:40]!r} is not a duration; give one such as 90s, 10m or 1h30m.")
    return total


def probability(text: str) -> float:
    """A number from 0 to 1. Typer's ranges accept NaN, and ``accuracy < nan`` is false."""
    with suppress(ValueError):
        if 0 <= float(text) <= 1:
            return float(text)
    raise typer.BadParameter(f"{text!r} is out of range; give a number from 0 to 1, such as 0.93.")


def open_fraction(value: str | float, low: float = 0, example: float = 0.05) -> float:
    """A number above ``low`` and below 1."""
    with suppress(ValueError):
        if low < float(value) < 1:
            return float(value)
    raise typer.BadParameter(f"{value!r} is out of range; give a number above {low} and below 1, such as {example}.")


def confidence_level(value: str | float) -> float:
    """A number above 0.5 and below 1."""
    return open_fraction(value, MIN_CONFIDENCE_LEVEL, 0.95)


def risk_or_auto(value: str | float) -> float | str:
    """A number above 0 and below 1, or ``auto``."""
    if value == AUTO_RISK:
        return AUTO_RISK
    with suppress(typer.BadParameter):
        return open_fraction(value)
    raise typer.BadParameter(
        f"{value!r} is out of range; give {AUTO_RISK}, or a number above 0 and below 1, such as 0.05."
    )


Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on stdout.")]
Data = Annotated[
    Path | None, typer.Option(metavar="PATH", help="Folder of the data. Default: Fashion-MNIST, found or downloaded.")
]
AnyIdx = Annotated[bool, typer.Option("--any-idx", help="Accept any IDX files in --data, not only Fashion-MNIST's.")]
FileColumn = Annotated[
    str | None, typer.Option(metavar="NAME", help=f"Column with the image files. Default: {_COLUMNS.file}.")
]
LabelColumn = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help=f"Column with the labels; an empty label means none of the classes. Default: {_COLUMNS.label}.",
    ),
]
GroupColumn = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help=f"Column that identifies related photos (photographer, product). Default: {_COLUMNS.group}.",
    ),
]
ProductColumn = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Column that identifies the photos of one product, which then vote on its class."
    ),
]
LabelTaxonomy = Annotated[
    Path | None,
    typer.Option("--taxonomy", metavar="FILE", help="Your own code for each class (TOML, CSV); labels may be codes."),
]
Out = Annotated[Path | None, typer.Option(metavar="DIR", help="Folder for the results. Default: a new one in runs/.")]
Risk = Annotated[
    str | None,  # Typer has no type for a number or a word
    typer.Option(
        metavar="FRACTION|auto",
        parser=risk_or_auto,
        help="Fraction of the accepted tags that may be wrong. auto: the strictest that the photos prove with half of "
        f"them accepted. Default: {DEFAULT_RISK}.",
    ),
]
PRESET_MEANINGS = (
    "classic: the reference study's. fast: more accurate in less time. sprint: as accurate, in seconds. large: the "
    f"most accurate without distillation. best: distilled from two large models, in hours. Default: {DEFAULT_PRESET}."
)
Preset = Annotated[str | None, typer.Option(metavar="|".join(PRESETS), help=f"Recipe. {PRESET_MEANINGS}")]
Seed = Annotated[
    int | None, typer.Option(metavar="N", min=0, max=2**32 - 1, help=f"Random seed. Default: {DEFAULT_SEED}.")
]
