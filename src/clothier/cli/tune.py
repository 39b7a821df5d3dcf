"""``clothier tune``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clothier import recipes
from clothier.cli import output, tables
from clothier.cli.options import AnyIdx, Data, Json, Out, Seed, count, duration, only_given, spelt
from clothier.cli.progress import watching
from clothier.errors import UsageError
from clothier.recipes import search_spaces

if TYPE_CHECKING:
    from clothier.workflows.tune import Tuning

Model = Annotated[str | None, typer.Argument(metavar="|".join(recipes.MODELS), help="What to tune; not with --resume.")]
Space = Annotated[
    str | None,
    typer.Option(
        "--space",
        metavar="|".join(search_spaces.NAMES),
        help=f"The study's grid (dnn), or around our own recipe. Default: {search_spaces.DEFAULT_SPACE}.",
    ),
]
Trials = Annotated[
    int | None,
    typer.Option(
        "--trials",
        metavar="N",
        parser=count,
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
    typer.Option("--epochs", metavar="N", parser=count, help="Epochs of every trial. Default: the recipe's own."),
]
Resume = Annotated[
    Path | None,
    typer.Option(
        "--resume", metavar="DIR", help="Continue a search; --trials and --time-limit, given besides, extend it."
    ),
]


def tune(
    model: Model = None,
    space: Space = None,
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
    length = only_given(trials=trials, time_limit=time_limit)
    given = only_given(space=space, epochs=epochs, data=data, any_idx=any_idx, out=out, seed=seed)
    if resume:
        found = _resumed(resume, length, ", ".join(filter(None, (model, spelt(given)))))
    elif model:
        found = _begun(model, {**length, **given})
    else:
        raise UsageError(f"nothing to tune was named; give {' or '.join(recipes.MODELS)}, or --resume.")
    output.answer(found, json, tables.tuning)


def _begun(model: str, given: dict[str, Any]) -> "Tuning":
    search_spaces.space(
        model, given.get("space", search_spaces.DEFAULT_SPACE)
    )  # an unknown one is told before torch is loaded
    from clothier.workflows.tune import TuneOptions
    from clothier.workflows.tune import tune as work

    with watching() as progress:
        return work(TuneOptions(model=model, **given), progress=progress)


def _resumed(folder: Path, length: dict[str, Any], extra: str) -> "Tuning":
    if extra:
        raise UsageError(f"--resume takes all but --trials and --time-limit from the search; leave out {extra}.")
    from clothier.workflows.tune import resume_tune as work

    with watching() as progress:
        return work(folder, **length, progress=progress)
