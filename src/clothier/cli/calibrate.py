"""``clothier calibrate``."""

from pathlib import Path
from typing import Annotated

import typer

from clothier.cli import calibration, output
from clothier.cli.options import FileColumn, GroupColumn, Json, LabelColumn, Out, open_fraction
from clothier.cli.progress import progress_display
from clothier.errors import CheckFailedError

Model = Annotated[str, typer.Argument(metavar="RUN|NAME", help="A run folder, a bundle, or a shipped model.")]
ReviewedPhotos = Annotated[
    Path,
    typer.Option("--data", metavar="PATH", help="Reviewed photos: a CSV, or a folder with a subfolder for each class."),
]
Risk = Annotated[
    float,
    typer.Option("--risk", metavar="SHARE", parser=open_fraction, help="Share of accepted tags that may be wrong."),
]
Confidence = Annotated[
    float, typer.Option("--confidence", metavar="SHARE", parser=open_fraction, help="How surely the promise holds.")
]
Strict = Annotated[
    bool, typer.Option("--strict", metavar="", help="Exit with 5 when no probability keeps the promise.")
]


def calibrate(
    model: Model,
    data: ReviewedPhotos,
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
    with progress_display() as progress:
        made = fit(model, data=data, out=out, columns=named, risk=risk, confidence_level=confidence, progress=progress)
    output.print_result(made, json, calibration.calibration_table)
    output.print_failures(made.failures)
    if strict and not made.guarantee_met:
        raise CheckFailedError(
            f"no probability proves the promise of {risk:g} on {made.data}. The results above are whole."
        )
    if made.failures:
        raise typer.Exit(3)
