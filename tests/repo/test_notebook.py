"""The committed notebook matches its source, was run completely, and uses public names only."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import clothier

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
MAX_BYTES = 3_000_000  # bytes: what GitHub and Colab still show at once


@pytest.fixture(scope="module")
def make_notebook(script: Callable[[str], Any]) -> Any:
    """``tools/make_notebook.py``, as a module."""
    return script("tools/make_notebook.py")


@pytest.fixture(scope="module")
def committed(make_notebook: Any) -> dict[str, Any]:
    return dict(json.loads(make_notebook.NOTEBOOK.read_text(encoding="utf-8")))


def text(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def test_its_cells_match_its_source(make_notebook: Any, committed: dict[str, Any]) -> None:
    described = [(cell.id, cell.cell_type, cell.source) for cell in make_notebook.read_notebook().cells]
    written = [(cell["id"], cell["cell_type"], text(cell)) for cell in committed["cells"]]
    assert written == described, "run: python tools/make_notebook.py"


def test_it_uses_public_names_only(make_notebook: Any) -> None:
    source = "\n".join(text(cell) for cell in make_notebook.read_notebook().cells)
    imports = {line for line in source.splitlines() if re.match(r"\s*(import|from) clothier", line)}
    assert imports == {"import clothier", "from clothier import figures, metrics"}
    assert set(re.findall(r"\bclothier\.(\w+)", source)) <= set(clothier.__all__)
    assert set(re.findall(r"\bfigures\.(\w+)", source)) <= set(clothier.figures.__all__)


def test_every_cell_was_run_in_order_and_none_failed(committed: dict[str, Any]) -> None:
    code = [cell for cell in committed["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    kinds = {output["output_type"] for cell in code for output in cell["outputs"]}
    assert kinds == {"display_data", "execute_result", "stream"}
    assert {output["name"] for cell in code for output in cell["outputs"] if "name" in output} == {"stdout"}


def test_it_contains_nothing_of_the_machine_that_ran_it(make_notebook: Any, committed: dict[str, Any]) -> None:
    assert committed["metadata"] == make_notebook.METADATA, "made with other recipes: python tools/make_notebook.py"
    assert all(cell["metadata"] == {} for cell in committed["cells"])
    assert not re.search(r"/(?:root|home|work|Users|tmp)/", make_notebook.NOTEBOOK.read_text(encoding="utf-8"))
    assert make_notebook.NOTEBOOK.stat().st_size < MAX_BYTES


def test_it_was_run_on_all_images(committed: dict[str, Any]) -> None:
    printed = json.dumps(committed, ensure_ascii=False)
    assert "60,000 training images and 10,000 test images" in printed


def test_prose_states_no_result(committed: dict[str, Any]) -> None:
    """Results are computed and shown by a cell."""
    prose = "\n".join(text(cell) for cell in committed["cells"] if cell["cell_type"] == "markdown")
    claims = re.findall(r"\d+[.,]\d+|\d+(?:\.\d+)? ?%", re.sub(r"`[^`]+`", "", prose))
    assert claims == ["80 %"]  # the question what such a probability means
