"""The commands, in the order and panels of ``clothier --help``."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from clothier.cli import calibrate, compare, data, doctor, evaluate, explore, predict, study, train, tune

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = """\
[bold]Examples[/bold]
clothier predict shoe.png    classify an image
clothier study               explore, train two models, compare: report.html
clothier train cnn           train one model into a folder in runs/
"""


class AbortError(Exception):
    """Carries KeyboardInterrupt and EOFError past typer, which would replace them by a bare "Aborted"."""


class _Command(TyperCommand):
    """A command without Python types in its help."""

    def get_params(self, ctx: Any) -> list[Any]:
        return [_hide_type(one) for one in super().get_params(ctx)]


class _CommandGroup(TyperGroup):
    """All commands."""

    def get_params(self, ctx: Any) -> list[Any]:
        return [_hide_type(one) for one in super().get_params(ctx)]

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, EOFError) as stop:
            raise AbortError from stop


def _hide_type(parameter: Any) -> Any:
    """Removes the Python types that typer shows beside arguments and ``--help``: ``<list[path]>``, ``<bool>``."""
    if parameter.name == "help":
        parameter.metavar, parameter.help = "", "Show this help and exit."
        parameter.default = False  # for None typer would load pydantic, a tenth of a second, to find its type
    elif parameter.param_type_name == "argument":
        parameter.type = copy(parameter.type)
        parameter.type.get_metavar = lambda param, ctx: ""  # noqa: ARG005 - typer's signature
    return parameter


app = typer.Typer(
    name="clothier",
    cls=_CommandGroup,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXAMPLES,
)


def _version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        typer.echo(f"clothier {version('clothier')}")
        raise typer.Exit


@app.callback()
def clothier(
    _version: Annotated[
        bool,
        typer.Option("--version", metavar="", help="Show the version and exit.", callback=_version, is_eager=True),
    ] = False,
    _debug: Annotated[
        bool, typer.Option("--debug", metavar="", help="Show the traceback of an error; can be given anywhere.")
    ] = False,
) -> None:
    """Classify images of clothes and train models that do."""


def _add(command: Callable[..., None], panel: str, *examples: str) -> None:
    """Adds a command to a panel of the help, with examples below its own help."""
    epilog = "\n".join(["[bold]Examples[/bold]", *examples])
    app.command(cls=_Command, rich_help_panel=panel, epilog=epilog)(command)


_add(
    study.study,
    "Study",
    "clothier study",
    "clothier study --preset classic --seed 1",
    "clothier study --resume runs/study-fast",
)
_add(data.data, "Study", "clothier data", "clothier data --from ~/Downloads/FashionMNIST/raw")
_add(
    explore.explore,
    "Study",
    "clothier explore",
    "clothier explore --map cnn --out runs/cnn-map",
    "clothier explore --data photos --map none",
    "clothier explore --audit labels --json",
)
_add(
    train.train,
    "Study",
    "clothier train cnn",
    "clothier train dnn --preset classic --seed 1 --out runs/dnn-seed-1",
    "clothier train cnn --recipe mine.toml --time-limit 10m",
    "clothier train --resume runs/cnn-fast",
    "clothier train --refit runs/cnn-fast",
    "clothier train photo --data photos/labels.csv --time-limit 30m",
    "torchrun --nproc-per-node 2 -m clothier train cnn",
)
_add(
    tune.tune,
    "Study",
    "clothier tune dnn --search-space study",
    "clothier tune cnn --trials 50 --time-limit 2h --json",
    "clothier tune --resume runs/tune-dnn-study",
)
_add(
    evaluate.evaluate,
    "Study",
    "clothier evaluate fashion-cnn",
    "clothier evaluate runs/cnn-fast runs/dnn-fast --json",
    "clothier evaluate runs/cnn-fast --fail-under 0.93",
    "clothier evaluate runs/cnn-fast --corruptions",
    "clothier evaluate photo fashion-cnn --data photos/labels.csv",
)
_add(
    compare.compare,
    "Study",
    "clothier compare runs/cnn-fast runs/dnn-fast",
    "clothier compare runs/cnn-fast fashion-cnn --json",
)
_add(
    predict.predict,
    "Use a model",
    "clothier predict shoe.png",
    "clothier predict photos/*.jpg --model runs/cnn-fast --json",
    "clothier predict photos/*.jpg --save-inputs inputs --taxonomy codes.toml",
)
_add(
    calibrate.calibrate,
    "Use a model",
    "clothier calibrate photo --data reviewed.csv --out models/shop",
    "clothier calibrate photo --data reviewed --out models/shop --risk 0.02 --json",
)
_add(doctor.doctor, "Machine", "clothier doctor", "clothier doctor --json")
