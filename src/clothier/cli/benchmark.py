"""``clothier benchmark``."""

from typing import Annotated

import typer

from clothier.cli import show, tables
from clothier.cli.options import Json, count, only_given
from clothier.cli.progress import watching
from clothier.errors import UnknownNameError

BENCHMARKS = ("map",)
What = Annotated[str, typer.Argument(metavar="|".join(BENCHMARKS), help="What to measure.")]
Rounds = Annotated[
    int | None,
    typer.Option("--rounds", metavar="N", parser=count, help="How often each side is timed. Default: 3."),
]


def benchmark(what: What, rounds: Rounds = None, json: Json = False) -> None:
    """Measure Clothier beside its rivals on this machine, in turns."""
    if what not in BENCHMARKS:
        raise UnknownNameError(what, "benchmark", BENCHMARKS)
    from clothier.workflows.benchmark_map import benchmark_map

    with watching() as progress:
        found = benchmark_map(**only_given(rounds=rounds), progress=progress)
    show.answer(found, json, tables.benchmark)
