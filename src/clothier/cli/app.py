"""The commands, in the order and panels of ``clothier --help``."""

from __future__ import annotations

from copy import copy
from inspect import cleandoc
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.models import TyperPath

from clothier.cli import (
    calibrate,
    compare,
    data,
    doctor,
    drift,
    duplicates,
    evaluate,
    explore,
    export,
    index,
    keys,
    models,
    predict,
    review,
    serve,
    similar,
    study,
    tag,
    train,
    tune,
)
from clothier.errors import UsageError
from clothier.paths import local_path

EXAMPLES = """\
[bold]Examples[/bold]
clothier predict shoe.png    classify an image
clothier study               explore, train two models, compare: report.html
clothier train cnn           train one model into a folder in runs/
"""
PANELS = {
    "Study": (study, data, explore, train, tune, evaluate, compare),
    "Use a model": (predict, tag, review, index, similar, duplicates, export, calibrate, models, drift, serve, keys),
    "Machine": (doctor,),
}

TEXT = ("NAME", "LIST")  # metavars of text that is no path


class _Parameters:
    """Checks paths, and removes the Python types that typer shows: ``<list[path]>``, ``<bool>``."""

    def get_params(self, ctx: Any) -> list[Any]:
        parameters: list[Any] = super().get_params(ctx)  # type: ignore[misc]  # of typer's class
        return [_adapt(one) for one in parameters]


class _Command(_Parameters, TyperCommand):
    """One command."""


class _Group(_Parameters, TyperGroup):
    """All commands."""


class _LocalPath(TyperPath):
    """A path that is not empty, a URL or too long."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        try:
            local_path(value)
        except UsageError as error:
            raise typer.BadParameter(str(error), ctx, param) from error
        return value


def _to_text(value: Any, param: Any, ctx: Any) -> Any:  # noqa: ARG001 - typer's signature
    """Column names and the like are UTF-8 in files, whatever the locale: of another, Python has surrogates here."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _adapt(parameter: Any) -> Any:
    if getattr(parameter, "is_flag", False):
        parameter.metavar = ""
    if parameter.name == "help":
        parameter.help = "Show this help and exit."
        parameter.default = False  # for None typer would load pydantic, a tenth of a second, to find its type
    elif isinstance(parameter.type, TyperPath):
        parameter.type = _LocalPath()
    elif parameter.metavar in TEXT:
        parameter.type = copy(parameter.type)
        parameter.type.convert = _to_text
    if parameter.param_type_name == "argument":
        parameter.type = copy(parameter.type)
        parameter.type.get_metavar = lambda param, ctx: ""  # noqa: ARG005 - typer's signature
    return parameter


app = typer.Typer(
    name="clothier",
    cls=_Group,
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
        typer.Option("--version", help="Show the version and exit.", callback=_version, is_eager=True),
    ] = False,
    _debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error; can be given anywhere.")
    ] = False,
) -> None:
    """Classify images of clothes and train models that do."""


for _panel, _modules in PANELS.items():
    for _module in _modules:
        _examples = cleandoc((_module.__doc__ or "").partition("\n")[2])
        _register = app.command(cls=_Command, rich_help_panel=_panel, epilog=f"[bold]Examples[/bold]\n{_examples}")
        _register(getattr(_module, _module.__name__.rpartition(".")[2]))
