"""The table of findings."""

import csv

from clothier.exploration.audit.findings import findings_to_csv, unreadable_rows
from clothier.types import FailedInput


def test_a_spreadsheet_executes_no_file_name() -> None:
    text = findings_to_csv(unreadable_rows([FailedInput("=1+1.png", "empty", "=1+1.png is empty.")]))
    (row,) = csv.DictReader(text.splitlines())
    assert (row["file"], row["reason"]) == ("'=1+1.png", "'=1+1.png is empty.")
