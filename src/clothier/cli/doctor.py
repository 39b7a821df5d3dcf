"""``clothier doctor``.

clothier doctor
clothier doctor --json
"""

from clothier.cli import output
from clothier.cli.options import Json


def doctor(json: Json = False) -> None:
    """Check this machine: versions, threads, device, data, models."""
    from clothier.cli.tables import doctor_table
    from clothier.workflows.doctor import run_checks

    output.print_result(run_checks(), json, doctor_table)
