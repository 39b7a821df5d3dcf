"""The rows that ``clothier tag`` and ``clothier predict`` write: our columns, then the user's."""

from __future__ import annotations

import itertools
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clothier.errors import UnknownNameError, UsageError
from clothier.untrusted import repeated

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from clothier.store.store import Row

PRODUCT_COLUMNS = frozenset({"product_class", "product_probability"})
STORE_COLUMNS = frozenset({"item_id", "thresholds", "model_class", "reviewed_by", "reviewed_at"})
"""Only the rows of a store have values in these."""
USER_PREFIX = "input."  # of a user's column in --columns, needed where ours has the same name
ALL_OTHERS = "*"  # in --columns: the columns that the list does not name


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
            ``NAME=NEW`` renames; ``input.NAME`` is the user's column where ours has the same name; ``*`` stands for
            all columns that the list does not name. None for all.
        without: our columns that the rows do not have.

    Raises:
        UsageError: a heading would occur twice.
        UnknownNameError: no such column.
    """
    ours = {one.name: one for one in OUR_COLUMNS if one.name not in without}
    users = {name: OutputColumn(name, kind, _user_value(name)) for name, kind in user.items()}
    if chosen is None:
        if clashes := [name for name in ours if name in users]:
            raise UsageError(_clash_message(clashes, {*ours, *users}))
        return [*ours.values(), *users.values()]
    known = {**{f"{USER_PREFIX}{name}": one for name, one in users.items()}, **users, **ours}
    return choose_columns(known, chosen, others=[*ours, *users])


def choose_columns(
    known: Mapping[str, OutputColumn], chosen: str | None, *, others: Sequence[str] | None = None
) -> list[OutputColumn]:
    """Those of the ``known`` columns that ``--columns`` names; all for None.

    Args:
        known: by the names that may be chosen.
        chosen: as ``--columns`` takes it.
        others: the names that ``*`` stands for; None for all.

    Raises:
        UsageError: a heading would occur twice.
        UnknownNameError: no such column.
    """
    if chosen is None:
        return list(known.values())
    columns = list(_chosen(known, chosen.split(","), known if others is None else others))
    if twice := repeated([one.name for one in columns]):
        raise UsageError(
            f"the output would have two columns {twice[0]!r}. Rename or leave out one of them in --columns."
        )
    return columns


def _chosen(known: Mapping[str, OutputColumn], parts: Sequence[str], others: Collection[str]) -> Iterator[OutputColumn]:
    names = [part.partition("=")[0].strip() for part in parts]
    named = [known[name] for name in names if name in known]
    for name, part in zip(names, parts, strict=True):
        if name in known:
            new = part.partition("=")[2].strip()
            yield OutputColumn(new or known[name].name, known[name].type, known[name].value)
        elif name == ALL_OTHERS:
            yield from (known[one] for one in dict.fromkeys(others) if not any(known[one] is other for other in named))
        else:
            raise UnknownNameError(name, "column", known)


def _user_value(name: str) -> Callable[[Row], Any]:
    return lambda row: row["columns"].get(name)


def _clash_message(names: Sequence[str], taken: Collection[str]) -> str:
    """What to give so that all columns are in the output, those of the table under another name."""
    renamed = [f"{USER_PREFIX}{name}={_unused(f'input_{name}', taken)}" for name in names]
    return (
        f"the output would have two columns {', '.join(map(repr, names))}: Clothier's and the table's. Rename the "
        f"table's: --columns {shlex.quote(','.join([ALL_OTHERS, *renamed]))}"
    )


def _unused(name: str, taken: Collection[str]) -> str:
    names = itertools.chain([name], (f"{name}_{number}" for number in itertools.count(2)))
    return next(one for one in names if one not in taken)
