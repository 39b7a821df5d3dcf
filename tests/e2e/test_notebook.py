"""The notebook runs in a fresh kernel on the real data, with quick settings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
FIGURES = 16


def test_every_cell_runs_and_every_figure_is_there(tmp_path: Path) -> None:
    quick, full = tmp_path / "quick.ipynb", ROOT / "notebooks" / "fashion_mnist.ipynb"
    made = subprocess.run(
        [sys.executable, ROOT / "tools" / "make_notebook.py", "--quick", "--out", quick],
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    assert made.returncode == 0, made.stderr
    drawn, committed = count_images(quick), count_images(full)
    assert sum(drawn.values()) >= FIGURES
    # Few images may contain no near duplicates; every other figure is in both.
    assert {cell for cell in committed if cell not in drawn} <= {duplicates_cell(full)}


def count_images(notebook: Path) -> dict[str, int]:
    """Cell to number of images that it shows."""
    found: dict[str, int] = {}
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        shown = [output for output in cell.get("outputs", []) if "image/png" in output.get("data", {})]
        if shown:
            found[cell["id"]] = len(shown)
    return found


def duplicates_cell(notebook: Path) -> str:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return next(str(cell["id"]) for cell in cells if "figures.near_duplicates(" in "".join(cell["source"]))
