from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clothier.catalogue.index import Filters

if TYPE_CHECKING:
    from tests.cli.conftest import FakeWorkflows


def test_index_table(run: Any, fake_workflows: FakeWorkflows) -> None:
    result = run("index", "photos", "-o", "catalogue.index")
    assert result.code == 3
    assert result.lines[:3] == [
        "Index: catalogue.index",
        "1,000 photos (20 added, 3 removed) in 12.5 s; all photos are compared",
        "Store: catalogue.index.store",
    ]
    assert "a.jpg is empty." in result.stderr
    assert "and 1 more" in result.stderr


def test_index_of_a_large_catalogue(run: Any, fake_workflows: FakeWorkflows) -> None:
    indexed = fake_workflows.results["index"]
    update = replace(indexed.update, is_exact=False)
    fake_workflows.results["index"] = replace(indexed, update=update, n_failed=0, failures=())
    result = run("index", "postgresql://h/d", "-o", "i")
    assert (result.code, "a graph proposes" in result.stdout) == (0, True)
    assert fake_workflows.only_call["source"] == "postgresql://h/d", "a URL stays as it is"


def test_index_options(run: Any, fake_workflows: FakeWorkflows) -> None:
    words = "index list.csv -o i --model m --file-column photo --id-column sku --product-column style --json"
    assert run(*words.split()).json["added"] == 20
    assert fake_workflows.only_call == {
        "source": "list.csv",
        "output": Path("i"),
        "model": "m",
        "file_column": "photo",
        "id_column": "sku",
        "product_column": "style",
    }


def test_similar_table(run: Any, fake_workflows: FakeWorkflows) -> None:
    result = run("similar", "new.jpg", "other.jpg", "a.jpg", "--index", "i")
    assert (result.code, result.stderr) == (3, "a.jpg is empty.\n")
    assert [line for line in result.lines if ".jpg" in line] == [
        "new.jpg boot.jpg c6 0.910",
        "b.jpg d7 0.500",
        "other.jpg none",
        "a.jpg could not be compared",
        "other.jpg: The index does not know the product.",
    ]


def test_similar_json(run: Any, fake_workflows: FakeWorkflows) -> None:
    result = run("similar", "new.jpg", "other.jpg", "a.jpg", "--index", "i", "--json")
    assert result.code == 3
    first, second, failed = result.json
    assert first == {
        "file": "new.jpg",
        "neighbours": [
            {"item_id": "c6", "file": "boot.jpg", "score": 0.91},
            {"item_id": "d7", "file": "b.jpg", "score": 0.5},
        ],
    }
    assert (second["neighbours"], second["notes"]) == ([], ["The index does not know the product."])
    assert failed["error"]["code"] == "empty"


def test_similar_options(run: Any, fake_workflows: FakeWorkflows) -> None:
    words = "similar a.jpg --index i --top 3 --model m --class boot --color red --product p"
    run(*words.split(), "--not-same-product", "--one-per-product")
    assert fake_workflows.only_call == {
        "files": ["a.jpg"],
        "index": Path("i"),
        "top": 3,
        "model": "m",
        "filters": Filters("boot", "red", "p", other_products=True, one_per_product=True),
    }


def test_usage_errors(run: Any, fake_workflows: FakeWorkflows) -> None:
    for words in (
        "similar a.jpg",
        "similar --index i",
        "similar a.jpg --index i --top 0",
        "index photos",
        "index -o i",
    ):
        assert run(*words.split()).code == 2, words
    assert fake_workflows.calls == []
