"""``clothier predict``.

clothier predict shoe.png
clothier predict photos --out tags.csv
clothier predict products.csv --file-column image --out tags.jsonl
clothier predict photos/*.jpg --model runs/cnn-fast --json
clothier predict photos/*.jpg --save-inputs inputs --taxonomy codes.toml
"""

from pathlib import Path
from typing import Annotated

import typer

from clothier.cli import output
from clothier.cli.options import FileColumn, Json
from clothier.cli.progress import progress_display
from clothier.types import DEFAULT_MODEL, FailedInput

Photos = Annotated[
    list[str],
    typer.Argument(
        metavar="PHOTO|FOLDER|TABLE",
        help="Images of one garment each (JPEG, PNG, ...), folders or ZIP files of them, or a table: CSV or Parquet.",
    ),
]
PredictionTable = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        metavar="FILE",
        help="Table to write: .csv, .jsonl or .parquet. The columns of a table of photos are kept.",
    ),
]
Columns = Annotated[
    str | None,
    typer.Option(
        metavar="LIST", help="Columns of the output, in order; NAME=NEW renames, '*' is all others. Default: all."
    ),
]
Model = Annotated[str, typer.Option(metavar="RUN|NAME", help="A run folder, a bundle, or a bundled model.")]
Top = Annotated[int, typer.Option(metavar="N", min=1, help="Number of classes to print per image.")]
Taxonomy = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Your own code for each of the model's classes: TOML, or a CSV.")
]
SaveInputs = Annotated[Path | None, typer.Option(metavar="DIR", help="Save each preprocessed input as PNG in DIR.")]
TrustModel = Annotated[
    bool, typer.Option("--trust-model", help="Accept tags even if the photos are unlike the training photos.")
]


def predict(
    photos: Photos,
    out: PredictionTable = None,
    model: Model = DEFAULT_MODEL,
    top: Top = 3,
    taxonomy: Taxonomy = None,
    columns: Columns = None,
    file_column: FileColumn = None,
    save_inputs: SaveInputs = None,
    trust_model: TrustModel = False,
    json: Json = False,
) -> None:
    """Print class, probability, and accept / review / reject for each image."""
    from clothier.cli.predictions import predictions_table
    from clothier.workflows.predict import predict as run_prediction

    with progress_display() as progress:
        result = run_prediction(
            photos,
            output=out,
            model=model,
            top=top,
            taxonomy=taxonomy,
            columns=columns,
            file_column=file_column,
            save_inputs=save_inputs,
            trust_model=trust_model,
            progress=progress,
        )
    output.print_result(result, json, predictions_table)
    for message in (*result.warnings, *([f"Table: {result.output}"] if result.output else [])):
        output.print_message(message)
    output.exit_on_failures(one.to_json() for one in result.predictions if isinstance(one, FailedInput))
