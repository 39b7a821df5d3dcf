"""Recipes from files and back: strict, so that a misspelt field is never silently ignored."""

from __future__ import annotations

import tomllib
from dataclasses import MISSING, fields, is_dataclass
from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

from clothier.errors import DataError, UnknownNameError, UsageError
from clothier.recipes.presets import preset
from clothier.recipes.schema import NETWORKS, Augment, Optimizer, Recipe

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def from_file(path: Path, model: str) -> Recipe:
    """A recipe from a TOML file: ``preset = "fast"`` to start from, and the fields to change.

    Raises:
        UsageError: an unknown field, a value that cannot be taken, or not TOML.
        DataError: the file cannot be read.
    """
    try:
        changes = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"cannot read the recipe {path}: {error.strerror}. Give a TOML file.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}. A recipe is lines such as: epochs = 8") from error
    if changes.get("model", model) != model:
        raise UsageError(f"{path} is a recipe for {changes['model']!r}, but {model!r} is to be trained.")
    base = preset(model, str(changes.get("preset", "fast")))
    return from_json(_merged(base.to_json(), changes))


def from_json(values: Mapping[str, Any]) -> Recipe:
    """The recipe that :meth:`Recipe.to_json` wrote.

    Raises:
        UsageError: an unknown field or a value that cannot be taken.
    """
    network = dict(values.get("network", {}))
    kind = str(network.get("kind", ""))
    if kind not in NETWORKS:
        raise UnknownNameError(kind, "network", NETWORKS)
    parts = {
        "network": _built(NETWORKS[kind], network, "network."),
        "optimizer": _built(Optimizer, values.get("optimizer", {}), "optimizer."),
        "augment": _built(Augment, values.get("augment", {}), "augment."),
    }
    recipe: Recipe = _built(Recipe, {**values, **parts}, "")
    return recipe


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with ``changes`` laid over it, table by table; a network of another kind replaces the whole."""
    merged = dict(base)
    for name, value in changes.items():
        below: Any = merged.get(name)
        both_tables = isinstance(below, dict) and isinstance(value, dict)
        same_kind = both_tables and value.get("kind", below.get("kind")) == below.get("kind")
        merged[name] = _merged(below, value) if same_kind else value
    return merged


def _built(cls: type[Any], values: Mapping[str, Any], prefix: str) -> Any:
    """Makes the frozen ``cls`` from plain values, each checked against its annotation."""
    if not isinstance(values, dict):
        raise UsageError(f"the recipe's {prefix[:-1]!r} is {values!r}; it must be a table of fields.")
    hints = get_type_hints(cls)
    known = [one.name for one in fields(cls)]
    taken = {}
    for name, value in values.items():
        if name not in known:
            raise UnknownNameError(f"{prefix}{name}", "recipe field", [f"{prefix}{one}" for one in known])
        taken[name] = _taken(hints[name], value, f"{prefix}{name}")
    missing = [one.name for one in fields(cls) if one.name not in taken and _is_required(one)]
    if missing:
        raise UsageError(f"the recipe lacks {', '.join(prefix + name for name in missing)}.")
    return cls(**taken)


def _is_required(one: Any) -> bool:
    return one.default is MISSING and one.default_factory is MISSING


def _taken(hint: Any, value: Any, name: str) -> Any:
    """``value`` as the annotation wants it.

    Raises:
        UsageError: it cannot be taken so.
    """
    if is_dataclass(value):
        return value
    if get_origin(hint) is tuple:
        item = get_args(hint)[0]
        if isinstance(value, (list, tuple)):
            return tuple(_taken(item, one, name) for one in value)
    elif get_origin(hint) is Literal:
        if value in get_args(hint):
            return value
        raise UnknownNameError(str(value), f"value for {name}", [str(one) for one in get_args(hint)])
    elif get_origin(hint) in (Union, UnionType):
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return value
    elif hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    elif hint in (int, bool, str) and type(value) is hint:
        return value
    wanted = getattr(hint, "__name__", str(hint))
    raise UsageError(f"the recipe's {name} is {value!r}; it must be of type {wanted}.")
