"""What is written agrees with what is built."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.main import get_command

from clothier import errors
from clothier.cli.app import app

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
COMMANDS: dict[str, Any] = get_command(app).commands  # type: ignore[attr-defined]
FENCED = re.compile(r"^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def texts(*patterns: str) -> list[Path]:
    """The project's own files, as git knows them."""
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, check=True, capture_output=True, text=True)
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def test_the_page_of_commands_is_what_help_prints(script: Callable[[str], Any]) -> None:
    written = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert written == script("tools/generate_cli_docs.py").page(), "run: make docs"


def test_every_command_has_its_section_example_and_heading() -> None:
    written = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for name, command in COMMANDS.items():
        assert f"## `clothier {name}`" in written
        assert f"clothier {name}" in command.epilog
        assert command.rich_help_panel in ("Study", "Use a model", "Machine")


def test_every_exit_code_is_written_down() -> None:
    family = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.ClothierError)]
    written = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for code in {one.exit_code for one in family} | {0, 130}:
        assert f"\n| {code} | " in written


def shell_lines(text: str) -> list[str]:
    """Lines of code blocks, and code in running text, that call the command line."""
    fenced = "\n".join(FENCED.findall(text))
    running = re.findall(r"`(clothier [^`\n]+)`", FENCED.sub("", text))
    return [line.strip(" $") for line in fenced.splitlines() if line.strip(" $").startswith("clothier ")] + running


@pytest.mark.parametrize("path", texts("*.md"), ids=lambda path: path.name)
def test_texts_name_only_commands_and_options_that_exist(path: Path) -> None:
    for line in shell_lines(path.read_text(encoding="utf-8")):
        words = line.split("#")[0].split()[1:]
        if not words or not re.fullmatch(r"[a-z]+", words[0]):
            continue
        assert words[0] in COMMANDS, f"{path.name}: {line}"
        known = {option for parameter in COMMANDS[words[0]].params for option in parameter.opts}
        named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", " ".join(words)))
        assert named <= known | {"--debug", "--help"}, f"{path.name}: {line}"


@pytest.mark.parametrize("path", texts("*.md"), ids=lambda path: path.name)
def test_texts_name_only_targets_of_the_makefile(path: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = re.findall(r"(?:^|`)make ([a-z]+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(named) <= targets


LEFTOVERS = {
    "a note to oneself": re.compile(r"\b(TODO|FIXME|XXX)\b"),
    "a path of one machine": re.compile(r"(?<![\w.~/-])/(?:root|home|work|Users)/\w"),
    "a merge conflict": re.compile(r"^(<{7}|>{7}) ", re.MULTILINE),
}


@pytest.mark.parametrize("name", LEFTOVERS)
def test_no_leftovers(name: str) -> None:
    patterns = ("*.py", "*.md", "*.toml", "*.txt", "*.j2", "*.sh", "Makefile", "NOTICE", ".ci/run")
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in texts(*patterns)
        if path != Path(__file__)
        for match in LEFTOVERS[name].finditer(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_the_environment_is_read_where_the_docs_say() -> None:
    """Every variable of ours that the code reads is in the page of commands."""
    read = {name for path in texts("src/*.py") for name in re.findall(r"CLOTHIER_[A-Z_]+", path.read_text("utf-8"))}
    written = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert [name for name in sorted(read) if name not in written] == []


def test_constraints_pin_everything_that_is_asked_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    names = {re.split(r"[<>=\[ ]", one)[0].lower() for one in asked} - {"clothier"}
    pinned = dict(
        re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert names - set(pinned) == set()
    assert pinned["torch"] == "2.13.0"
    assert not [version for version in pinned.values() if "+" in version], "a local build would satisfy nobody else"
