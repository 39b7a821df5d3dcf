"""``clothier benchmark``."""

from importlib import import_module
from typing import Annotated

import typer

from clothier.cli import show, tables
from clothier.cli.options import Json, count, only_given
from clothier.cli.progress import watching
from clothier.errors import UnknownNameError

BENCHMARKS = ("training", "inference", "map")
"""Each is the function ``benchmark_NAME`` of the workflow ``benchmark/NAME``."""

What = Annotated[str, typer.Argument(metavar="|".join(BENCHMARKS), help="What to measure.")]
Rounds = Annotated[
    int | None,
    typer.Option(
        "--rounds", metavar="N", parser=count, help="How often each side is timed. Default: 3 of map, 5 of the others."
    ),
]


def benchmark(what: What, rounds: Rounds = None, json: Json = False) -> None:
    """Measure Clothier beside its rivals on this machine, in turns."""
    if what not in BENCHMARKS:
        raise UnknownNameError(what, "benchmark", BENCHMARKS)
    measure = getattr(import_module(f"clothier.workflows.benchmark.{what}"), f"benchmark_{what}")
    with watching() as progress:
        found = measure(**only_given(rounds=rounds), progress=progress)
    show.answer(found, json, tables.benchmark)
