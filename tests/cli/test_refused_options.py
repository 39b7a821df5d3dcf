"""What no option can be is refused at once: with a sentence that names the option, with 2, before the work begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from typer.models import TyperPath

from clothier.cli.app import PANELS, load_command

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import CliResult, FakeWorkflows

    Runner = Callable[..., CliResult]

COMMANDS: dict[str, Any] = {name: load_command(name) for commands in PANELS.values() for name in commands}
PATHS = ["", "https://example.com/photos", "s3://bucket/photos", "a" * 300]
NUMBERS = ["", "nan", "-1", "1e300", "-inf", "1" + 30 * "0", "one", 400 * "9", "1_0h"]


def options(is_wanted: Callable[[Any], bool]) -> list[Any]:
    found = []
    for name, command in COMMANDS.items():
        context = command.make_context(name, [], resilient_parsing=True)
        for one in command.get_params(context):
            if is_wanted(one):
                found.append(pytest.param(name, one, id=f"{name} {one.name}"))  # noqa: PERF401
    return found


def is_number(option: Any) -> bool:
    return type(option.type).__name__ in ("IntRange", "FloatRange", "IntParamType", "FloatParamType", "FuncParamType")


def command_line(command: str, option: Any, value: str) -> list[str]:
    return [command, value] if option.param_type_name == "argument" else [command, f"{option.opts[0]}={value}"]


@pytest.mark.parametrize("value", PATHS, ids=lambda value: value[:20] or "empty")
@pytest.mark.parametrize(("command", "option"), options(lambda one: isinstance(one.type, TyperPath)))
def test_paths(run: Runner, fake_workflows: FakeWorkflows, command: str, option: Any, value: str) -> None:
    """Every path of every command, also of those that are still to come."""
    ended = run(*command_line(command, option, value))
    shown = option.opts[0] if option.param_type_name == "option" else option.make_metavar(None).strip("[]")
    assert (ended.code, ended.stdout, fake_workflows.calls) == (2, "", [])
    assert shown in ended.stderr
    assert ("is a URL" if "://" in value else "too long" if value else "is empty") in ended.stderr


@pytest.mark.parametrize("value", NUMBERS, ids=lambda value: value[:20] or "empty")
@pytest.mark.parametrize(("command", "option"), options(is_number))
def test_numbers(run: Runner, fake_workflows: FakeWorkflows, command: str, option: Any, value: str) -> None:
    ended = run(*command_line(command, option, value))
    if option.name == "top" and value.isdecimal():
        return  # more classes than there are: all are printed
    assert (ended.code, ended.stdout, fake_workflows.calls) == (2, "", [])
    assert option.name.replace("_", "-") in ended.stderr
    assert "internal error" not in ended.stderr


@pytest.mark.parametrize("value", ["nan", "inf", "0", "0.99", "-30"])
def test_a_perplexity_that_no_map_can_have(run: Runner, fake_workflows: FakeWorkflows, value: str) -> None:
    ended = run("explore", f"--perplexity={value}")
    assert (ended.code, fake_workflows.calls) == (2, [])
    assert "it must be a number from 1 to 1,000,000" in ended.stderr


@pytest.mark.parametrize(
    "words",
    ["explore --map none --audit twice", "explore --map photo", "study --preset fats", "tune dnn --search-space x"],
)
def test_names_that_do_not_exist(run: Runner, fake_workflows: FakeWorkflows, words: str) -> None:
    assert run(*words.split()).code == 2
    assert fake_workflows.calls == []


def test_photos_fail_one_by_one(run: Runner, fake_workflows: FakeWorkflows) -> None:
    assert run("predict", "", "https://example.com/shoe.jpg", "shoe.jpg").code == 0
    assert fake_workflows.only_call["photos"] == ["", "https://example.com/shoe.jpg", "shoe.jpg"]
