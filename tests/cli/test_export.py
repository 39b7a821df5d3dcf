from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

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
    run(*words.split(), "--sku-column", "number", "--all")
    assert fake_workflows.only_call == {
        "source": "postgresql://h/d",
        "output": Path("o.csv"),
        "format": "csv",
        "columns": "file",
        "product_column": "style",
        "sku_column": "number",
        "image_url": "https://x",
        "include_all": True,
    }


def test_standard_output(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    row = {"item_id": "1", "file": "a.jpg", "class": "dress", "decision": "accept"}
    rows = [row, {**row, "decision": "review"}]
    Path("tags.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in rows))
    result = run("export", "tags.jsonl", "-o", "-", "--columns", "file,class")
    assert (result.code, result.stdout) == (0, "file,class\na.jpg,dress\n")
    assert result.stderr == "left out: 1 review. --all includes them.\n"
    Path("tags.jsonl").write_text(f"{json.dumps(row)}\n{{")
    result = run("export", "tags.jsonl", "-o", "-")
    assert (result.code, result.stdout) == (4, "")
    assert [one.name for one in tmp_path.iterdir()] == ["tags.jsonl"]


@pytest.mark.parametrize("words", [["--json"], ["--format", "label-studio"]])
def test_what_is_not_written_to_standard_output(run: Any, fake_workflows: FakeWorkflows, words: list[str]) -> None:
    result = run("export", "tags.db", "-o", "-", *words)
    assert (result.code, fake_workflows.calls) == (2, [])
    assert result.stderr.endswith("Name a file.\n")


def test_the_help_names_the_formats() -> None:
    assert EXPORT_FORMATS.split("|") == list(FORMATS)
