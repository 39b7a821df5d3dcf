"""Our table of labels, and when the compressed photo model is saved."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from clothier import bundle
from clothier.taxonomy import PARENT_CLASS
from clothier.types import ModelOutput
from tools.photo_folds import Folds, measure_compression

if TYPE_CHECKING:
    from collections.abc import Callable

LABELS = Path(__file__).parents[2] / "tools" / "photo_labels.csv"
COLORS = {"hat": (250, 0, 0), "dress": (0, 250, 0)}


@pytest.fixture(scope="module")
def tool(script: Callable[[str], Any]) -> Any:
    return script("tools/make_photo_bundle.py")


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with LABELS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_labels_are_the_classes_of_the_model(rows: list[dict[str, str]]) -> None:
    assert {row["label"] for row in rows} == {*bundle.resolve("photo").metadata.classes, ""}
    assert len({row["file"] for row in rows}) == len(rows) == 3604
    assert all(row["sender_id"].isdecimal() for row in rows)


def test_changed_labels_have_a_note(rows: list[dict[str, str]]) -> None:
    changed = [row for row in rows if PARENT_CLASS.get(row["label"], row["label"]) != row["published"]]
    assert len(changed) == 8
    assert all(row["note"] for row in changed)


def test_files_in_a_clone_or_in_one_folder(tool: Any, rows: list[dict[str, str]], tmp_path: Path) -> None:
    (tmp_path / "clone" / "images").mkdir(parents=True)
    for folder, expected in ((tmp_path / "clone", tmp_path / "clone/images"), (tmp_path, tmp_path)):
        tool.write_table(folder, tmp_path / "table.csv")
        first, *others = (tmp_path / "table.csv").read_text().splitlines()
        assert first == "file,label,sender_id"
        assert len(others) == len(rows)
        assert others[0].startswith(f"{expected}/{rows[0]['file']},")


@pytest.fixture
def data() -> Any:
    labels = np.arange(40) % 2
    views = np.array([list(COLORS.values())[label] for label in labels], np.uint8)[:, None, None]
    images = np.broadcast_to(views, (40, 16, 16, 3)).copy()
    return SimpleNamespace(labeled_indices=np.arange(40), inputs=images, table=SimpleNamespace(labels=labels))


def test_int8_is_saved_with_license_and_limitations(
    tool: Any, data: Any, color_bundle: Callable[..., bundle.Bundle], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = color_bundle(tmp_path / "reference", COLORS)
    monkeypatch.setattr(tool, "compress", lambda graph, _: graph)
    monkeypatch.setattr(tool, "to_float16_weights", lambda weights: weights)
    tool.write_bundle(reference, data, tmp_path)
    card = bundle.open_bundle(tmp_path / "photo").metadata
    assert card.name == "photo"
    assert "CC0 1.0" in card.data["license"]
    assert "bags, worn clothes" in card.data["limitations"]


def test_refused_if_the_predictions_differ(
    tool: Any, data: Any, color_bundle: Callable[..., bundle.Bundle], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = color_bundle(tmp_path / "reference", COLORS)
    swapped = color_bundle(tmp_path / "swapped", dict(zip(COLORS, [*COLORS.values()][::-1], strict=True)))
    for name in ("compress", "pack_int8"):
        monkeypatch.setattr(tool, name, lambda *_: swapped.graph.read_bytes())
    monkeypatch.setattr(tool, "to_float16_weights", lambda weights: weights)
    with pytest.raises(SystemExit, match="photo"):
        tool.write_bundle(reference, data, tmp_path)


@dataclass(frozen=True)
class FoldData:
    """The fields of PhotoTrainingData that folds need."""

    table: Any
    stratify_labels: Any = None
    groups: Any = None


def test_published_folds_are_used(tool: Any, rows: list[dict[str, str]]) -> None:
    chosen = [
        rows[0],
        next(row for row in rows if row["label"] == "sneaker"),
        next(row for row in rows if not row["label"]),
    ]
    senders = np.array([4, 4, 7])
    data = FoldData(SimpleNamespace(files=[f"/photos/{row['file']}" for row in chosen], groups=senders))
    folded = tool.use_published_folds(data)
    assert folded.stratify_labels.tolist() == [1, 0, -1]
    assert folded.groups is senders


def cross_validated(n_changed: int) -> tuple[Folds, Any]:
    """Two folds of 400 photos by 100 photographers; int8 changes the predictions for the first ones."""
    generator, labels = np.random.default_rng(0), np.arange(400) % 2
    logits = np.float32(4) * np.eye(2, dtype=np.float32)[labels]
    embeddings = generator.normal(size=(400, 6)).astype(np.float32)
    embeddings[:, 0] += 8 * labels
    changed = logits.copy()
    changed[:n_changed] = changed[:n_changed, ::-1]
    groups, output = np.arange(400) // 4, ModelOutput(changed, embeddings)
    folds = Folds(tuple(COLORS), groups % 2, (output, output), logits, np.zeros(400))
    table = SimpleNamespace(labels=labels, classes=tuple(COLORS))
    return folds, SimpleNamespace(labeled_indices=np.arange(400), groups=groups, table=table)


def test_what_int8_changes_for_unseen_photographers() -> None:
    folds, data = cross_validated(n_changed=1)
    found = measure_compression(folds, data, bundle.resolve("photo").metadata)
    assert (found["n"], found["agreement"]) == (400, 399 / 400)
    assert (found["float32"]["accuracy"], found["int8"]["accuracy"]) == (1, 399 / 400)
    assert found["int8"]["coverage"] > 0.9
    assert 0 < found["int8"]["selective_risk"] < found["int8"]["bound"] < 0.05


def test_too_much_lost_is_an_error() -> None:
    folds, data = cross_validated(n_changed=2)
    with pytest.raises(SystemExit, match=r"0\.50 points are lost, 99\.50% of the predictions agree"):
        measure_compression(folds, data, bundle.resolve("photo").metadata)
