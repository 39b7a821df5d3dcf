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
    Path | None, typer.Option("--resume", metavar="DIR", help="Continue a study that was interrupted, as it was begun.")
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
    """Explore the data, train both models, compare, write report.html."""
    given = drop_unset(preset=preset, out=out, data=data, any_idx=any_idx, seed=seed)
    if resume and given:
        raise UsageError(f"--resume takes everything from the study; leave out {flag_names(given)}.")
    from clothier.workflows.study import resume_study
    from clothier.workflows.study import study as begin

    with progress_display() as progress:
        if resume:
            made = resume_study(resume, progress=progress)
        else:
            made = begin(**{"preset": DEFAULT_PRESET, "seed": DEFAULT_SEED, **given}, progress=progress)
    output.print_result(made, json, tables.study_table)
