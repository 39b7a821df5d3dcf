"""Runs ``notebooks/fashion_mnist.py`` and writes ``notebooks/fashion_mnist.ipynb`` with all outputs.

    python -m tools.make_notebook [--quick] [--out FILE]

Cell ids are numbers, and no metadata of the machine or the time is kept: two notebooks differ only in their cells and
outputs.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import tempfile
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import jupytext  # type: ignore[import-untyped]
import nbformat
from nbclient import NotebookClient
from PIL import Image

from clothier.recipes import MODELS, preset

SOURCE = Path(__file__).parents[1] / "notebooks" / "fashion_mnist.py"
NOTEBOOK = SOURCE.with_suffix(".ipynb")
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
    "clothier": {"recipes": json.loads(json.dumps({model: preset(model, "fast").to_json() for model in MODELS}))},
}
"""The recipes of the outputs are kept, so that a test can tell outputs of other recipes."""


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
    for output in (output for cell in notebook.cells for output in cell.get("outputs", [])):
        if "image/png" in output.get("data", {}):
            output["data"]["image/png"] = with_palette(output["data"]["image/png"])


def with_palette(image: str) -> str:
    """A PNG in base64 with at most 256 colors, as figures have them: half the size."""
    smaller = io.BytesIO()
    Image.open(io.BytesIO(b64decode(image))).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(
        smaller, format="PNG", optimize=True
    )
    return b64encode(smaller.getvalue()).decode("ascii")


def _replace_metadata(metadata: Any, wanted: dict[str, Any]) -> None:
    metadata.clear()
    metadata.update(wanted)


if __name__ == "__main__":
    main()
