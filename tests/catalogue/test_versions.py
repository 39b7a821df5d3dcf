from __future__ import annotations

import json
import shutil
import threading
from typing import TYPE_CHECKING

import pytest

from clothier.catalogue.versions import (
    current_version,
    known_classes,
    load_current,
    other_classes,
    promote,
    register,
    roll_back,
    versions,
)
from clothier.errors import ModelError, UnknownNameError, UsageError
from clothier.inference import load
from clothier.store import Store, open_store

if TYPE_CHECKING:
    from pathlib import Path


def stricter(model: Path, name: str, min_probability: float = 0.99) -> Path:
    """A copy with other thresholds, as a calibration leaves it."""
    copy = shutil.copytree(model, model.parent / name, dirs_exist_ok=True)
    card = json.loads((copy / "card.json").read_text())
    card["name"], card["thresholds"]["min_probability"] = name, min_probability
    (copy / "card.json").write_text(json.dumps(card))
    return copy


def registered(store: Store, path: Path) -> str:
    return register(store, str(path), load(path))


def test_register_promote_and_roll_back(store: Store, model: Path) -> None:
    assert current_version(store) is None
    assert load_current(store)[0] == "photo"
    first, second = registered(store, model), registered(store, stricter(model, "shop"))
    assert registered(store, model) == first, "it is there already"
    assert [(one.version, one.status, one.name) for one in versions(store)] == [
        (second, "candidate", "shop"),
        (first, "candidate", "colors"),
    ]
    assert promote(store, first, "anna").status == "current"
    promoted = promote(store, second, "anna")
    assert (promoted.location, promoted.promoted_by) == (str(model.parent / "shop"), "anna")
    assert {one.version: one.status for one in versions(store)} == {first: "retired", second: "current"}
    with pytest.raises(UsageError, match="is the current model already"):
        promote(store, second, "anna")
    back = roll_back(store, "bob")
    assert back is not None
    assert back.version == first
    name, loaded = load_current(store)
    assert (name, loaded.name) == (str(model), "colors")
    assert roll_back(store, "bob") is None
    assert load_current(store)[0] == "photo"
    with pytest.raises(UsageError, match="no model was promoted"):
        roll_back(store, "bob")
    store.begin_run("/photos", load(model).digest, "colors")
    register(store, "fashion-cnn", load("fashion-cnn"))
    promote(store, versions(store)[0].version, "anna")
    assert set(store.read(other_classes)) == set(load(model).classes)
    roll_back(store, "bob")
    assert set(store.read(known_classes)) == set(load(model).classes), "of the one that tagged"
    with pytest.raises(UnknownNameError, match="'x' is not a version"):
        promote(store, "x", "anna")


def test_two_roll_backs_at_once_take_back_one_promotion_each(store: Store, store_url: str, model: Path) -> None:
    names = [registered(store, stricter(model, f"m{number}", 0.9 + number / 100)) for number in range(4)]
    for one in names:
        promote(store, one, "anna")

    def work() -> None:
        with open_store(store_url) as own:
            roll_back(own, "anna")

    threads = [threading.Thread(target=work) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    current = current_version(store)
    assert current is not None
    assert current.version == names[1]


def test_a_promoted_model_that_was_replaced_or_removed(store: Store, model: Path) -> None:
    shop = stricter(model, "replaced")
    promote(store, registered(store, shop), "anna")
    stricter(model, "replaced", 0.5)
    with pytest.raises(ModelError, match=r"replaced is not the one that was promoted.*clothier models --promote"):
        load_current(store)
    shutil.rmtree(shop)
    with pytest.raises(ModelError, match=r"the promoted model cannot be loaded: .*replaced does not exist"):
        load_current(store)


def test_a_model_that_moved_is_found_where_it_was_registered_last(store: Store, model: Path) -> None:
    old = stricter(model, "moved")
    version = registered(store, old)
    promote(store, version, "anna")
    shutil.rmtree(model.parent / "elsewhere", ignore_errors=True)
    new = old.rename(model.parent / "elsewhere")
    assert registered(store, new) == version
    assert load_current(store)[0] == str(new)


def test_a_bundled_model_is_kept_by_name(store: Store) -> None:
    register(store, "photo", load("photo"))
    (one,) = versions(store)
    assert one.location == "photo"
    assert one.guarantee is not None
    assert one.guarantee["risk"] == 0.05
    assert store.read(known_classes) == list(load("photo").classes)
