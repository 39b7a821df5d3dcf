"""``clothier tune``.

clothier tune dnn --search-space study
clothier tune cnn --trials 50 --time-limit 2h --json
clothier tune --resume runs/tune-dnn-study
"""

from pathlib import Path
from typing import Annotated

import typer

from clothier import recipes
from clothier.cli import output
from clothier.cli.options import AnyIdx, Data, Json, Out, Seed, drop_unset, duration, flag_names
from clothier.cli.progress import progress_display
from clothier.errors import UsageError
from clothier.recipes import search_spaces
from clothier.recipes.bounds import MANY

Model = Annotated[str | None, typer.Argument(metavar="|".join(recipes.MODELS), help="What to tune; not with --resume.")]
SearchSpace = Annotated[
    str | None,
    typer.Option(
        metavar="|".join(search_spaces.SEARCH_SPACE_NAMES),
        help=f"The study's grid (dnn), or around our own recipe. Default: {search_spaces.DEFAULT_SEARCH_SPACE}.",
    ),
]
Trials = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        max=MANY,
        help=f"Number of recipes to try. Default: the whole grid, or {search_spaces.DEFAULT_TRIALS}.",
    ),
]
TimeLimit = Annotated[
    float | None,
    typer.Option(metavar="TIME", parser=duration, help="Stop after the trial that reaches 90s, 10m, 1h30m, ..."),
]
Epochs = Annotated[
    int | None, typer.Option(metavar="N", min=1, max=MANY, help="Epochs of every trial. Default: the recipe's own.")
]
Resume = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Continue a search; --trials and --time-limit can extend it, --data name the new place of its data.",
    ),
]


def tune(
    model: Model = None,
    search_space: SearchSpace = None,
    trials: Trials = None,
    time_limit: TimeLimit = None,
    epochs: Epochs = None,
    data: Data = None,
    any_idx: AnyIdx = False,
    out: Out = None,
    seed: Seed = None,
    resume: Resume = None,
    json: Json = False,
) -> None:
    """Search for a better recipe by validation accuracy. The test set is not used."""
    limits = drop_unset(trials=trials, time_limit=time_limit)
    place = drop_unset(data=data)
    given = drop_unset(search_space=search_space, epochs=epochs, any_idx=any_idx, out=out, seed=seed)
    if resume and (model or given):
        unexpected = ", ".join(filter(None, (model, flag_names(given))))
        raise UsageError(
            f"--resume takes all but --trials, --time-limit and --data from the search; leave out {unexpected}."
        )
    if not resume and not model:
        raise UsageError(f"nothing to tune; give {' or '.join(recipes.MODELS)}, or --resume.")
    if model:  # an unknown search space is an error before torch is loaded
        search_spaces.search_space(model, search_space or search_spaces.DEFAULT_SEARCH_SPACE)
    from clothier.cli.tables import tuning_table
    from clothier.workflows.tune import TuneOptions, resume_tune
    from clothier.workflows.tune import tune as run_search

    with progress_display() as progress:
        if resume:
            result = resume_tune(resume, **limits, **place, progress=progress)
        else:
            result = run_search(TuneOptions(**drop_unset(model=model), **limits, **place, **given), progress=progress)
    output.print_result(result, json, tuning_table)
    output.exit_on_failures(result.to_json()["failures"])
