"""Recipes from files and back: strict, so that a misspelt field is never silently ignored."""

from __future__ import annotations

import json
import sys
import tomllib
from dataclasses import MISSING, fields, is_dataclass, replace
from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from clothier.errors import DataError, UnknownNameError, UsageError
from clothier.recipes.presets import preset
from clothier.recipes.schema import NETWORKS, Augment, Distill, HardExampleMining, Optimizer, Recipe

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CHANGED_SUFFIX = "-changed"
"""Ends the name of a preset that a file changed."""

TYPE_DESCRIPTIONS: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a finite number",
    int | float: "a finite number",
    str: "a text",
    tuple[int, ...]: "a list of whole numbers",
}
"""What a field of each type is called in sentences."""


def from_file(path: Path, model: str) -> Recipe:
    """A recipe from a TOML file: ``preset = "fast"`` to start from, and the fields to change.

    A recipe that differs from its preset says so in its name, ``fast-changed``, wherever figures of it are shown.

    Raises:
        UsageError: an unknown field, a value that cannot be taken, or not TOML.
        DataError: the file cannot be read.
    """
    try:
        changes = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"cannot read the recipe {path}: {error.strerror}. Give a TOML file.") from error
    except (ValueError, RecursionError) as error:  # not TOML, not UTF-8, endless digits, endless nesting
        raise UsageError(f"{path} is not TOML: {error}. A recipe is lines such as: epochs = 8") from error
    if changes.get("model", model) != model:
        raise UsageError(f"{path} is a recipe for {changes['model']!r}, but {model!r} is to be trained.")
    return with_changes(preset(model, str(changes.get("preset", "fast")).removesuffix(CHANGED_SUFFIX)), changes)


def with_changes(base: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """``base`` with some fields changed, as a recipe file changes a preset; its name says so.

    Raises:
        UsageError: an unknown field or a value that cannot be taken.
    """
    recipe = from_json(merge_tables(base.to_json(), {**changes, "preset": base.preset}))
    return recipe if recipe == base else replace(recipe, preset=base.preset + CHANGED_SUFFIX)


def to_toml(recipe: Recipe) -> str:
    """``recipe`` as a file that :func:`from_file` reads: every field, so that it stands for itself."""
    values = {name: value for name, value in recipe.to_json().items() if name != "preset"}
    lines = [f"preset = {json.dumps(recipe.preset.removesuffix(CHANGED_SUFFIX))}"]
    lines += [f"{name} = {_toml_value(value)}" for name, value in values.items() if not isinstance(value, dict)]
    for table, fields_of in values.items():
        if isinstance(fields_of, dict):
            lines += ["", f"[{table}]", *(f"{name} = {_toml_value(value)}" for name, value in fields_of.items())]
    return "\n".join(lines) + "\n"


def _toml_value(value: Any) -> str:
    """JSON of the kinds of values that a recipe has is TOML, too."""
    return json.dumps(list(value) if isinstance(value, tuple) else value)


def from_json(values: Mapping[str, Any]) -> Recipe:
    """The recipe that :meth:`Recipe.to_json` wrote.

    Raises:
        UsageError: an unknown field or a value that cannot be taken.
    """
    parts = {
        "network": _parse_network(_require_table(values).get("network", {})),
        "optimizer": _build(Optimizer, values.get("optimizer", {}), "optimizer"),
        "augment": _build(Augment, values.get("augment", {}), "augment"),
        "hard_example_mining": _build(HardExampleMining, values.get("hard_example_mining", {}), "hard_example_mining"),
        "distill": _build(Distill, values.get("distill", {}), "distill"),
    }
    recipe: Recipe = _build(Recipe, {**values, **parts})
    return recipe


def _parse_network(values: Any) -> Any:
    kind = str(_require_table(values, "network").get("kind", ""))
    if kind not in NETWORKS:
        raise UnknownNameError(kind, "network", NETWORKS)
    return _build(NETWORKS[kind], values, "network")


def merge_tables(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with ``changes`` laid over it, table by table.

    A table of another ``kind`` replaces the whole: what suits one network or optimizer means nothing to another.
    """
    together = dict(base)
    for name, value in changes.items():
        below: Any = together.get(name)
        both_tables = isinstance(below, dict) and isinstance(value, dict)
        same_kind = both_tables and value.get("kind", below.get("kind")) == below.get("kind")
        together[name] = merge_tables(below, value) if same_kind else value
    return together


def _require_table(value: Any, name: str = "") -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    whose = f"the recipe's {name}" if name else "the recipe"
    raise UsageError(f"{whose} is {value!r}; it must be a table of fields.")


def _build(cls: type[Any], values: Any, table: str = "") -> Any:
    """Makes the frozen ``cls`` from plain values, each checked against its annotation."""
    prefix = f"{table}." if table else ""
    hints = get_type_hints(cls)
    known = [one.name for one in fields(cls)]
    taken = {}
    for name, value in _require_table(values, table).items():
        if name not in known:
            raise UnknownNameError(name, f"field of the recipe's {table}" if table else "field of the recipe", known)
        taken[name] = _coerce(hints[name], value, f"{prefix}{name}")
    missing = [one.name for one in fields(cls) if one.name not in taken and _is_required(one)]
    if missing:
        raise UsageError(f"the recipe lacks {', '.join(prefix + name for name in missing)}.")
    return cls(**taken)


def _is_required(one: Any) -> bool:
    return one.default is MISSING and one.default_factory is MISSING


def _coerce(hint: Any, value: Any, name: str) -> Any:
    """``value`` as the annotation wants it.

    Raises:
        UsageError: it cannot be taken so.
    """
    if is_dataclass(value):
        return value
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise UnknownNameError(str(value), f"value for {name}", get_args(hint))
        return value
    if get_origin(hint) is tuple and isinstance(value, (list, tuple)):
        return tuple(_coerce(get_args(hint)[0], one, f"{name}[{place}]") for place, one in enumerate(value))
    if hint is float and type(value) is int and _is_finite(value):
        return float(value)
    types = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    if type(value) in types and _is_finite(value):
        return value
    raise UsageError(f"the recipe's {name} is {value!r}; it must be {TYPE_DESCRIPTIONS[hint]}.")


def _is_finite(value: bool | int | float | str) -> bool:
    return isinstance(value, str) or abs(value) <= sys.float_info.max  # inf and nan are TOML, too
