from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from clothier.errors import Interrupted

if TYPE_CHECKING:
    from tests.cli.conftest import FakeWorkflows


def test_the_table(run: Any, fake_workflows: FakeWorkflows) -> None:
    result = run("tag", "photos", "-o", "tags.csv")
    assert result.code == 3
    assert "accept 700 70.0 %" in result.lines
    assert "failed 22 2.2 %" in result.lines
    assert "1,000 photos in 12.5 s (80 a second); 578 were already known" in result.lines
    assert "Tags: tags.csv" in result.lines
    assert result.stderr.splitlines() == [
        "photos: not taken for photos: 3 .txt.",
        "a.jpg is empty.",
        "and 21 more; error_code in the output names them all.",
    ]


def test_json(run: Any, fake_workflows: FakeWorkflows) -> None:
    result = run("tag", "photos", "-o", "tags.csv", "--json")
    assert result.code == 3
    assert result.json["decisions"] == {"accept": 700, "review": 250, "reject": 28}
    assert (result.json["n"], result.json["failed"], result.json["photos_per_second"]) == (1_000, 22, 80)


def test_all_options(run: Any, fake_workflows: FakeWorkflows) -> None:
    words = "tag list.csv -o t.csv --store postgresql://h/d --model m --taxonomy c.toml --columns file,class=c"
    words += " --engine ray --address auto"
    run(*words.split(), *["--file-column", "photo", "--id-column", "sku", "--product-column", "style", "--trust-model"])
    assert fake_workflows.only_call == {
        "source": Path("list.csv"),
        "output": Path("t.csv"),
        "store": "postgresql://h/d",
        "model": "m",
        "taxonomy": Path("c.toml"),
        "columns": "file,class=c",
        "file_column": "photo",
        "id_column": "sku",
        "product_column": "style",
        "trust_model": True,
        "engine": "ray",
        "address": "auto",
    }


def test_no_output(run: Any, fake_workflows: FakeWorkflows) -> None:
    result = run("tag", "photos")
    assert (result.code, fake_workflows.calls) == (2, [])
    assert "-o tags.csv" in result.stderr


def test_an_address_without_ray(run: Any, fake_workflows: FakeWorkflows) -> None:
    result = run("tag", "photos", "-o", "tags.csv", "--address", "auto")
    assert (result.code, fake_workflows.calls) == (2, [])
    assert "--engine ray" in result.stderr


def test_an_interruption_says_how_to_continue(run: Any, fake_workflows: FakeWorkflows) -> None:
    fake_workflows.failure = Interrupted(None)
    result = run("tag", "photos", "-o", "tags.csv")
    assert result.code == 130
    assert "run the same command again" in result.stderr
