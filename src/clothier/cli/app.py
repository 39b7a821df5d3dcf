"""The commands, in the order and panels of ``clothier --help``; each is imported when it is run."""

from __future__ import annotations

from copy import copy
from importlib import import_module
from inspect import cleandoc
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command
from typer.models import TyperPath

from clothier.errors import UsageError
from clothier.paths import local_path

EXAMPLES = """\
[bold]Examples[/bold]
clothier predict shoe.png    classify an image
clothier study               explore, train two models, compare: report.html
clothier train cnn           train one model into a folder in runs/
"""
PANELS = {
    "Study": {
        "study": "Explore the data, train both models, compare them, and write report.html.",
        "data": "Find or download Fashion-MNIST, verify it, and print where it is.",
        "explore": "Explore the data: class counts, pixels, PCA, duplicates and a t-SNE map, as figures and HTML "
        "pages.",
        "train": "Train a DNN or a CNN, or a photo model on your own photos; metrics and model go to a run folder.",
        "tune": "Search for a better recipe by validation accuracy. The test set is not used.",
        "evaluate": "Evaluate models on the test set, or on your own labeled photos.",
        "compare": "Test whether two models differ on the same images: a test set, or your own labeled photos.",
    },
    "Use a model": {
        "predict": "Print class, probability, and accept / review / reject for each image.",
        "tag": "Tag all photos of a folder or a table. Run it again to continue, or after photos were added.",
        "review": "Look at doubtful tags and some accepted ones, and say what is right. Keys: a, 1-9, m, n, u, s, q.",
        "index": "Make an index for clothier similar. Run it again after photos were added or removed.",
        "similar": "Find the photos of an index that are most like each image.",
        "duplicates": "Find photos that show the same picture, in any size or format, and the best of each group. "
        "Deletes nothing.",
        "export": "Write accepted and reviewed tags for a shop system or a spreadsheet, or all of them for Label "
        "Studio.",
        "calibrate": "Fit confidence thresholds on 300 or more reviewed photos. No training.",
        "models": "Show the models that tagged a store, choose which one tags by default, and limit what is accepted.",
        "sources": "Show the folders, tables and uploads of a store, or remove one with its tags. Deletes no photo.",
        "drift": "Show how classes, confidence and corrected tags change from week to week.",
        "serve": "Serve the page and the HTTP API: classify, find similar photos, tag, review. Ctrl-C stops it.",
        "keys": "Create, list or revoke the keys of the HTTP API. A new key is printed once and stored nowhere.",
    },
    "Machine": {
        "doctor": "Check this machine: versions, threads, device, data, models.",
    },
}
"""Name and summary of each command: the first line of its function's docstring. ``--help`` imports no command."""

TEXT = ("NAME", "LIST")  # metavars of text that is no path


class _Parameters:
    """Checks paths, and removes the Python types that typer shows: ``<list[path]>``, ``<bool>``."""

    def get_params(self, ctx: Any) -> list[Any]:
        parameters: list[Any] = super().get_params(ctx)  # type: ignore[misc]  # of typer's class
        return [_adapt(one) for one in parameters]


class _Command(_Parameters, TyperCommand):
    """One command."""


class _Group(_Parameters, TyperGroup):
    """All commands. They have a name and a summary until one is chosen: then its module is imported."""

    def __init__(self, **options: Any) -> None:
        summaries = [
            TyperCommand(name, help=summary, rich_help_panel=panel)
            for panel, commands in PANELS.items()
            for name, summary in commands.items()
        ]
        super().__init__(**options | {"commands": summaries})

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        name, _, rest = super().resolve_command(ctx, args)
        return name, load_command(str(name)), rest


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


def load_command(name: str) -> Any:
    """A whole command: the function ``name`` of the module ``name``, whose docstring has the examples."""
    module = import_module(f"clothier.cli.{name}")
    examples = cleandoc((module.__doc__ or "").partition("\n")[2])
    alone = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)
    alone.command(cls=_Command, epilog=f"[bold]Examples[/bold]\n{examples}")(getattr(module, name))
    return get_command(alone)
