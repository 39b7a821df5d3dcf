"""A bundle on disk: written whole, read back the same, and refused by name when it is not."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from clothier import bundle
from clothier.bundle import (
    FORMAT_VERSION,
    GRAPH_FILE,
    METADATA_FILE,
    OOD_FILE,
    WEIGHTS_FILE,
    BundleMetadata,
    open_bundle,
    resolve,
)
from clothier.errors import ModelError, StorageError, UnknownNameError, UsageError
from clothier.types import InputSpec

if TYPE_CHECKING:
    from collections.abc import Callable

METADATA = BundleMetadata(
    name="fashion-cnn",
    model="cnn",
    preset="fast",
    classes=("Größe", "Bag"),
    input_spec=InputSpec("fashion_mnist", 28, 28, 1),
    recipe={"epochs": 3, "network": {"kind": "study-cnn"}},
    parameters=262_890,
    data={"name": "Fashion-MNIST", "digest": "ab" * 32},
    metrics={"test": {"accuracy": 0.9}},
    calibration={"temperature": 1.5},
    thresholds={"accept": 0.9},
    clothier_version="0.1.0",
)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    bundle.save(tmp_path / "model", METADATA, b"graph", b"weights")
    return tmp_path / "model"


def change(card: Path, **values: Any) -> None:
    """Writes other values into a card; None takes a field out."""
    content = {**json.loads((card / METADATA_FILE).read_text("utf-8")), **values}
    (card / METADATA_FILE).write_text(json.dumps({name: value for name, value in content.items() if value is not None}))


def refusal(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        open_bundle(path)
    return str(caught.value)


def test_comes_back_as_it_was_saved(saved: Path) -> None:
    opened = open_bundle(saved)
    digests = {
        name: hashlib.sha256(text).hexdigest() for name, text in ((GRAPH_FILE, b"graph"), (WEIGHTS_FILE, b"weights"))
    }
    assert opened.metadata == replace(METADATA, files=digests)
    assert opened == bundle.save(saved, METADATA, b"graph", b"weights")
    assert (opened.graph.read_bytes(), opened.weights.read_bytes()) == (b"graph", b"weights")


def test_optional_ood_file(saved: Path) -> None:
    assert open_bundle(saved).ood is None
    bundle.save(saved, METADATA, b"graph", b"weights", {OOD_FILE: b"novelty"})
    opened = open_bundle(saved)
    assert opened.ood == saved / OOD_FILE
    assert opened.ood.read_bytes() == b"novelty"
    assert opened.metadata.files[OOD_FILE] == hashlib.sha256(b"novelty").hexdigest()
    assert opened.optional_files == {OOD_FILE: b"novelty"}
    assert opened.training_hashes is None
    assert opened.metadata.format == 1, "a Clothier from before it reads the rest"
    (saved / OOD_FILE).write_bytes(b"another")
    assert "ood.npz was altered" in refusal(saved)
    (saved / OOD_FILE).unlink()
    assert "ood.npz cannot be read" in refusal(saved)
    bundle.save(saved, METADATA, b"graph", b"weights")
    assert open_bundle(saved).ood is None, "no score of an older model stays"


def test_card_for_people(saved: Path) -> None:
    card = json.loads((saved / METADATA_FILE).read_text("utf-8"))
    assert list(card) == [one.name for one in fields(BundleMetadata)]
    assert (card["classes"], card["view"]) == (
        ["Größe", "Bag"],
        {"kind": "fashion_mnist", "height": 28, "width": 28, "channels": 1},
    )
    assert card["format"] == FORMAT_VERSION
    assert "Größe" in (saved / METADATA_FILE).read_text("utf-8")


def test_replaces_an_older_bundle(saved: Path) -> None:
    bundle.save(saved, replace(METADATA, name="newer"), b"other", b"weights")
    assert (open_bundle(saved).metadata.name, open_bundle(saved).graph.read_bytes()) == ("newer", b"other")


def test_replaces_nothing_but_a_bundle(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError) as caught:
        bundle.save(tmp_path, METADATA, b"graph", b"weights")
    assert str(caught.value) == (
        f"{tmp_path} holds other things than a bundle and is left as it is; name a folder that is free."
    )
    assert [one.name for one in tmp_path.iterdir()] == ["thesis.txt"]


def test_an_empty_folder_is_free(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    bundle.save(tmp_path / "empty", METADATA, b"graph", b"weights")
    assert open_bundle(tmp_path / "empty").metadata.name == "fashion-cnn"


@pytest.mark.file_size(10_000)
def test_full_disk_keeps_the_older_bundle(saved: Path) -> None:
    with pytest.raises(StorageError, match=rf"^cannot write {saved}: File too large\. "):
        bundle.save(saved, METADATA, bytes(10_001), b"weights")
    assert open_bundle(saved).graph.read_bytes() == b"graph"
    assert [one.name for one in saved.parent.iterdir()] == ["model"]


def test_newer_format(saved: Path) -> None:
    change(saved, format=FORMAT_VERSION + 1, a_field_of_the_future=1)
    assert refusal(saved) == (
        f"{saved} has format {FORMAT_VERSION + 1}, and this Clothier reads up to {FORMAT_VERSION}. Install a newer Clothier."
    )


@pytest.mark.parametrize("number", [None, "1", 0, -1, 1.0])
def test_no_format(saved: Path, number: Any) -> None:
    change(saved, format=number)
    assert (
        refusal(saved)
        == f"{saved / METADATA_FILE} names no format; it is no card of Clothier's. Make the bundle again."
    )


def test_foreign_json(saved: Path) -> None:
    (saved / METADATA_FILE).write_text("[1, 2]")
    assert (
        refusal(saved)
        == f"{saved / METADATA_FILE} names no format; it is no card of Clothier's. Make the bundle again."
    )


@pytest.mark.parametrize("name", [GRAPH_FILE, WEIGHTS_FILE])
def test_missing_file(saved: Path, name: str) -> None:
    (saved / name).unlink()
    assert refusal(saved) == (
        f"{saved} is incomplete: {name} cannot be read (No such file or directory). Make the bundle again."
    )


@pytest.mark.parametrize("name", [GRAPH_FILE, WEIGHTS_FILE])
def test_altered_file(saved: Path, name: str) -> None:
    wanted = hashlib.sha256((saved / name).read_bytes()).hexdigest()
    (saved / name).write_bytes(b"altered")
    assert refusal(saved) == (
        f"{saved / name} was altered: its SHA-256 is {hashlib.sha256(b'altered').hexdigest()}, the card says "
        f"{wanted}. Make the bundle again."
    )


def test_file_that_the_card_does_not_know(saved: Path) -> None:
    change(saved, files={WEIGHTS_FILE: hashlib.sha256(b"weights").hexdigest()})
    assert refusal(saved).endswith(", the card says nothing. Make the bundle again.")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ({"classes": None}, "it lacks classes"),
        ({"name": None, "data": None}, "it lacks data, name"),
        ({"colour": "red"}, "it has the unknown colour"),
        ({"classes": "Bag"}, "its classes are 'Bag'"),
        ({"classes": ["Bag", 3]}, "its classes are ['Bag', 3]"),
        ({"name": 5}, "its name is 5"),
        ({"parameters": "many"}, "its parameters is 'many'"),
        ({"files": []}, "its files is []"),
        ({"view": {"kind": "fashion_mnist", "height": "28"}}, "its height is '28'"),
    ],
)
def test_damaged_card(saved: Path, damage: dict[str, Any], reason: str) -> None:
    change(saved, **damage)
    assert refusal(saved) == f"{saved / METADATA_FILE} is damaged: {reason}. Make the bundle again."


@pytest.mark.parametrize("content", [b'{"format": 1', b"", b"\xff\xfe", b"[" * 100_000])
def test_card_that_is_no_json(saved: Path, content: bytes) -> None:
    (saved / METADATA_FILE).write_bytes(content)
    assert refusal(saved).startswith(f"{saved / METADATA_FILE} is damaged: ")


@pytest.mark.parametrize("view", [{"side": 28}, [28, 28], "fashion_mnist"])
def test_card_with_another_view(saved: Path, view: Any) -> None:
    change(saved, view=view)
    assert refusal(saved).startswith(f"{saved / METADATA_FILE} is damaged: ")


def test_a_card_older_than_a_field_takes_its_default(saved: Path) -> None:
    change(saved, view=None, recipe=None, figures=None, calibration=None, thresholds=None)
    card = open_bundle(saved).metadata
    assert (card.input_spec, card.recipe, card.metrics, card.calibration, card.thresholds) == (
        InputSpec(),
        {},
        {},
        {},
        {},
    )


def test_not_a_bundle(tmp_path: Path) -> None:
    assert refusal(tmp_path) == (
        f"{tmp_path} is no model: its {METADATA_FILE} cannot be read (No such file or directory). Give a bundle, or a run that "
        "has ended."
    )


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_bundle: Callable[..., bundle.Bundle]) -> Path:
    for name in ("fashion-dnn", "fashion-cnn"):
        tiny_bundle(tmp_path / "shipped" / name)
    (tmp_path / "shipped/.fashion-cnn.12345678.part").mkdir()
    (tmp_path / "shipped/.fashion-cnn.12345678.part" / METADATA_FILE).write_text("the draft of a killed process")
    (tmp_path / "shipped/empty").mkdir()
    monkeypatch.setattr(bundle, "BUNDLED_DIR", tmp_path / "shipped")
    return tmp_path / "shipped"


def test_bundled(shipped: Path) -> None:
    assert bundle.bundled() == ["fashion-cnn", "fashion-dnn"]
    assert resolve("fashion-cnn").path == shipped / "fashion-cnn"


def test_find_by_folder(shipped: Path, tmp_path: Path, saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle.save(tmp_path / "runs/cnn/bundle", METADATA, b"graph", b"weights")
    monkeypatch.chdir(tmp_path)
    assert resolve(str(saved)).path == saved
    assert resolve("model").path == Path("model")
    assert resolve("runs/cnn").path == Path("runs/cnn/bundle")
    assert resolve("runs/cnn/bundle").path == Path("runs/cnn/bundle")


def test_a_shipped_name_means_the_shipped_one(shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle.save(tmp_path / "fashion-cnn", METADATA, b"graph", b"weights")
    monkeypatch.chdir(tmp_path)
    assert resolve("fashion-cnn").path == shipped / "fashion-cnn"
    assert resolve("./fashion-cnn").path == Path("fashion-cnn")


@pytest.mark.usefixtures("shipped")
def test_unknown_name() -> None:
    with pytest.raises(UnknownNameError) as caught:
        resolve("fashion-cmn")
    assert str(caught.value) == "'fashion-cmn' is not a model or run folder; did you mean 'fashion-cnn'?"
    with pytest.raises(UnknownNameError) as caught:
        resolve("resnet")
    assert str(caught.value) == "'resnet' is not a model or run folder; known: fashion-cnn, fashion-dnn."


@pytest.mark.usefixtures("shipped")
def test_path_that_does_not_exist() -> None:
    with pytest.raises(ModelError) as caught:
        resolve("runs/none")
    assert str(caught.value) == (
        "there is no folder runs/none; give a run folder or a bundle, or one of: fashion-cnn, fashion-dnn."
    )


def test_nothing_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "BUNDLED_DIR", tmp_path / "none")
    with pytest.raises(ModelError) as caught:
        resolve("runs/none")
    assert str(caught.value) == "there is no folder runs/none; give a run folder or a bundle."
    with pytest.raises(UnknownNameError, match=r"^'cnn' is not a model or run folder; known: none\.$"):
        resolve("cnn")


def test_a_file_is_no_folder(saved: Path) -> None:
    with pytest.raises(ModelError, match=rf"^there is no folder {saved / GRAPH_FILE}; "):
        resolve(str(saved / GRAPH_FILE))


def test_run_that_has_not_ended(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="Give a bundle, or a run that has ended"):
        resolve(str(tmp_path))


def test_name_that_no_disk_takes() -> None:
    with pytest.raises(ModelError) as caught:
        resolve("x" * 300)
    assert str(caught.value) == (
        f"{'x' * 300} cannot be looked into: File name too long. Check the path and its permissions."
    )
