"""``clothier calibrate``."""

from pathlib import Path
from typing import Annotated

import typer

from clothier.cli import calibration, output
from clothier.cli.options import FileColumn, GroupColumn, Json, LabelColumn, Out, part
from clothier.cli.progress import watching
from clothier.errors import GateError

Model = Annotated[str, typer.Argument(metavar="RUN|NAME", help="A run folder, a bundle, or a shipped model.")]
Reviewed = Annotated[
    Path,
    typer.Option("--data", metavar="PATH", help="Reviewed photos: a CSV, or a folder with a subfolder for each class."),
]
Risk = Annotated[
    float, typer.Option("--risk", metavar="SHARE", parser=part, help="Share of accepted tags that may be wrong.")
]
Confidence = Annotated[
    float, typer.Option("--confidence", metavar="SHARE", parser=part, help="How surely the promise holds.")
]
Strict = Annotated[
    bool, typer.Option("--strict", metavar="", help="Exit with 5 when no probability keeps the promise.")
]


def calibrate(
    model: Model,
    data: Reviewed,
    out: Out = None,
    risk: Risk = 0.05,
    confidence: Confidence = 0.95,
    file_column: FileColumn = "file",
    label_column: LabelColumn = "label",
    group_column: GroupColumn = "sender_id",
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Learn from 300 or more reviewed photos of your own which tags need no person; without training."""
    from clothier.data.photo_csv import Columns
    from clothier.workflows.calibrate import calibrate as fit

    named = Columns(file_column, label_column, group_column)
    with watching() as progress:
        made = fit(model, data=data, out=out, columns=named, risk=risk, confidence=confidence, progress=progress)
    output.answer(made, json, calibration.calibrated)
    output.failures(made.failures)
    if strict and not made.kept:
        raise GateError(f"no probability proves the promise of {risk:g} on {made.data}. The results above are whole.")
    if made.failures:
        raise typer.Exit(3)
