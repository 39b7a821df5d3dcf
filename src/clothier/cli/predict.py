"""``clothier predict``."""

from pathlib import Path
from typing import Annotated

import typer

from clothier.cli import guesses, show
from clothier.cli.options import Json, count
from clothier.cli.progress import watching

Photos = Annotated[list[Path], typer.Argument(metavar="PHOTO", help="Pictures of one garment each: PNG, JPEG, ...")]
Model = Annotated[str, typer.Option("--model", metavar="RUN|NAME", help="A run folder, a bundle, or a shipped model.")]
Top = Annotated[int, typer.Option("--top", metavar="N", parser=count, help="How many classes to name per picture.")]


def predict(photos: Photos, model: Model = "fashion-cnn", top: Top = 3, json: Json = False) -> None:
    """Say what is on pictures of garments."""
    from clothier.records import FailedInput
    from clothier.workflows.predict import predict as look

    with watching() as progress:
        results = look(photos, model=model, top=top, progress=progress)
    show.answers(results, json, guesses.predictions)
    failed = [one for one in results if isinstance(one, FailedInput)]
    for one in failed:
        show.note(one.message if one.file in one.message else f"{one.file}: {one.message}")
    if failed:
        raise typer.Exit(3)
