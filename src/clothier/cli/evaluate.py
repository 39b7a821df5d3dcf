"""``clothier evaluate``."""

from pathlib import Path
from typing import Annotated

import typer

from clothier.cli import metrics_tables, output
from clothier.cli.options import AnyIdx, FileColumn, GroupColumn, Json, LabelColumn, probability
from clothier.cli.progress import progress_display
from clothier.errors import CheckFailedError

Models = Annotated[list[str], typer.Argument(metavar="RUN|NAME", help="Run folders, bundles, or shipped models.")]
EvaluationData = Annotated[
    Path | None,
    typer.Option(
        "--data", metavar="PATH", help="Folder of the data, or CSV of labelled photos; without it, Fashion-MNIST."
    ),
]
Corruptions = Annotated[
    bool,
    typer.Option(
        "--corruptions", metavar="", help="Measure on corrupted pictures as well: fifteen kinds, five severities each."
    ),
]
FailUnder = Annotated[
    float | None,
    typer.Option(
        "--fail-under", metavar="SHARE", parser=probability, help="Exit with 5 when an accuracy is below this."
    ),
]


def evaluate(
    models: Models,
    data: EvaluationData = None,
    any_idx: AnyIdx = False,
    file_column: FileColumn = "file",
    label_column: LabelColumn = "label",
    group_column: GroupColumn = "sender_id",
    corruptions: Corruptions = False,
    fail_under: FailUnder = None,
    json: Json = False,
) -> None:
    """Measure models on test pictures that they never saw, or on your own labelled photos."""
    from clothier.data.photo_csv import Columns
    from clothier.workflows.evaluate import evaluate as measure

    named = Columns(file_column, label_column, group_column)
    with progress_display() as progress:
        results = measure(models, data=data, any_idx=any_idx, columns=named, corruptions=corruptions, progress=progress)
    output.print_results(results, json, metrics_tables.evaluations_table)
    failed = {one.file: one for result in results if result.photos for one in result.photos.failures}
    output.print_failures(failed.values())
    low = [one for one in results[: len(models)] if fail_under is not None and one.evaluation.accuracy < fail_under]
    if low:
        found = ", ".join(f"{one.model} reached {one.evaluation.accuracy:.4f}" for one in low)
        raise CheckFailedError(
            f"the gate of --fail-under {fail_under} is not met: {found}. The results above are whole."
        )
    if failed:
        raise typer.Exit(3)
