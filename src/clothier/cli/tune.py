"""``clothier tune``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clothier import recipes
from clothier.cli import output, tables
from clothier.cli.options import AnyIdx, Data, Json, Out, Seed, drop_unset, duration, flag_names, positive_int
from clothier.cli.progress import progress_display
from clothier.errors import UsageError
from clothier.recipes import search_spaces

if TYPE_CHECKING:
    from clothier.workflows.tune import TuneRun

Model = Annotated[str | None, typer.Argument(metavar="|".join(recipes.MODELS), help="What to tune; not with --resume.")]
SearchSpace = Annotated[
    str | None,
    typer.Option(
        "--space",
        metavar="|".join(search_spaces.SEARCH_SPACE_NAMES),
        help=f"The study's grid (dnn), or around our own recipe. Default: {search_spaces.DEFAULT_SEARCH_SPACE}.",
    ),
]
Trials = Annotated[
    int | None,
    typer.Option(
        "--trials",
        metavar="N",
        parser=positive_int,
        help=f"How many recipes to try. Default: a whole grid, or {search_spaces.DEFAULT_TRIALS}.",
    ),
]
TimeLimit = Annotated[
    float | None,
    typer.Option(
        "--time-limit", metavar="TIME", parser=duration, help="End with the trial that reaches 90s, 10m, 1h30m, ..."
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(
        "--epochs", metavar="N", parser=positive_int, help="Epochs of every trial. Default: the recipe's own."
    ),
]
Resume = Annotated[
    Path | None,
    typer.Option(
        "--resume", metavar="DIR", help="Continue a search; --trials and --time-limit, given besides, extend it."
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
    """Search for a better recipe, by validation accuracy.

    The test images are not looked at. A search that was interrupted goes on when its command is repeated.
    """
    length = drop_unset(trials=trials, time_limit=time_limit)
    given = drop_unset(space=search_space, epochs=epochs, data=data, any_idx=any_idx, out=out, seed=seed)
    if resume:
        found = _resume(resume, length, ", ".join(filter(None, (model, flag_names(given)))))
    elif model:
        found = _start(model, {**length, **given})
    else:
        raise UsageError(f"nothing to tune was named; give {' or '.join(recipes.MODELS)}, or --resume.")
    output.print_result(found, json, tables.tuning_table)


def _start(model: str, options: dict[str, Any]) -> "TuneRun":
    search_spaces.search_space(
        model, options.get("space", search_spaces.DEFAULT_SEARCH_SPACE)
    )  # an unknown one is told before torch is loaded
    from clothier.workflows.tune import TuneOptions
    from clothier.workflows.tune import tune as work

    with progress_display() as progress:
        return work(TuneOptions(model=model, **options), progress=progress)


def _resume(folder: Path, limits: dict[str, Any], unexpected: str) -> "TuneRun":
    if unexpected:
        raise UsageError(f"--resume takes all but --trials and --time-limit from the search; leave out {unexpected}.")
    from clothier.workflows.tune import resume_tune as work

    with progress_display() as progress:
        return work(folder, **limits, progress=progress)
