"""``clothier drift``.

clothier drift --store tags.db
clothier drift --store tags.db --strict --json
"""

from typing import Annotated

import typer

from clothier.cli import output
from clothier.cli.options import Json
from clothier.cli.review import ShareAccepted, StoreName
from clothier.errors import CheckFailedError
from clothier.types import SHARE_ACCEPTED

Strict = Annotated[bool, typer.Option("--strict", help="Exit with 5 when the thresholds should be calibrated again.")]


def drift(
    store: StoreName, share_accepted: ShareAccepted = SHARE_ACCEPTED, strict: Strict = False, json: Json = False
) -> None:
    """Show how classes, confidence and corrected tags change from week to week."""
    from clothier.cli.review_tables import drift_table
    from clothier.workflows.drift import drift as run_drift

    result = run_drift(store, share_accepted=share_accepted)
    output.print_result(result, json, drift_table)
    if strict and result.reasons:
        raise CheckFailedError(f"{' '.join(result.reasons)} The results above are complete.")
