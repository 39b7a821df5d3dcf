"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from clothier.recipes import PRESETS

DEFAULT_PRESET = "fast"
DEFAULT_SEED = 0

_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


def drop_unset(**options: object) -> dict[str, Any]:
    """The options that were given; the others keep their defaults."""
    return {name: value for name, value in options.items() if value is not None and value is not False}


def flag_names(options: dict[str, Any]) -> str:
    """Their names as they are typed: ``--seed, --time-limit``."""
    return ", ".join(f"--{name.replace('_', '-')}" for name in options)


def duration(text: str) -> float:
    """Seconds of ``90s``, ``10m`` or ``1h30m``."""
    found = _DURATION.fullmatch(text.strip())
    hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
    total = 3600.0 * hours + 60.0 * minutes + seconds
    if total == 0:
        raise typer.BadParameter(f"{text!r} is not a duration; give one such as 90s, 10m or 1h30m.")
    return total


def positive_int(raw: str | int) -> int:
    """A whole number of 1 or more."""
    text = str(raw)  # typer hands defaults in, too
    if not (text.isascii() and text.isdecimal()) or int(text) < 1:
        raise typer.BadParameter(f"{text!r} is not a whole number of 1 or more.")
    return int(text)


def seed(text: str) -> int:
    """A whole number from 0 to 2^32 - 1, what every random generator in use takes."""
    if not (text.isascii() and text.isdecimal()) or int(text) >= 2**32:
        raise typer.BadParameter(f"{text!r} is not a seed; give a whole number from 0 to {2**32 - 1}.")
    return int(text)


def probability(text: str) -> float:
    """An accuracy, 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise typer.BadParameter(f"{text!r} is not an accuracy; give a share from 0 to 1, such as 0.93.")
    return value


def open_fraction(raw: str | float) -> float:
    """A share above 0 and below 1."""
    try:
        value = float(raw)
    except ValueError:
        value = -1.0
    if not 0 < value < 1:
        raise typer.BadParameter(f"{raw!r} is not a share; give a number above 0 and below 1, such as 0.05.")
    return value


Json = Annotated[bool, typer.Option("--json", metavar="", help="Print JSON, and nothing else, on stdout.")]
Data = Annotated[
    Path | None,
    typer.Option("--data", metavar="PATH", help="Folder of the data; without it, Fashion-MNIST is found or fetched."),
]
AnyIdx = Annotated[
    bool, typer.Option("--any-idx", metavar="", help="Take any IDX files in --data, not only Fashion-MNIST's.")
]
FileColumn = Annotated[
    str, typer.Option("--file-column", metavar="NAME", help="Column of --data that names the picture files.")
]
LabelColumn = Annotated[
    str, typer.Option("--label-column", metavar="NAME", help="Column of the labels; empty is outside the classes.")
]
GroupColumn = Annotated[
    str, typer.Option("--group-column", metavar="NAME", help="Column of what belongs together: a photographer, a line.")
]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Folder for the results; without it, a new one in runs/.")
]
Preset = Annotated[
    str | None,
    typer.Option(
        "--preset",
        metavar="|".join(PRESETS),
        help="Recipe: the original study's, better in less time, as good in seconds, the best that learns from labels, "
        f"or the best of all, in hours. Default: {DEFAULT_PRESET}.",
    ),
]
Seed = Annotated[
    int | None,
    typer.Option("--seed", metavar="N", parser=seed, help=f"Seed of everything random. Default: {DEFAULT_SEED}."),
]
