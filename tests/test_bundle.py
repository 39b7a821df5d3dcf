"""A bundle on disk: writing, reading back, and the errors for damaged ones."""

from __future__ import annotations

import hashlib
import json
import os
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
    """Changes values of ``card.json``; None removes a field."""
    content = {**json.loads((card / METADATA_FILE).read_text("utf-8")), **values}
    (card / METADATA_FILE).write_text(json.dumps({name: value for name, value in content.items() if value is not None}))


def refusal(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        open_bundle(path)
    return str(caught.value)


def test_read_back_as_saved(saved: Path) -> None:
    opened = open_bundle(saved)
    digests = {
        name: hashlib.sha256(text).hexdigest() for name, text in ((GRAPH_FILE, b"graph"), (WEIGHTS_FILE, b"weights"))
    }
    assert opened.metadata == replace(METADATA, files=digests)
    assert opened == bundle.save(saved, METADATA, b"graph", b"weights")
    assert (opened.graph.read_bytes(), opened.weights.read_bytes()) == (b"graph", b"weights")


def test_optional_ood_file(saved: Path) -> None:
    assert open_bundle(saved).optional_files == {}
    bundle.save(saved, METADATA, b"graph", b"weights", {OOD_FILE: b"ood"})
    opened = open_bundle(saved)
    assert opened.metadata.files[OOD_FILE] == hashlib.sha256(b"ood").hexdigest()
    assert opened.optional_files == {OOD_FILE: b"ood"}
    (saved / OOD_FILE).write_bytes(b"another")
    assert "ood.npz was changed" in refusal(saved)
    (saved / OOD_FILE).unlink()
    assert "ood.npz cannot be read" in refusal(saved)
    bundle.save(saved, METADATA, b"graph", b"weights")
    assert open_bundle(saved).optional_files == {}, "the file of the older model is removed"


def test_card_is_readable_json(saved: Path) -> None:
    card = json.loads((saved / METADATA_FILE).read_text("utf-8"))
    assert list(card) == [one.name for one in fields(BundleMetadata)]
    assert (card["classes"], card["input_spec"]) == (
        ["Größe", "Bag"],
        {"kind": "fashion_mnist", "height": 28, "width": 28, "channels": 1},
    )
    assert card["format"] == FORMAT_VERSION
    assert "Größe" in (saved / METADATA_FILE).read_text("utf-8")


def test_replaces_an_older_bundle(saved: Path) -> None:
    bundle.save(saved, replace(METADATA, name="newer"), b"other", b"weights")
    assert (open_bundle(saved).metadata.name, open_bundle(saved).graph.read_bytes()) == ("newer", b"other")


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("text")
    with pytest.raises(UsageError) as caught:
        bundle.save(tmp_path, METADATA, b"graph", b"weights")
    assert str(tmp_path) in str(caught.value)
    assert [one.name for one in tmp_path.iterdir()] == ["other.txt"]


@pytest.mark.parametrize("name", [".shop", "x" * 101, "a\nb", "file", "-"])
def test_targets_that_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    with pytest.raises(UsageError):
        bundle.save(Path(name), METADATA, b"graph", b"weights")
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_an_empty_folder_is_used(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    bundle.save(tmp_path / "empty", METADATA, b"graph", b"weights")
    assert open_bundle(tmp_path / "empty").metadata.name == "fashion-cnn"


@pytest.mark.file_size(10_000)
def test_full_disk_keeps_the_older_bundle(saved: Path) -> None:
    with pytest.raises(StorageError, match=rf"^cannot write {saved}: File too large\. "):
        bundle.save(saved, METADATA, bytes(10_001), b"weights")
    assert open_bundle(saved).graph.read_bytes() == b"graph"
    assert [one.name for one in saved.parent.iterdir()] == ["model"]


@pytest.mark.parametrize("number", [None, "1", 0, FORMAT_VERSION + 1])
def test_another_format(saved: Path, number: Any) -> None:
    change(saved, format=number)
    assert f"{saved / METADATA_FILE} has the format {number!r}" in refusal(saved)


def test_json_that_is_not_an_object(saved: Path) -> None:
    (saved / METADATA_FILE).write_text("[1, 2]")
    assert f"{saved / METADATA_FILE} has the format None" in refusal(saved)


@pytest.mark.parametrize("name", [GRAPH_FILE, WEIGHTS_FILE])
def test_missing_file(saved: Path, name: str) -> None:
    (saved / name).unlink()
    assert f"{saved} is incomplete: {name} cannot be read (No such file or directory)" in refusal(saved)


@pytest.mark.parametrize("name", [GRAPH_FILE, WEIGHTS_FILE])
def test_changed_file(saved: Path, name: str) -> None:
    expected = hashlib.sha256((saved / name).read_bytes()).hexdigest()
    (saved / name).write_bytes(b"altered")
    message = refusal(saved)
    assert str(saved / name) in message
    assert hashlib.sha256(b"altered").hexdigest() in message
    assert expected in message


def test_file_without_a_digest(saved: Path) -> None:
    change(saved, files={WEIGHTS_FILE: hashlib.sha256(b"weights").hexdigest()})
    assert f"{saved / GRAPH_FILE} was changed" in refusal(saved)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ({"classes": None}, "lacks classes"),
        ({"name": None, "data": None}, "lacks name, data"),
        ({"color": "red"}, "'color'"),
        ({"classes": "Bag"}, "classes is 'Bag'"),
        ({"classes": ["Bag", 3]}, "classes[1] is 3"),
        ({"name": 5}, "name is 5"),
        ({"parameters": "many"}, "parameters is 'many'"),
        ({"files": []}, "files is []"),
        ({"input_spec": {"kind": "fashion_mnist", "height": "28"}}, "input_spec.height is '28'"),
        ({"input_spec": {"side": 28}}, "'side'"),
        ({"input_spec": [28, 28]}, "input_spec is [28, 28]"),
        ({"input_spec": "fashion_mnist"}, "input_spec is 'fashion_mnist'"),
    ],
)
def test_damaged_card(saved: Path, damage: dict[str, Any], reason: str) -> None:
    change(saved, **damage)
    message = refusal(saved)
    assert message.startswith(f"{saved / METADATA_FILE} is damaged: ")
    assert reason in message


@pytest.mark.parametrize("field", ["name", "model", "preset"])
@pytest.mark.parametrize("name", ["../../x", "/x", "a/b", "..", "", "a\nb", "\x1b[2J", "\ud800"])
def test_names_that_become_paths(saved: Path, field: str, name: str) -> None:
    change(saved, **{field: name})
    assert f"its {field} is {name!r}" in refusal(saved)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ({"classes": []}, "one or more different names"),
        ({"classes": ["a", "a"]}, "one or more different names"),
        ({"classes": ["a", ""]}, "one or more different names"),
        ({"classes": ["a", "b\x1b[2J"]}, "control character"),
        ({"data": {"name": "\udc80"}}, "data.name has a control character or half a surrogate"),
        ({"metrics": {"a": [{"\x00": 1}]}}, "control character"),
        ({"metrics": {"a": [float("nan")]}}, "metrics.a is not a finite number"),
        ({"calibration": {"temperature": 10**400}}, "calibration.temperature is not a finite number"),
        ({"input_spec": {"height": 10**9}}, "sides are 1 to"),
        ({"input_spec": {"width": 0}}, "sides are 1 to"),
        ({"input_spec": {"channels": 2}}, "channels 1 or 3"),
        ({"format": True}, "has the format True"),
    ],
)
def test_impossible_values(saved: Path, damage: dict[str, Any], reason: str) -> None:
    change(saved, **damage)
    assert reason in refusal(saved)


@pytest.mark.parametrize("name", [METADATA_FILE, GRAPH_FILE, WEIGHTS_FILE, OOD_FILE])
def test_a_fifo_in_place_of_a_file(saved: Path, name: str) -> None:
    bundle.save(saved, METADATA, b"graph", b"weights", {OOD_FILE: b"ood"})
    (saved / name).unlink()
    os.mkfifo(saved / name)
    assert f"{name} cannot be read (not a regular file)" in refusal(saved)


def test_a_file_larger_than_any_bundle_has(saved: Path) -> None:
    with (saved / WEIGHTS_FILE).open("wb") as file:
        file.truncate(2**40)  # a hole, which takes no space
    assert f"{WEIGHTS_FILE} cannot be read (larger than the limit" in refusal(saved)


@pytest.mark.parametrize("content", [b'{"format": 1', b"", b"\xff\xfe", b"[" * 100_000])
def test_card_that_is_not_json(saved: Path, content: bytes) -> None:
    (saved / METADATA_FILE).write_bytes(content)
    assert refusal(saved).startswith(f"{saved / METADATA_FILE} is damaged: ")


def test_not_a_bundle(tmp_path: Path) -> None:
    assert f"{tmp_path} is not a model: its {METADATA_FILE} cannot be read" in refusal(tmp_path)


@pytest.fixture
def bundled_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_bundle: Callable[..., bundle.Bundle]) -> Path:
    for name in ("fashion-dnn", "fashion-cnn"):
        tiny_bundle(tmp_path / "bundled" / name)
    (tmp_path / "bundled/.fashion-cnn.12345678.part").mkdir()
    (tmp_path / "bundled/.fashion-cnn.12345678.part" / METADATA_FILE).write_text("the draft of a killed process")
    (tmp_path / "bundled/empty").mkdir()
    monkeypatch.setattr(bundle, "BUNDLED_DIR", tmp_path / "bundled")
    return tmp_path / "bundled"


def test_bundled(bundled_dir: Path) -> None:
    assert bundle.bundled() == ["fashion-cnn", "fashion-dnn"]
    assert resolve("fashion-cnn").path == bundled_dir / "fashion-cnn"


def test_resolve_a_folder(bundled_dir: Path, tmp_path: Path, saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle.save(tmp_path / "runs/cnn/bundle", METADATA, b"graph", b"weights")
    monkeypatch.chdir(tmp_path)
    assert resolve(str(saved)).path == saved
    assert resolve("model").path == Path("model")
    assert resolve("runs/cnn").path == Path("runs/cnn/bundle")
    assert resolve("runs/cnn/bundle").path == Path("runs/cnn/bundle")


def test_a_bundled_name_wins_over_a_folder(bundled_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle.save(tmp_path / "fashion-cnn", METADATA, b"graph", b"weights")
    monkeypatch.chdir(tmp_path)
    assert resolve("fashion-cnn").path == bundled_dir / "fashion-cnn"
    assert resolve("./fashion-cnn").path == Path("fashion-cnn")


@pytest.mark.usefixtures("bundled_dir")
def test_unknown_name() -> None:
    with pytest.raises(UnknownNameError) as caught:
        resolve("fashion-cmn")
    assert "'fashion-cmn'" in str(caught.value)
    assert "'fashion-cnn'" in str(caught.value)
    with pytest.raises(UnknownNameError, match=r"'resnet'.*fashion-cnn, fashion-dnn"):
        resolve("resnet")


@pytest.mark.usefixtures("bundled_dir")
def test_path_that_does_not_exist() -> None:
    with pytest.raises(ModelError, match=r"runs/none.*fashion-cnn, fashion-dnn"):
        resolve("runs/none")


def test_no_bundled_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "BUNDLED_DIR", tmp_path / "none")
    with pytest.raises(ModelError, match="runs/none"):
        resolve("runs/none")
    with pytest.raises(UnknownNameError, match=r"'cnn'.*known: none"):
        resolve("cnn")


def test_a_file_is_not_a_folder(saved: Path) -> None:
    with pytest.raises(ModelError, match=f"{saved / GRAPH_FILE} does not exist"):
        resolve(str(saved / GRAPH_FILE))


def test_unfinished_run(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="Give a bundle or a finished run"):
        resolve(str(tmp_path))


def test_name_too_long_for_the_file_system() -> None:
    with pytest.raises(UsageError, match="300 characters is too long"):
        resolve("x" * 300)


@pytest.mark.parametrize("name", ["", "https://example.com/model"])
def test_what_is_no_path(name: str) -> None:
    with pytest.raises(UsageError, match=r"is empty|is a URL"):
        resolve(name)
