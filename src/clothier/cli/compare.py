"""``clothier compare``.

clothier compare runs/cnn-fast runs/dnn-fast
clothier compare runs/cnn-fast fashion-cnn --json
"""

from typing import Annotated

import typer

from clothier.cli import output
from clothier.cli.options import AnyIdx, Data, Json
from clothier.cli.progress import progress_display

First = Annotated[str, typer.Argument(metavar="RUN", help="A run folder, a bundle, or a bundled model.")]
Second = Annotated[str, typer.Argument(metavar="RUN", help="Another.")]


def compare(first: First, second: Second, data: Data = None, any_idx: AnyIdx = False, json: Json = False) -> None:
    """Test whether two models differ on the same images (McNemar's test)."""
    from clothier.cli.metrics_tables import comparison_table
    from clothier.workflows.compare import compare as run_comparison

    with progress_display() as progress:
        comparison = run_comparison(first, second, data=data, any_idx=any_idx, progress=progress)
    output.print_result(comparison, json, comparison_table)
    output.exit_on_failures(one.to_json() for one in comparison.first.failures)
