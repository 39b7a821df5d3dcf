"""Runs ``notebooks/fashion_mnist.py`` and writes ``notebooks/fashion_mnist.ipynb`` with all outputs.

    python -m tools.make_notebook [--quick] [--out FILE]

Cell ids are numbers, and no metadata of the machine or the time is kept: two notebooks differ only in their cells and
outputs.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

import jupytext  # type: ignore[import-untyped]
import nbformat
from nbclient import NotebookClient

SOURCE = Path(__file__).parents[1] / "notebooks" / "fashion_mnist.py"
NOTEBOOK = SOURCE.with_suffix(".ipynb")
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def main() -> None:
    """Reads the source, runs it and writes the notebook."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few images and few epochs, to check that every cell runs")
    parser.add_argument("--out", type=Path, default=NOTEBOOK)
    options = parser.parse_args()
    if options.quick:
        os.environ["CLOTHIER_QUICK"] = "1"
    notebook = read_notebook()
    with tempfile.TemporaryDirectory() as folder:
        execute(notebook, Path(folder))
    written = nbformat.writes(notebook)  # type: ignore[no-untyped-call]
    options.out.write_text(f"{written}\n", encoding="utf-8")
    print(f"{options.out}: {len(notebook.cells)} cells, {options.out.stat().st_size / 1e6:.1f} MB")


def read_notebook(source: Path = SOURCE) -> Any:
    """The notebook of ``source`` without outputs; the same each time."""
    notebook = jupytext.read(source, fmt="py:percent")
    _replace_metadata(notebook.metadata, METADATA)
    notebook.nbformat_minor = 5  # the first version with cell ids
    for place, cell in enumerate(notebook.cells, 1):
        cell.id = f"cell-{place:02}"
        cell.metadata.clear()
    return notebook


def execute(notebook: Any, folder: Path) -> None:
    """Runs every cell with ``folder`` as working directory, which gets the trained models, and keeps the outputs.

    Raises:
        CellExecutionError: a cell failed; the message contains its traceback.
    """
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=1800, resources=resources, record_timing=False, coalesce_streams=True).execute()
    _replace_metadata(notebook.metadata, METADATA)  # the kernel adds its version


def _replace_metadata(metadata: Any, wanted: dict[str, Any]) -> None:
    metadata.clear()
    metadata.update(wanted)


if __name__ == "__main__":
    main()
