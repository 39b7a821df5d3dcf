"""Our table of labels, and the rule by which the photo model ships."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from clothier import bundle
from clothier.taxonomy import PARENT_CLASS, PHOTO_CLASSES

if TYPE_CHECKING:
    from collections.abc import Callable

LABELS = Path(__file__).parents[2] / "tools" / "photo_labels.csv"
COLOURS = {"hat": (250, 0, 0), "dress": (0, 250, 0)}


@pytest.fixture(scope="module")
def tool(script: Callable[[str], Any]) -> Any:
    return script("tools/make_photo_bundle.py")


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with LABELS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_labels_are_the_models_classes(rows: list[dict[str, str]]) -> None:
    assert {row["label"] for row in rows} == {*PHOTO_CLASSES, ""}
    assert len({row["file"] for row in rows}) == len(rows) == 3604
    assert all(row["sender_id"].isdecimal() for row in rows)


def test_every_label_that_is_not_the_published_one_says_why(rows: list[dict[str, str]]) -> None:
    changed = [row for row in rows if PARENT_CLASS.get(row["label"], row["label"]) != row["published"]]
    assert len(changed) == 8
    assert all(row["note"] for row in changed)


def test_files_are_found_in_a_clone_or_beside_each_other(tool: Any, rows: list[dict[str, str]], tmp_path: Path) -> None:
    (tmp_path / "clone" / "images").mkdir(parents=True)
    for folder, wanted in ((tmp_path / "clone", tmp_path / "clone/images"), (tmp_path, tmp_path)):
        tool.write_table(folder, tmp_path / "table.csv")
        first, *others = (tmp_path / "table.csv").read_text().splitlines()
        assert first == "file,label,sender_id"
        assert len(others) == len(rows)
        assert others[0].startswith(f"{wanted}/{rows[0]['file']},")


@pytest.fixture
def lesson() -> Any:
    labels = np.arange(40) % 2
    views = np.array([list(COLOURS.values())[label] for label in labels], np.uint8)[:, None, None]
    images = np.broadcast_to(views, (40, 16, 16, 3)).copy()
    return SimpleNamespace(known=np.arange(40), views=images, table=SimpleNamespace(labels=labels))


def test_it_ships_in_int8_with_its_licence_and_what_it_never_saw(
    tool: Any, lesson: Any, color_bundle: Callable[..., bundle.Bundle], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = color_bundle(tmp_path / "whole", COLOURS)
    monkeypatch.setattr(tool, "quantize_graph", lambda graph, _: graph)
    monkeypatch.setattr(tool, "to_float16_weights", lambda weights: weights)
    tool.ship(whole, lesson, tmp_path)
    card = bundle.open_bundle(tmp_path / "photo").metadata
    assert card.name == "photo"
    assert "CC0 1.0" in card.data["licence"]
    assert "never seen bags, worn clothes" in card.data["limitations"]


def test_a_graph_that_answers_otherwise_does_not_ship(
    tool: Any, lesson: Any, color_bundle: Callable[..., bundle.Bundle], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = color_bundle(tmp_path / "whole", COLOURS)
    swapped = color_bundle(tmp_path / "swapped", dict(zip(COLOURS, [*COLOURS.values()][::-1], strict=True)))
    for name in ("quantize_graph", "pack_graph"):
        monkeypatch.setattr(tool, name, lambda *_: swapped.graph.read_bytes())
    monkeypatch.setattr(tool, "to_float16_weights", lambda weights: weights)
    with pytest.raises(SystemExit, match=r"packed weights keeps 0.00% of the answers and costs 100.00 points"):
        tool.ship(whole, lesson, tmp_path)


@dataclass(frozen=True)
class FoldData:
    """As much of a lesson as folds need."""

    table: Any
    dealt_by: Any = None
    groups: Any = None


def test_published_folds_are_used(tool: Any, rows: list[dict[str, str]]) -> None:
    chosen = [
        rows[0],
        next(row for row in rows if row["label"] == "sneaker"),
        next(row for row in rows if not row["label"]),
    ]
    senders = np.array([4, 4, 7])
    lesson = FoldData(SimpleNamespace(files=[f"/photos/{row['file']}" for row in chosen], groups=senders))
    dealt = tool.dealt_as_published(lesson)
    assert dealt.dealt_by.tolist() == [1, 0, -1]
    assert dealt.groups is senders, "senders who share a photo are not joined"
