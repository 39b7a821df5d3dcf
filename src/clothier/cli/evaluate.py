"""``clothier evaluate``.

clothier evaluate fashion-cnn
clothier evaluate runs/cnn-fast runs/dnn-fast --json
clothier evaluate runs/cnn-fast --fail-under 0.93
clothier evaluate runs/cnn-fast --corruptions
clothier evaluate photo fashion-cnn --data photos/labels.csv
"""

from pathlib import Path
from typing import Annotated

import typer

from clothier.cli import output
from clothier.cli.options import (
    AnyIdx,
    FileColumn,
    GroupColumn,
    Json,
    LabelColumn,
    LabelTaxonomy,
    ProductColumn,
    columns_from,
    drop_unset,
    probability,
)
from clothier.cli.progress import progress_display
from clothier.errors import CheckFailedError

Models = Annotated[list[str], typer.Argument(metavar="RUN|NAME", help="Run folders, bundles, or bundled models.")]
EvaluationData = Annotated[
    Path | None,
    typer.Option(metavar="PATH", help="Folder of the data, or CSV of labeled photos. Default: Fashion-MNIST."),
]
Corruptions = Annotated[
    bool,
    typer.Option("--corruptions", help="Also evaluate on corrupted images: fifteen corruptions at five severities."),
]
FailUnder = Annotated[
    float | None,
    typer.Option(metavar="FRACTION", parser=probability, help="Exit with 5 when an accuracy is below this."),
]


def evaluate(
    models: Models,
    data: EvaluationData = None,
    any_idx: AnyIdx = False,
    file_column: FileColumn = None,
    label_column: LabelColumn = None,
    group_column: GroupColumn = None,
    product_column: ProductColumn = None,
    taxonomy: LabelTaxonomy = None,
    corruptions: Corruptions = False,
    fail_under: FailUnder = None,
    json: Json = False,
) -> None:
    """Evaluate models on the test set, or on your own labeled photos."""
    from clothier.cli.metrics_tables import evaluations_table
    from clothier.workflows.evaluate import evaluate as run_evaluation

    columns = columns_from(file_column, label_column, group_column, product_column)
    with progress_display() as progress:
        results = run_evaluation(
            models,
            data=data,
            any_idx=any_idx,
            columns=columns,
            corruptions=corruptions,
            progress=progress,
            **drop_unset(taxonomy=taxonomy),
        )
    output.print_result(results, json, evaluations_table)
    failures = {one.file: one.to_json() for result in results for one in result.failures}
    low = [one for one in results[: len(models)] if fail_under is not None and one.evaluation.accuracy < fail_under]
    unmet = None
    if low:
        reached = ", ".join(f"{one.model} reached {one.evaluation.accuracy:.4f}" for one in low)
        unmet = CheckFailedError(f"--fail-under {fail_under} failed: {reached}. The results above are complete.")
    output.exit_on_failures(failures.values(), unmet)
