"""``clothier study``.

clothier study
clothier study --preset classic --seed 1
clothier study --resume runs/study-fast
"""

from pathlib import Path
from typing import Annotated

import typer

from clothier import recipes
from clothier.cli import options, output
from clothier.cli.progress import progress_display
from clothier.errors import UsageError

Resume = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Continue an interrupted study; --data may name the new place of its data."),
]


def study(
    preset: options.Preset = None,
    out: options.Out = None,
    data: options.Data = None,
    any_idx: options.AnyIdx = False,
    seed: options.Seed = None,
    resume: Resume = None,
    json: options.Json = False,
) -> None:
    """Explore the data, train both models, compare them, and write report.html."""
    place = options.drop_unset(data=data)
    given = options.drop_unset(preset=preset, out=out, any_idx=any_idx, seed=seed)
    if resume and given:
        raise UsageError(
            f"--resume takes all options but --data from the study; leave out {options.flag_names(given)}."
        )
    if preset:  # an unknown one is an error before torch is loaded
        recipes.preset("cnn", preset)
    from clothier.cli.tables import study_table
    from clothier.workflows.study import resume_study
    from clothier.workflows.study import study as run_study

    defaults = {"preset": options.DEFAULT_PRESET, "seed": options.DEFAULT_SEED}
    with progress_display() as progress:
        if resume:
            result = resume_study(resume, **place, progress=progress)
        else:
            result = run_study(**{**defaults, **given, **place}, progress=progress)
    output.print_result(result, json, study_table)
    output.exit_on_failures(result.to_json()["exploration"]["failures"])
