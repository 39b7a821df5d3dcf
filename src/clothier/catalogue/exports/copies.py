"""Photos that several sources of a store have, as a folder and a table of its files: which rows a shop gets.

A row with a product stands for its copies in other sources, then one with an id of the user's; of rows that are alike
in this, that of the source that was tagged last. Rows of one source are never copies of each other: its owner listed
the photo twice on purpose, for two products or two sizes.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from sqlalchemy import distinct, func, select

from clothier.catalogue.tags import ID_LENGTH, REVIEW
from clothier.store.schema import FILES, HAS_TAG, ITEMS, SOURCES
from clothier.types import FailedInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import ColumnElement

    from clothier.store import Store
    from clothier.store.store import Row, RunId

TWO_PRODUCTS = (
    "{file} is in {first!r} of {first_source} and in {second!r} of {second_source}; both are exported. If one of these "
    "sources is outdated, remove it: clothier sources --store STORE --remove SOURCE"
)

Place = tuple[int, str]
"""A source and the key of a file in it."""


@dataclass(frozen=True, slots=True)
class Copies:
    """Rows that are left out because another source has the same photo.

    Attributes:
        left_out: where they are.
        example: the first of them, and its source.
        reviews: what a person said of a row that is left out, for each row of that photo that has no review.
        conflicts: photos that are in different products of several sources, which all stay.
    """

    left_out: frozenset[Place] = frozenset()
    example: tuple[str, str] = ("", "")
    reviews: Mapping[Place, Row] = field(default_factory=dict)
    conflicts: tuple[FailedInput, ...] = ()


def find_copies(store: Store, runs: Sequence[RunId], where: Sequence[ColumnElement[bool]]) -> Copies:
    """The copies among the files of runs over different sources.

    Args:
        store: of the tags.
        runs: one for each source.
        where: conditions on the items.
    """
    if len(runs) < 2:
        return Copies()
    in_runs = FILES.c.run_id.in_([one.run for one in runs]) & FILES.c.error_code.is_(None)
    shared = select(FILES.c.digest).where(in_runs).group_by(FILES.c.digest)
    shared = shared.having(func.count(distinct(FILES.c.source_id)) > 1)
    columns = [FILES.c[name] for name in ("digest", "source_id", "key", "file", "item_id", "product", "run_id")]
    query = (
        select(*columns, SOURCES.c.name.label("source"), *(ITEMS.c[name] for name in REVIEW))
        .join(SOURCES, SOURCES.c.source_id == FILES.c.source_id)
        .join(ITEMS, HAS_TAG)
        .where(in_runs, FILES.c.digest.in_(shared), *where)
        .order_by(FILES.c.digest, FILES.c.source_id, FILES.c.position)
    )
    left_out: list[Row] = []
    reviews: dict[Place, Row] = {}
    conflicts = []
    for _, group in groupby(store.rows_of(query), key=lambda row: row["digest"]):
        kept, copies = _choose(list(group))
        left_out += copies
        if reviewed := [one for one in copies if one["review_id"] is not None]:
            last = max(reviewed, key=lambda one: one["review_id"])
            review = {name: last[name] for name in REVIEW}
            reviews |= {_place(one): review for one in kept if one["review_id"] is None}
        conflicts += _conflicts(kept)
    example = (left_out[0]["file"], left_out[0]["source"]) if left_out else ("", "")
    return Copies(frozenset(map(_place, left_out)), example, reviews, tuple(conflicts))


def _choose(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """The rows of a photo that stay, and those that are left out."""
    by_rank: dict[int, set[int]] = defaultdict(set)  # the sources that have rows of a rank
    newest: dict[tuple[int, str], int] = {}
    for row in rows:
        by_rank[_rank(row)].add(row["source_id"])
        newest[_name(row)] = max(newest.get(_name(row), 0), row["run_id"])
    kept: list[Row] = []
    copies: list[Row] = []
    for row in rows:
        better = [sources for rank, sources in by_rank.items() if rank > _rank(row)]
        is_copy = any(sources - {row["source_id"]} for sources in better) or row["run_id"] < newest[_name(row)]
        (copies if is_copy else kept).append(row)
    return kept, copies


def _conflicts(kept: Iterable[Row]) -> list[FailedInput]:
    """A message if rows of several sources stay."""
    first, *others = kept
    second = next((one for one in others if one["source_id"] != first["source_id"]), None)
    if second is None:
        return []
    names = {"first": _name(first)[1], "second": _name(second)[1]}
    sources = {"first_source": first["source"], "second_source": second["source"]}
    return [FailedInput(first["file"], "duplicate", TWO_PRODUCTS.format(file=first["file"], **names, **sources))]


def _rank(row: Row) -> int:
    """Of how the user names a photo: by a product, by an id, or not at all."""
    return 2 if row["product"] else int(row["item_id"] != row["digest"][:ID_LENGTH])


def _name(row: Row) -> tuple[int, str]:
    return _rank(row), row["product"] or row["item_id"]


def _place(row: Row) -> Place:
    return row["source_id"], row["key"]
