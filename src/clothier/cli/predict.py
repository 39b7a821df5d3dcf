"""``clothier predict``.

clothier predict shoe.png
clothier predict photos/*.jpg --model runs/cnn-fast --json
clothier predict photos/*.jpg --save-inputs inputs --taxonomy codes.toml
"""

from pathlib import Path
from typing import Annotated

import typer

from clothier.cli import output
from clothier.cli.options import Json
from clothier.cli.progress import progress_display
from clothier.types import DEFAULT_MODEL, FailedInput

Photos = Annotated[list[str], typer.Argument(metavar="PHOTO", help="Images of one garment each: JPEG, PNG, ...")]
Model = Annotated[str, typer.Option(metavar="RUN|NAME", help="A run folder, a bundle, or a bundled model.")]
Top = Annotated[int, typer.Option(metavar="N", min=1, help="Number of classes to print per image.")]
Taxonomy = Annotated[
    Path | None, typer.Option(metavar="FILE", help="TOML file with your own code for each of the model's classes.")
]
SaveInputs = Annotated[Path | None, typer.Option(metavar="DIR", help="Save each preprocessed input as PNG in DIR.")]
TrustModel = Annotated[
    bool, typer.Option("--trust-model", help="Accept tags even if the photos are unlike the training photos.")
]


def predict(
    photos: Photos,
    model: Model = DEFAULT_MODEL,
    top: Top = 3,
    taxonomy: Taxonomy = None,
    save_inputs: SaveInputs = None,
    trust_model: TrustModel = False,
    json: Json = False,
) -> None:
    """Print class, probability, and accept / review / reject for each image."""
    from clothier.cli.predictions import predictions_table
    from clothier.workflows.predict import predict as run_prediction

    with progress_display() as progress:
        results = run_prediction(
            photos,
            model=model,
            top=top,
            taxonomy=taxonomy,
            save_inputs=save_inputs,
            trust_model=trust_model,
            progress=progress,
        )
    output.print_result(results, json, predictions_table)
    output.exit_on_failures(one.to_json() for one in results if isinstance(one, FailedInput))
