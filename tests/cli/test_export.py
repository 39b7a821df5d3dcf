from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from clothier.cli.export import EXPORT_FORMATS
from clothier.workflows.export import FORMATS

if TYPE_CHECKING:
    from tests.cli.conftest import FakeWorkflows


def test_the_line(run: Any, fake_workflows: FakeWorkflows) -> None:
    result = run("export", "tags.db", "-o", "out.csv", "--format", "shopify")
    assert (result.code, result.lines) == (0, ["12 tags in 5 products: out.csv"])
    assert result.stderr == "left out: 3 review.\n"


def test_json(run: Any, fake_workflows: FakeWorkflows) -> None:
    result = run("export", "tags.db", "-o", "out.csv", "--json")
    assert result.json == fake_workflows.results["export"].to_json()
    assert result.json["left_out"] == {"review": 3}


def test_all_options(run: Any, fake_workflows: FakeWorkflows) -> None:
    words = "export postgresql://h/d -o o.csv --format csv --columns file --product-column style --image-url https://x"
    run(*words.split(), "--all")
    assert fake_workflows.only_call == {
        "source": "postgresql://h/d",
        "output": Path("o.csv"),
        "format": "csv",
        "columns": "file",
        "product_column": "style",
        "image_url": "https://x",
        "include_all": True,
    }


def test_the_help_names_the_formats() -> None:
    assert EXPORT_FORMATS.split("|") == list(FORMATS)
