"""Help and usage errors are fast, and using a model needs no training library."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

HEAVY_MODULES = (
    "numpy",
    "torch",
    "PIL",
    "matplotlib",
    "pandas",
    "onnxruntime",
    "sklearn",
    "scipy",
    "jinja2",
    "optuna",
    "sqlalchemy",
    "alembic",
    "pyarrow",
    "fastapi",
    "uvicorn",
)
HELP_MODULES = {
    "clothier",
    *(f"clothier.{name}" for name in ("atomic", "errors", "paths", "untrusted")),
    *(f"clothier.cli{name}" for name in ("", ".app", ".main", ".output")),
}
"""What ``clothier --help`` imports of Clothier: no command, so that it stays as fast as an application of one."""
MAX_SECONDS = 0.3  # CPU seconds, the best of TRIES: other processes on the machine slow some tries down
TRIES = 8
CATALOGUE_MODULES = ("sqlalchemy", "alembic", "pyarrow")
TRAINING_MODULES = (
    "torch",
    "sklearn",
    "scipy",
    "onnx",
    "onnxscript",
    "safetensors",
    "matplotlib",
    "jinja2",
    "optuna",
    "sqlalchemy",
)

COMMAND_LINES = {
    "help": ["--help"],
    "nothing": [],
    "version": ["--version"],
    "help of a command": ["train", "--help"],
    "help of a search": ["tune", "--help"],
    "help of a tagger": ["tag", "--help"],
    "help of a review": ["review", "--help"],
    "two modes of a review": ["review", "--store", "a", "--stats", "--undo"],
    "help of a server": ["serve", "--help"],
    "keys without a name": ["keys", "create"],
    "no output": ["tag", "photos"],
    "unknown command": ["trian"],
    "unknown option": ["train", "cnn", "--sede", "1"],
    "missing argument": ["predict"],
    "unknown model": ["train", "cnm"],
    "unknown preset": ["train", "cnn", "--preset", "fats"],
    "unknown space": ["tune", "cnn", "--search-space", "study"],
    "contradiction": ["train", "--resume", "a", "--seed", "1"],
    "value": ["evaluate", "a", "--fail-under", "93"],
}


def test_no_heavy_module_is_imported() -> None:
    """All in one process: what the first imports, the others have too."""
    code = f"""
import contextlib, io, json, sys
from clothier.cli.main import main
found = {{}}
for name, arguments in {COMMAND_LINES!r}.items():
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        code = main(arguments)
    found[name] = [code, sorted(set({HEAVY_MODULES!r}) & set(sys.modules))]
print(json.dumps(found))
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    ended = json.loads(done.stdout)
    assert ended.keys() == COMMAND_LINES.keys()
    for name, (code, heavy) in ended.items():
        assert (name, code in (0, 2), heavy) == (name, True, [])


def test_the_help_imports_no_command() -> None:
    code = """
import sys
from clothier.cli.main import main
main(["--help"])
print("clothier", *(name for name in sys.modules if name.startswith("clothier.")))
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert set(done.stdout.splitlines()[-1].split()) == HELP_MODULES


def test_import_clothier_imports_no_heavy_module() -> None:
    code = f"import clothier, sys; clothier.Recipe; print(sorted(set({HEAVY_MODULES!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def cpu_seconds_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@pytest.mark.parametrize("case", ["help", "help of a command", "unknown command", "unknown preset"])
def test_fast_start(case: str) -> None:
    seconds = []
    for _ in range(TRIES):
        before = cpu_seconds_of_children()
        subprocess.run([sys.executable, "-m", "clothier", *COMMAND_LINES[case]], check=False, capture_output=True)
        seconds.append(cpu_seconds_of_children() - before)
        if min(seconds) < MAX_SECONDS:
            return
    pytest.fail(f"the fastest of {TRIES} took {min(seconds):.2f} CPU seconds; the limit is {MAX_SECONDS}")


def test_using_models_needs_no_training_library_and_no_database(tmp_path: Path) -> None:
    code = f"""
import sys
for name in {TRAINING_MODULES!r}:
    sys.modules[name] = None
for name in {CATALOGUE_MODULES!r}:
    sys.modules[name] = None
import clothier
clothier.load, clothier.predict, clothier.evaluate, clothier.compare, clothier.fashion_mnist, clothier.preset
from clothier.cli.main import main
sys.exit(main(["predict", "examples", "--out", {str(tmp_path / "tags.csv")!r}, "--model", "no-such-model"]))
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert "'no-such-model' is not a model" in done.stderr


def run_without(modules: tuple[str, ...], words: list[str]) -> subprocess.CompletedProcess[str]:
    """Runs a command line in a Python where these modules are not installed."""
    code = f"""
import sys
from importlib.abc import MetaPathFinder

class Without(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {modules!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Without())
from clothier.cli.main import main
sys.exit(main({words!r}))
"""
    return subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)


@pytest.mark.parametrize("words", [["train", "cnn"], ["tune", "cnn"], ["study"]])
def test_training_without_its_libraries_names_the_extra(words: list[str]) -> None:
    done = run_without(TRAINING_MODULES, words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"Error: clothier {words[0]} needs ")
    assert done.stderr.endswith("which is not installed. Install it with: pip install 'clothier[train]'\n")


@pytest.mark.parametrize("module", CATALOGUE_MODULES)
def test_tagging_without_its_libraries_names_the_extra(module: str, tmp_path: Path) -> None:
    done = run_without((module,), ["tag", str(tmp_path), "-o", str(tmp_path / "tags.parquet")])
    assert done.returncode == 2
    assert done.stderr.endswith("Install it with: pip install 'clothier[catalogue]'\n")


def test_postgresql_without_its_driver_names_the_extra(tmp_path: Path) -> None:
    done = run_without(("psycopg",), ["tag", str(tmp_path), "--store", "postgresql://shop@db/catalogue"])
    assert done.returncode == 2
    assert done.stderr.endswith("Install it with: pip install 'clothier[postgresql]'\n")


@pytest.mark.parametrize("module", ["fastapi", "uvicorn", "python_multipart", "prometheus_client"])
def test_serving_without_its_libraries_names_the_extra(module: str, tmp_path: Path) -> None:
    done = run_without((module,), ["serve", "--store", str(tmp_path / "a.db"), "--port", "0"])
    assert done.returncode == 2
    assert done.stderr.endswith("Install it with: pip install 'clothier[serve]'\n")


def test_tagging_needs_no_training_library(tmp_path: Path) -> None:
    without = tuple(name for name in TRAINING_MODULES if name != "sqlalchemy")
    done = run_without(without, ["tag", str(tmp_path), "-o", str(tmp_path / "tags.csv")])
    assert (done.returncode, done.stderr) == (0, "")
