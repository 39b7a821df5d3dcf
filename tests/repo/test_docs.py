"""The documents agree with the code: commands, options, make targets, links, environment variables, pinned versions."""

from __future__ import annotations

import importlib
import inspect
import itertools
import json
import pkgutil
import re
import shlex
import subprocess
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clothier
from clothier import bundle, errors, recipes, workflows
from clothier.api import server
from clothier.cli.app import PANELS, load_command
from clothier.cli.main import main
from clothier.report.limitations import UPPER_BODY_CLASSES, error_fraction_within
from clothier.selective.shift import LEVEL, MAX_LEVEL, MIN_GROUPS
from clothier.training.options import TrainOptions, to_config
from tools import generate_cli_docs, generate_recipe_docs

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "clothier"
CLI_PAGE = ROOT / "docs" / "cli.md"
SUMMARIES = {name: summary for commands in PANELS.values() for name, summary in commands.items()}
COMMANDS: dict[str, Any] = {name: load_command(name) for name in SUMMARIES}
FENCED = re.compile(r"^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^]]*]\(([^)#\s]+)[^)]*\)")
TARGET = re.compile(r"^([a-z][a-z -]*):(?!=)", re.MULTILINE)


def tracked(*patterns: str) -> list[Path]:
    """The project's own files, as git knows them."""
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, check=True, capture_output=True, text=True)
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_cli_page_is_what_help_prints() -> None:
    assert CLI_PAGE.read_text(encoding="utf-8") == generate_cli_docs.page(), "run: make cli-docs"


def test_every_field_of_a_recipe_is_documented() -> None:
    page = generate_recipe_docs.PAGE.read_text(encoding="utf-8")
    assert page == generate_recipe_docs.page(), "run: make cli-docs"
    for _, part in generate_recipe_docs.PARTS:
        undocumented = {one.name for one in fields(part)} - set(generate_recipe_docs.attributes(part))
        assert undocumented <= {"kind"}, part


def test_every_command_has_a_section_an_example_and_its_summary() -> None:
    written = CLI_PAGE.read_text(encoding="utf-8")
    for name, command in COMMANDS.items():
        assert f"## `clothier {name}`" in written
        assert f"clothier {name}" in command.epilog
        assert command.help == SUMMARIES[name], "cli/app.py repeats the docstring of the command"


def test_every_error_code_of_a_photo_is_documented() -> None:
    """Those of `error.code`, where photos are listed, read, tagged and predicted."""
    places = [
        *tracked(*(f"src/clothier/{name}/*.py" for name in ("data/photos", "data/photo_sources", "inference"))),
        PACKAGE / "catalogue/tagger.py",
    ]
    raised = re.compile(r'(?:(?:ImageError|fails)\(|FailedInput\([^,]+,)\s*"([a-z-]+)"')
    codes = {code for path in places for code in raised.findall(path.read_text(encoding="utf-8"))}
    guide = (ROOT / "docs/tag-your-photos.md").read_text(encoding="utf-8")
    table = guide.split("| code | meaning | what to do |")[1].split("\n\n")[0]
    assert {"truncated", "unsafe-path", "duplicate", "not-saved"} <= codes, "the pattern finds them"
    assert codes - set(re.findall(r"`([a-z-]+)`", table)) == set()


def test_every_exit_code_is_documented() -> None:
    family = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.ClothierError)]
    written = CLI_PAGE.read_text(encoding="utf-8")
    for code in {one.exit_code for one in family} | {0, 130, 141}:
        assert f"\n| {code} | " in written


def shell_lines(text: str) -> list[str]:
    """Lines of code blocks, and code in running text, that call the command line."""
    fenced = "\n".join(FENCED.findall(text))
    running = re.findall(r"`(clothier [^`\n]+)`", FENCED.sub("", text))
    return [line.strip(" $") for line in fenced.splitlines() if line.strip(" $").startswith("clothier ")] + running


@pytest.mark.parametrize("path", tracked("*.md"), ids=name_of)
def test_documents_name_only_commands_and_options_that_exist(path: Path) -> None:
    for line in shell_lines(path.read_text(encoding="utf-8")):
        words = line.split("#")[0].split()[1:]
        if not words or not re.fullmatch(r"[a-z]+", words[0]):
            continue
        assert words[0] in COMMANDS, f"{path.name}: {line}"
        known = {option for parameter in COMMANDS[words[0]].params for option in parameter.opts}
        named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", " ".join(words)))
        assert named <= known | {"--debug", "--help"}, f"{path.name}: {line}"


class Reached(errors.ClothierError):
    """A command line was understood: its workflow began."""

    exit_code = 99


@pytest.fixture
def no_workflow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder with the files that the command line itself reads; the first step of each command ends it."""

    def stop(*_: Any, **__: Any) -> None:
        raise Reached("the workflow")

    for info in pkgutil.iter_modules(workflows.__path__, "clothier.workflows."):
        module = importlib.import_module(info.name)
        for name, value in vars(module).items():
            if inspect.isfunction(value) and value.__module__ == info.name:
                monkeypatch.setattr(module, name, stop)
    monkeypatch.setattr(server, "serve", stop)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "benchmarks").symlink_to(ROOT / "benchmarks")
    for name in ("mine.toml", "photo.toml"):
        (tmp_path / name).write_text("epochs = 8\n")
    config = tmp_path / "runs/cnn-fast/config.json"
    config.parent.mkdir(parents=True)
    config.write_text(json.dumps(to_config(TrainOptions(recipe=recipes.preset("cnn", "fast")))))


def shown_commands(path: Path) -> list[str]:
    """The whole commands that a document shows, or the help of a command."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return re.findall(r"^clothier .*", text.split('"""')[1], re.MULTILINE)
    in_tables = re.findall(r"\| `(clothier [a-z]+ [^`\n]+)`", text)
    return shell_lines("\n".join(found[0] for found in FENCED.finditer(text))) + in_tables


@pytest.mark.usefixtures("no_workflow")
@pytest.mark.parametrize("path", [*tracked("README.md", "docs/*.md", "src/clothier/cli/*.py")], ids=name_of)
def test_documents_show_only_command_lines_that_are_accepted(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The page of the command line wraps its examples, which are those of the modules."""
    for line in shown_commands(path) if path != CLI_PAGE else ():
        words = list(itertools.takewhile(lambda word: word != "|", shlex.split(line, comments=True)[1:]))
        assert main(words) == Reached.exit_code, f"{line}: {capsys.readouterr().err}"


@pytest.mark.parametrize("path", tracked("*.md", "*.yml"), ids=name_of)
def test_documents_name_only_targets_of_the_makefile(path: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.findall(r"^BENCHMARKS := (.*)$", makefile, re.MULTILINE)
    targets = {name for line in [*TARGET.findall(makefile), *phony] for name in line.split()}
    named = re.findall(r"(?:^|`|run: )make ([a-z][a-z-]*)", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(named) <= targets


def test_make_figures_runs_or_names_every_benchmark() -> None:
    figures = (ROOT / "Makefile").read_text(encoding="utf-8").split("\nfigures:")[1].split("\n\n")[0]
    written = set(re.findall(r"(?:benchmarks\.|make benchmark-)(\w+)", figures))
    called = re.compile(r"= make_parser\(|^    run_benchmark\(", re.MULTILINE)
    measuring = {path.stem for path in tracked("benchmarks/*.py") if called.search(path.read_text(encoding="utf-8"))}
    assert measuring - {"results"} == written - {"tables"}


@pytest.mark.parametrize("path", tracked("*.md"), ids=name_of)
def test_relative_links_lead_to_files(path: Path) -> None:
    links = LINK.findall(FENCED.sub("", path.read_text(encoding="utf-8")))
    missing = [link for link in links if "://" not in link and not (path.parent / link).exists()]
    assert missing == []


def test_every_page_is_in_the_navigation() -> None:
    """`make docs` checks the same and more; this needs no MkDocs."""
    pages = re.findall(r": ([\w-]+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(pages) == sorted(path.name for path in tracked("docs/*.md"))


def test_the_architecture_names_only_places_that_exist() -> None:
    written = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = [name.rstrip("/") for name in re.findall(r"`([a-z_]+(?:/[a-z_]*)+)`", written)]
    places = [root / f"{name}{end}" for name in named for root in (PACKAGE, ROOT) for end in ("", ".py")]
    existing = {str(place) for place in places if place.exists()}
    missing = [name for name in named if not any(f"/{name}" in place for place in existing)]
    assert missing == []


def test_the_architecture_draws_the_layers_that_are_checked() -> None:
    drawn = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").split("```")[1]
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    first, *layers = config["tool"]["importlinter"]["contracts"][0]["layers"]
    names = r"[a-z]+(?: \| [a-z]+)*"
    assert (first, re.findall(rf"^(?:\w+(?: \w+)?)? +({names})(?=  |$)", drawn, re.MULTILINE)) == ("__main__", layers)


def test_the_architecture_has_a_row_for_every_place() -> None:
    written = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rows = "\n".join(line for line in written.splitlines() if line.startswith("| `"))
    modules = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert [name for name in sorted(modules) if not name.startswith("__") and not re.search(rf"`{name}/?`", rows)] == []


def test_the_api_page_has_every_public_name() -> None:
    written = re.findall(r"^::: clothier\.(\w+)$", (ROOT / "docs" / "api.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(written) == set(clothier.__all__) - {"__version__"}


LEFTOVERS = {
    "a note to oneself": re.compile(r"\b(TODO|FIXME|XXX)\b"),
    "a path of one machine": re.compile(r"(?<![\w.~/-])/(?:root|home|work|Users)/\w"),
    "a merge conflict": re.compile(r"^(<{7}|>{7}) ", re.MULTILINE),
}


@pytest.mark.parametrize("name", LEFTOVERS)
def test_no_leftovers(name: str) -> None:
    patterns = ("*.py", "*.md", "*.toml", "*.txt", "*.j2", "*.sh", "*.yml", "*.cff", "Makefile", "NOTICE", ".ci/run")
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in tracked(*patterns)
        if path != Path(__file__)
        for match in LEFTOVERS[name].finditer(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_every_environment_variable_is_documented() -> None:
    read = {name for path in tracked("src/*.py") for name in re.findall(r"CLOTHIER_[A-Z_]+", path.read_text("utf-8"))}
    written = CLI_PAGE.read_text(encoding="utf-8")
    assert [name for name in sorted(read) if name not in written] == []


def test_the_constraints_pin_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    names = {re.split(r"[<>=\[ ]", one)[0].lower() for one in asked} - {"clothier"}
    pinned = dict(
        re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert names - set(pinned) == set()
    assert pinned["torch"] == "2.13.0"
    assert not [version for version in pinned.values() if "+" in version], "a local build installs nowhere else"


def test_the_fractions_of_errors_are_those_of_the_bundled_models() -> None:
    found = {}
    for name in ("fashion-cnn", "fashion-dnn"):
        test = bundle.resolve(name).metadata.metrics["test"]
        errors_of = np.array(test["confusion"]) - np.diag(np.diag(test["confusion"]))
        shirt = [score["class"] for score in test["per_class"]].index("Shirt")
        with_shirt = errors_of[shirt].sum() + errors_of[:, shirt].sum()
        upper, all_errors = error_fraction_within(test, UPPER_BODY_CLASSES), errors_of.sum()
        found[name] = (all_errors, round(100 * upper), round(100 * with_shirt / all_errors))
    (cnn, cnn_upper, cnn_shirt), (dnn, dnn_upper, dnn_shirt) = found.values()
    readme, page = (
        " ".join((ROOT / name).read_text("utf-8").split()) for name in ("README.md", "docs/fashion-mnist.md")
    )
    assert f"{cnn_upper} % (`fashion-cnn`) and {dnn_upper} % (`fashion-dnn`) are among T-shirt/top" in readme
    assert (
        f"`fashion-cnn` ({cnn}) and `fashion-dnn` ({dnn}) on the test images, {cnn_upper} % and {dnn_upper} %" in page
    )
    assert f"{cnn_shirt} % and {dnn_shirt} % involve Shirt" in page


def test_what_is_said_of_unlike_catalogues_was_measured() -> None:
    results = json.loads((ROOT / "benchmarks/results/shift.json").read_text("utf-8"))
    rows = {row["name"]: row for row in results["rows"]}
    worn = [rows.pop(name) for name in ("bagisto", "sylius")]
    several = [rows.pop(f"several photographers, {n} photos")["false_alarms"] for n in (30, 100, 400)]
    single = rows.pop("one photographer, 10 to 20 photos")["false_alarms"]
    batches = " and ".join(f"{row['batches_of_30_recognized']:.1%}".replace("%", " %") for row in worn)
    half = [row["mixed_batches_recognized"]["0.5"] for row in [*worn, *rows.values()]]
    shop = worn[0]
    readme, page = (
        " ".join((ROOT / name).read_text("utf-8").split()) for name in ("README.md", "docs/tag-your-photos.md")
    )
    assert f"of batches of 30 worn garments, it recognized {batches} (two shops)" in readme
    assert (
        f"of batches of 30 worn garments, {batches} were recognized (two demo shops), and the {shop['n']} photos"
        in page
    )
    assert shop["unlike"]
    assert {row["batches_of_30_recognized"] for row in rows.values()} == {1.0}, "all batches on a plain ground"
    assert f"{100 * max(several):.2f} % or fewer were called unlike falsely" in page
    assert f"of those by one photographer {100 * single:.2f} %" in page
    assert f"{min(half):.0%} to {max(half):.0%} of the calls".replace("%", " %") in page
    assert half[:2] == [0, 0], "none with worn garments"
    assert f"Review: {100 * shop['share']:.0f} % of these photos look unlike" in page
    numbers = f'"n": {shop["n"]}, "unlike": true, "p_value": {shop["p_value"]:.4f}, "share": {shop["share"]:.2f}'
    assert numbers in page


def test_the_level_of_the_test_for_unlike_catalogues_is_that_of_the_guide() -> None:
    """Fewer groups than 99 cannot reach 0.01."""
    page = " ".join((ROOT / "docs/tag-your-photos.md").read_text("utf-8").split())
    assert (MIN_GROUPS, LEVEL, MAX_LEVEL) == (19, 0.01, 0.05)
    fewest = next(groups for groups in range(MIN_GROUPS, 200) if 1 / (1 + groups) <= LEVEL)
    assert f"For a model made from {MIN_GROUPS} to {fewest - 1} photographers or products, the limit is 1 / (" in page
    assert f"up to {MAX_LEVEL}, and false alarms" in page


def test_no_document_claims_that_test_was_never_read_before_the_end() -> None:
    claims = re.compile(r"test[^.]{0,60}(not looked at|never (looked|read)|read once|for the first time)")
    found = {name_of(path): claims.findall(path.read_text("utf-8")) for path in tracked("*.md", "*.py", "*.ipynb")}
    assert {name for name, claim in found.items() if claim} <= {"tests/repo/test_docs.py"}
