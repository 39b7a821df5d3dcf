"""``clothier compare``.

clothier compare runs/cnn-fast runs/dnn-fast
clothier compare runs/cnn-fast fashion-cnn --json
clothier compare runs/photo-best photo --data photos/labels.csv
"""

from typing import Annotated

import typer

from clothier.cli import output
from clothier.cli.evaluate import EvaluationData
from clothier.cli.options import (
    AnyIdx,
    FileColumn,
    GroupColumn,
    Json,
    LabelColumn,
    LabelTaxonomy,
    columns_from,
    drop_unset,
)
from clothier.cli.progress import progress_display

First = Annotated[str, typer.Argument(metavar="RUN", help="A run folder, a bundle, or a bundled model.")]
Second = Annotated[str, typer.Argument(metavar="RUN", help="Another.")]


def compare(
    first: First,
    second: Second,
    data: EvaluationData = None,
    any_idx: AnyIdx = False,
    file_column: FileColumn = None,
    label_column: LabelColumn = None,
    group_column: GroupColumn = None,
    taxonomy: LabelTaxonomy = None,
    json: Json = False,
) -> None:
    """Test whether two models differ on the same images: a test set, or your own labeled photos."""
    from clothier.cli.metrics_tables import comparison_table
    from clothier.workflows.compare import compare as run_comparison

    columns = columns_from(file_column, label_column, group_column)
    with progress_display() as progress:
        comparison = run_comparison(
            first,
            second,
            data=data,
            any_idx=any_idx,
            columns=columns,
            progress=progress,
            **drop_unset(taxonomy=taxonomy),
        )
    output.print_result(comparison, json, comparison_table)
    failures = dict.fromkeys((*comparison.first.failures, *comparison.second.failures))
    output.exit_on_failures(one.to_json() for one in failures)
