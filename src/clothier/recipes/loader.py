"""Reads recipes from files and writes them back. Reading is strict: a misspelled field is an error."""

from __future__ import annotations

import json
import sys
import tomllib
from dataclasses import MISSING, fields, is_dataclass, replace
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin, get_type_hints, overload

from clothier.errors import DataError, UnknownNameError, UsageError
from clothier.recipes.presets import DEFAULT_PRESETS, preset
from clothier.untrusted import read_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from dataclasses import Field

    from clothier.recipes.photo import PhotoRecipe
    from clothier.recipes.presets import AnyRecipe
    from clothier.recipes.schema import ModelName, Recipe

T = TypeVar("T")
RecipeT = TypeVar("RecipeT", bound="AnyRecipe")

MAX_SIZE = 64 * 1024  # bytes of a recipe file, which has 1,500; tomllib takes minutes for thousands of dotted keys
CHANGED_SUFFIX = "-changed"  # ends the preset name of a recipe that differs from its preset
TAGS = ("kind", "model")  # fields that distinguish the dataclasses of a union, such as the kinds of network
TYPE_DESCRIPTIONS: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a finite number",
    int | float: "a finite number",
    str: "a text",
    Path: "a path",
}


@overload
def from_file(path: Path, model: ModelName) -> Recipe: ...
@overload
def from_file(path: Path, model: Literal["photo"]) -> PhotoRecipe: ...
@overload
def from_file(path: Path, model: str) -> AnyRecipe: ...
def from_file(path: Path, model: str) -> AnyRecipe:
    """A recipe from a TOML file: ``preset = "fast"`` to start from, and the fields to change.

    A recipe that differs from its preset has the preset name ``fast-changed``.

    Raises:
        UsageError: an unknown field, an invalid value, a recipe of another model, or not TOML.
        DataError: the file cannot be read.
    """
    try:
        changes = tomllib.loads(read_bytes(path, MAX_SIZE).decode("utf-8-sig"))
    except OSError as error:
        raise DataError(f"cannot read the recipe {path}: {error.strerror}. Give a TOML file.") from error
    except (ValueError, RecursionError) as error:  # not TOML, not UTF-8, endless digits, endless nesting
        raise UsageError(f"{path} is not TOML: {error}. A recipe has lines such as: epochs = 8") from error
    if changes.get("model", model) != model:
        raise UsageError(f"{path} is a recipe for {changes['model']!r}, but the model to train is {model!r}.")
    name = str(changes.get("preset", DEFAULT_PRESETS.get(model, ""))).removesuffix(CHANGED_SUFFIX)
    return with_changes(preset(model, name), changes)


def with_changes(base: RecipeT, changes: Mapping[str, Any]) -> RecipeT:
    """``base`` with some fields changed, as a recipe file changes a preset."""
    recipe = from_values(type(base), merge_tables(base.to_json(), {**changes, "preset": base.preset}))
    changed_name = base.preset.removesuffix(CHANGED_SUFFIX) + CHANGED_SUFFIX
    return recipe if recipe == base else replace(recipe, preset=changed_name)


def to_toml(recipe: AnyRecipe) -> str:
    """``recipe`` with every field, as a file that :func:`from_file` reads."""
    values = {name: value for name, value in recipe.to_json().items() if name != "preset"}
    lines = [f"preset = {json.dumps(recipe.preset.removesuffix(CHANGED_SUFFIX))}"]
    lines += [f"{name} = {_toml_value(value)}" for name, value in values.items() if not isinstance(value, dict)]
    for table, fields_of in values.items():
        if isinstance(fields_of, dict):
            lines += ["", f"[{table}]", *(f"{name} = {_toml_value(value)}" for name, value in fields_of.items())]
    return "\n".join(lines) + "\n"


def _toml_value(value: Any) -> str:
    """For the types that a recipe has, JSON is TOML too."""
    return json.dumps(list(value) if isinstance(value, tuple) else value)


def from_values(cls: type[T], values: object, owner: str = "the recipe", path: str = "") -> T:
    """Builds a dataclass from plain JSON or TOML values, each checked against its field's annotation.

    Supported annotations: bool, int, float, str, Path, Any, Literal, tuples of one type, dicts with string keys,
    dataclasses, and unions of these. A union of dataclasses is resolved by the table's ``kind`` or ``model``.

    ``owner`` is what the values belong to, for messages, such as ``config.json``; ``path`` is the dotted name of
    ``values`` within it.

    Raises:
        UnknownNameError: an unknown field, or a value that is not among a field's choices.
        UsageError: a missing field or a value of another type.
    """
    table = f"{owner}'s {path}" if path else owner
    if not isinstance(values, dict):
        raise UsageError(f"{table} is {values!r}; it must be a table of fields.")
    hints = get_type_hints(cls)
    given = {}
    for name, value in values.items():
        if name not in hints:
            raise UnknownNameError(name, f"field of {table}", _nested_names(cls, name) or hints)
        given[name] = _coerce(hints[name], value, owner, _join(path, name))
    if missing := [_join(path, one.name) for one in _required_fields(cls) if one.name not in given]:
        raise UsageError(f"{owner} lacks {', '.join(missing)}.")
    return cls(**given)


def _nested_names(cls: Any, name: str) -> list[str]:
    """The dotted name of the field ``name`` of a table of ``cls``, if it has one."""
    return [
        f"{outer}.{name}"
        for outer, hint in get_type_hints(cls).items()
        if any(name in get_type_hints(one) for one in (hint, *get_args(hint)) if is_dataclass(one))
    ]


def merge_tables(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` updated with ``changes``, table by table.

    A table of another ``kind`` replaces the old one: the fields of one network or optimizer do not fit another.
    """
    merged = dict(base)
    for name, value in changes.items():
        old: Any = merged.get(name)
        both_tables = isinstance(old, dict) and isinstance(value, dict)
        same_kind = both_tables and value.get("kind", old.get("kind")) == old.get("kind")
        merged[name] = merge_tables(old, value) if same_kind else value
    return merged


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _required_fields(cls: Any) -> list[Field[Any]]:
    return [one for one in fields(cls) if one.default is MISSING and one.default_factory is MISSING]


def _coerce(hint: Any, value: Any, owner: str, path: str) -> Any:
    """``value`` as the annotation wants it."""
    origin, args = get_origin(hint), get_args(hint)
    if hint is Any or (type(value) is hint and _is_finite(value)):
        return value
    if isinstance(hint, type) and is_dataclass(hint):
        return from_values(hint, value, owner, path)
    if isinstance(hint, UnionType):
        return _coerce_union(hint, value, owner, path)
    if origin is Literal:
        return _choose(value, args, path)
    if origin is tuple and isinstance(value, (list, tuple)):
        return tuple(_coerce(args[0], one, owner, f"{path}[{place}]") for place, one in enumerate(value))
    if origin is dict and isinstance(value, dict):
        return {name: _coerce(args[1], one, owner, f"{path}.{name}") for name, one in value.items()}
    if hint is Path and isinstance(value, str):
        return Path(value)
    if hint is float and type(value) is int and _is_finite(value):
        return float(value)
    raise UsageError(f"{owner}'s {path} is {value!r}; it must be {_describe(hint)}.")


def _coerce_union(hint: Any, value: Any, owner: str, path: str) -> Any:
    options = get_args(hint)
    if type(value) in options and _is_finite(value):
        return value
    others = [one for one in options if one is not NoneType]
    if len(others) == 1:
        return _coerce(others[0], value, owner, path)
    classes = [one for one in options if isinstance(one, type) and is_dataclass(one)]
    if classes:
        tag = next(name for name in TAGS if name in get_type_hints(classes[0]))
        by_tag = {name: one for one in classes for name in get_args(get_type_hints(one)[tag])}
        name = value.get(tag, "") if isinstance(value, dict) else value
        return from_values(by_tag[_choose(name, tuple(by_tag), f"{path}.{tag}")], value, owner, path)
    raise UsageError(f"{owner}'s {path} is {value!r}; it must be {_describe(hint)}.")


def _choose(value: Any, choices: tuple[Any, ...], path: str) -> Any:
    if value not in choices:
        raise UnknownNameError(str(value), f"value for {path}", choices)
    return value


def _describe(hint: Any) -> str:
    """What a field of this type is called in messages."""
    if get_origin(hint) is tuple:
        return f"a list, each {_describe(get_args(hint)[0])}"
    return TYPE_DESCRIPTIONS.get(hint, "a table of fields")


def _is_finite(value: object) -> bool:
    """TOML has inf and nan, and integers beyond every float."""
    return not isinstance(value, (int, float)) or abs(value) <= sys.float_info.max
