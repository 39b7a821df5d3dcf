"""``clothier calibrate``.

clothier calibrate photo --data reviewed.csv --out models/shop
clothier calibrate photo --data reviewed --out models/shop --risk 0.02 --json
clothier calibrate photo --data reviewed.csv --risk auto
"""

from pathlib import Path
from typing import Annotated

import typer

from clothier.cli import output
from clothier.cli.options import (
    FileColumn,
    GroupColumn,
    Json,
    LabelColumn,
    LabelTaxonomy,
    Out,
    Risk,
    columns_from,
    confidence_level,
    drop_unset,
)
from clothier.cli.progress import progress_display
from clothier.errors import CheckFailedError

Model = Annotated[str, typer.Argument(metavar="RUN|NAME", help="A run folder, a bundle, or a bundled model.")]
ReviewedPhotos = Annotated[
    Path, typer.Option(metavar="PATH", help="Reviewed photos: a CSV, or a folder with a subfolder for each class.")
]
Confidence = Annotated[
    float,
    typer.Option(metavar="FRACTION", parser=confidence_level, help="Confidence level of the guarantee, above 0.5."),
]
Strict = Annotated[bool, typer.Option("--strict", help="Exit with 5 when no threshold meets the guarantee.")]


def calibrate(
    model: Model,
    data: ReviewedPhotos,
    out: Out = None,
    risk: Risk = None,
    confidence: Confidence = 0.95,
    file_column: FileColumn = None,
    label_column: LabelColumn = None,
    group_column: GroupColumn = None,
    taxonomy: LabelTaxonomy = None,
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Fit confidence thresholds on 300 or more reviewed photos. No training."""
    from clothier.cli.metrics_tables import calibration_table
    from clothier.workflows.calibrate import calibrate as run_calibration

    columns = columns_from(file_column, label_column, group_column)
    with progress_display() as progress:
        result = run_calibration(
            model,
            data=data,
            out=out,
            columns=columns,
            confidence_level=confidence,
            progress=progress,
            **drop_unset(risk=risk, taxonomy=taxonomy),
        )
    output.print_result(result, json, calibration_table)
    unmet = None
    if strict and not result.guarantee_met:
        unmet = CheckFailedError(f"{result.unmet} The results above are complete.")
    output.exit_on_failures((one.to_json() for one in result.failures), unmet)
