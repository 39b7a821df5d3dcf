"""``clothier study``."""

from pathlib import Path
from typing import Annotated

import typer

from clothier.cli import output, tables
from clothier.cli.options import (
    DEFAULT_PRESET,
    DEFAULT_SEED,
    AnyIdx,
    Data,
    Json,
    Out,
    Preset,
    Seed,
    drop_unset,
    flag_names,
)
from clothier.cli.progress import progress_display
from clothier.errors import UsageError

Resume = Annotated[
    Path | None, typer.Option("--resume", metavar="DIR", help="Continue an interrupted study with its own options.")
]


def study(
    preset: Preset = None,
    out: Out = None,
    data: Data = None,
    any_idx: AnyIdx = False,
    seed: Seed = None,
    resume: Resume = None,
    json: Json = False,
) -> None:
    """Explore the data, train both models, compare them, and write report.html."""
    given = drop_unset(preset=preset, out=out, data=data, any_idx=any_idx, seed=seed)
    if resume and given:
        raise UsageError(f"--resume takes all options from the study; leave out {flag_names(given)}.")
    from clothier.workflows.study import resume_study
    from clothier.workflows.study import study as run_study

    with progress_display() as progress:
        if resume:
            result = resume_study(resume, progress=progress)
        else:
            result = run_study(**{"preset": DEFAULT_PRESET, "seed": DEFAULT_SEED, **given}, progress=progress)
    output.print_result(result, json, tables.study_table)
