"""``clothier predict``."""

from pathlib import Path
from typing import Annotated

import typer

from clothier.cli import output, predictions
from clothier.cli.options import Json, positive_int
from clothier.cli.progress import progress_display
from clothier.types import DEFAULT_MODEL

Photos = Annotated[list[Path], typer.Argument(metavar="PHOTO", help="Pictures of one garment each: JPEG, PNG, ...")]
Model = Annotated[str, typer.Option("--model", metavar="RUN|NAME", help="A run folder, a bundle, or a shipped model.")]
Top = Annotated[
    int, typer.Option("--top", metavar="N", parser=positive_int, help="How many classes to name per picture.")
]
Taxonomy = Annotated[
    Path | None,
    typer.Option("--taxonomy", metavar="FILE", help="TOML file with your own code for each of the model's classes."),
]
SaveInputs = Annotated[
    Path | None,
    typer.Option("--show", metavar="FOLDER", help="Keep what the model saw of each picture in this folder, as PNG."),
]


def predict(
    photos: Photos,
    model: Model = DEFAULT_MODEL,
    top: Top = 3,
    taxonomy: Taxonomy = None,
    save_inputs: SaveInputs = None,
    json: Json = False,
) -> None:
    """Say what is on pictures of garments, and whether a person should look."""
    from clothier.types import FailedInput
    from clothier.workflows.predict import predict as look

    with progress_display() as progress:
        results = look(photos, model=model, top=top, taxonomy=taxonomy, save_inputs=save_inputs, progress=progress)
    output.print_results(results, json, predictions.predictions_table)
    failed = [one for one in results if isinstance(one, FailedInput)]
    output.print_failures(failed)
    if failed:
        raise typer.Exit(3)
