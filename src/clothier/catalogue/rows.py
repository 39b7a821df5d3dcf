"""The rows that ``clothier tag`` and ``clothier predict`` write: our columns, then the user's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clothier.errors import UnknownNameError, UsageError
from clothier.untrusted import repeated

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from clothier.store.store import Row

PRODUCT_COLUMNS = frozenset({"product_class", "product_probability"})
STORE_COLUMNS = frozenset({"item_id", "thresholds", "model_class", "reviewed_by", "reviewed_at"})
"""Only the rows of a store have values in these."""
USER_PREFIX = "input."  # of a user's column in --columns, needed where ours has the same name


@dataclass(frozen=True, slots=True)
class OutputColumn:
    """A column of the output.

    Attributes:
        name: its heading.
        type: of its values, which may also be None.
        value: takes a row of the store.
    """

    name: str
    type: type
    value: Callable[[Row], Any]


def _stored(name: str, kind: type, key: str | None = None) -> OutputColumn:
    return OutputColumn(name, kind, lambda row: row[key or name])


def _ranked(name: str, kind: type, rank: int, part: int) -> OutputColumn:
    """The class (part 0) or the probability (part 1) at a rank, 0 for the most probable."""

    def value(row: Row) -> Any:
        top = row["top"] or ()
        return top[rank][part] if rank < len(top) else None

    return OutputColumn(name, kind, value)


def _color(name: str, kind: type, rank: int, part: str) -> OutputColumn:
    """A part of the garment's color at a rank, 0 for the main one."""

    def value(row: Row) -> Any:
        colors = row["colors"] or ()
        return colors[rank][part] if rank < len(colors) else None

    return OutputColumn(name, kind, value)


OUR_COLUMNS = (
    _stored("item_id", str),
    _stored("file", str),
    _stored("class", str),
    _stored("probability", float),
    _ranked("class_2", str, 1, 0),
    _ranked("probability_2", float, 1, 1),
    _ranked("class_3", str, 2, 0),
    _ranked("probability_3", float, 2, 1),
    _stored("code", str),
    _color("color", str, 0, "name"),
    _color("color_hex", str, 0, "hex"),
    _color("color_share", float, 0, "share"),
    _color("color_2", str, 1, "name"),
    _color("color_3", str, 2, "name"),
    _stored("decision", str),
    _stored("reason", str),
    _stored("notes", str),
    _stored("model", str),
    _stored("thresholds", str),
    _stored("trusted", bool),
    _stored("model_class", str),
    _stored("reviewed_by", str),
    _stored("reviewed_at", str),
    _stored("product_class", str),
    _stored("product_probability", float),
    _stored("error_code", str),
    _stored("error_message", str),
)


def output_columns(
    user: Mapping[str, type], chosen: str | None = None, *, without: Collection[str] = PRODUCT_COLUMNS
) -> list[OutputColumn]:
    """The columns of the output.

    Args:
        user: the names and types of the user's columns.
        chosen: names as ``--columns`` takes them, in the order of the output: ``file,class=category,input.class``.
            ``NAME=NEW`` renames; ``input.NAME`` is the user's column where ours has the same name. None for all.
        without: our columns that the rows do not have.

    Raises:
        UsageError: a heading would occur twice.
        UnknownNameError: no such column.
    """
    ours = {one.name: one for one in OUR_COLUMNS if one.name not in without}
    users = {name: OutputColumn(name, kind, _user_value(name)) for name, kind in user.items()}
    if chosen is None:
        _check_unique([*ours, *users])
        return [*ours.values(), *users.values()]
    known = {**{f"{USER_PREFIX}{name}": one for name, one in users.items()}, **users, **ours}
    return choose_columns(known, chosen)


def choose_columns(known: Mapping[str, OutputColumn], chosen: str | None) -> list[OutputColumn]:
    """Those of the ``known`` columns that ``--columns`` names; all for None.

    Raises:
        UsageError: a heading would occur twice.
        UnknownNameError: no such column.
    """
    columns = list(known.values()) if chosen is None else [_choose(part, known) for part in chosen.split(",")]
    _check_unique([one.name for one in columns])
    return columns


def _user_value(name: str) -> Callable[[Row], Any]:
    return lambda row: row["columns"].get(name)


def _choose(part: str, known: Mapping[str, OutputColumn]) -> OutputColumn:
    name, _, new = (one.strip() for one in part.partition("="))
    if name not in known:
        raise UnknownNameError(name, "column", known)
    column = known[name]
    return OutputColumn(new or column.name, column.type, column.value)


def _check_unique(names: Sequence[str]) -> None:
    if twice := sorted(repeated(names)):
        name = twice[0]
        raise UsageError(
            f"the output would have two columns {', '.join(map(repr, twice))}: Clothier's and the table's. "
            f"Choose and rename columns, such as --columns file,{name}=new_{name},{USER_PREFIX}{name}"
        )
