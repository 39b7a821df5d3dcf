"""``clothier models``: the models that tagged a store, which one tags by default, and the one before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clothier.catalogue import versions
from clothier.catalogue.class_limits import class_limits, set_class_limits
from clothier.errors import UsageError
from clothier.inference import load
from clothier.store import open_existing_store

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from clothier.catalogue.class_limits import ClassLimit
    from clothier.catalogue.versions import ModelVersion
    from clothier.store import Store


@dataclass(frozen=True, slots=True)
class ModelsResult:
    """The versions of models in a store, the one that was registered last first, and its limits for classes."""

    store: str
    versions: tuple[ModelVersion, ...]
    limits: tuple[ClassLimit, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return {
            "store": self.store,
            "versions": [one.to_json() for one in self.versions],
            "class_limits": [one.to_json() for one in self.limits],
        }


def list_models(store: str | Path) -> ModelsResult:
    """The models that tagged the photos of a store or were registered in it."""
    with open_existing_store(store) as opened:
        return _list(opened)


def promote_model(store: str | Path, model: str, actor: str) -> ModelsResult:
    """Makes a model the one that ``clothier tag --store`` uses by default.

    Args:
        store: a SQLite file or the URL of a PostgreSQL database.
        model: a version of the store, or what ``clothier.load`` takes: it is registered first.
        actor: who does it.

    Raises:
        UsageError: there is no such model, or it is the current one.
        ModelError: the model is damaged.
        DataError: the store is missing or damaged.
    """
    with open_existing_store(store) as opened:
        known = {one.version: one.location for one in versions.versions(opened)}
        location = known.get(model, model)
        version = versions.register(opened, location, load(location))
        if model in known and version != model:
            raise UsageError(f"the model in {location} is not version {model} any more: it was replaced.")
        versions.promote(opened, version, actor)
        return _list(opened)


def roll_back_model(store: str | Path, actor: str) -> ModelsResult:
    """Takes the last promotion back.

    Raises:
        UsageError: nothing was promoted.
        DataError: the store is missing or damaged.
    """
    with open_existing_store(store) as opened:
        versions.roll_back(opened, actor)
        return _list(opened)


def limit_classes(store: str | Path, limits: Mapping[str, float | None], actor: str) -> ModelsResult:
    """Sets from where on classes are accepted (:mod:`clothier.catalogue.class_limits`).

    Args:
        store: a SQLite file or the URL of a PostgreSQL database.
        limits: class to probability, None for never, 0 to remove a limit.
        actor: who does it.

    Raises:
        UnknownNameError: no such class.
        DataError: the store is missing or damaged.
    """
    with open_existing_store(store) as opened:
        set_class_limits(opened, limits, actor)
        return _list(opened)


def _list(store: Store) -> ModelsResult:
    return ModelsResult(store.name, tuple(versions.versions(store)), tuple(class_limits(store)))
