"""Imports point down only, and torch stays in its room."""

from __future__ import annotations

from pathlib import Path

from importlinter import api, cli

ROOT = Path(__file__).parents[2]


def test_import_contracts_hold() -> None:
    assert api.read_configuration(str(ROOT / "pyproject.toml"))["contracts_options"], "there are contracts"
    assert cli.lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True, no_logo=True) == 0
