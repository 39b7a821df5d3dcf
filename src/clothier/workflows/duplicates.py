"""``clothier duplicates``: photos -> store -> groups of one picture."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clothier.catalogue.duplicates import find_duplicates
from clothier.catalogue.rows import OutputColumn
from clothier.catalogue.sources import check_is_no_source
from clothier.catalogue.tables import check_output, write_table
from clothier.paths import check_not_source, optional_path
from clothier.store import open_existing_store
from clothier.types import no_progress
from clothier.workflows.index import tag_if_photos

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from clothier.catalogue.duplicates import Duplicates
    from clothier.store.store import Row
    from clothier.types import FailedInput, Progress

NOT_COMPARED = (
    "{n:,} photos were compared byte by byte only: small grayscale images, or photos that were tagged before hashes "
    "were stored. For those, run clothier tag again."
)
COLUMNS: dict[str, type] = {
    "group": int,
    "keep": bool,
    "item_id": str,
    "file": str,
    "source": str,
    "product": str,
    "class": str,
    "reviewed_by": str,
    "pixels": int,
    "bytes": int,
    "is_same_file": bool,
    "difference": float,
    "reason": str,
    "other_class": bool,
    "other_product": bool,
}


@dataclass(frozen=True, slots=True)
class DuplicatesResult:
    """What a run of ``clothier duplicates`` found.

    Attributes:
        store: where the hashes of the photos are kept.
        output: the table that was written; None for none.
        found: the groups.
        n_failed: photos that could not be read.
        failures: the first twenty of them.
        warnings: one sentence each.
        seconds: of the whole run.
    """

    store: str
    output: Path | None
    found: Duplicates
    n_failed: int
    failures: tuple[FailedInput, ...]
    warnings: tuple[str, ...]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        groups = self.found.groups
        return {
            "store": self.store,
            "output": str(self.output) if self.output else None,
            "n": self.found.n,
            "not_compared": self.found.not_compared,
            "copies": self.found.n_copies,
            "other_class": sum(one.has_other_class for one in groups),
            "other_product": sum(one.has_other_product for one in groups),
            "groups": [one.to_json() for one in groups],
            "failed": self.n_failed,
            "failures": [one.to_json() for one in self.failures],
            "warnings": list(self.warnings),
            "seconds": self.seconds,
        }


def duplicates(
    source: str | Path,
    output: str | Path | None = None,
    *,
    model: str | Path | None = None,
    file_column: str | None = None,
    id_column: str | None = None,
    product_column: str | None = None,
    progress: Progress = no_progress,
) -> DuplicatesResult:
    """Finds photos that show the same picture, and says which of them to keep; no file is changed.

    Photos are tagged first, as :func:`clothier.tag` does it, into a store beside the output; those that the store knows
    are not read again.

    Args:
        source: photos as ``clothier.tag`` takes them, or a store: a SQLite file or a URL.
        output: a table to write, with a row for each photo of a group: ``.csv``, ``.jsonl`` or ``.parquet``.
        model: as ``clothier.tag`` takes it, for photos.
        file_column: of a table, with the photos; None for ``file``.
        id_column: of a table, with an id for each photo; None to make one from the content.
        product_column: of a table, with what photos of one product have in common.
        progress: receives the number of photos.

    Raises:
        UsageError: photos without an output, an output in place of the source, columns of a store, or another process
            uses the store.
        DataError: source or store are missing or damaged, or the store has no tags.
        ModelError: the model is missing or damaged.
        StorageError: output or store cannot be written; an older output is unchanged.
    """
    started, target = time.monotonic(), optional_path(output)
    if target:
        check_not_source(source, target)
        check_output(target)
    columns = (file_column, id_column, product_column)
    photos = tag_if_photos(source, target, columns, model=model, progress=progress)
    with open_existing_store(photos.store) as opened:
        if target:
            check_is_no_source(opened, target)
        if not photos.is_tagged:
            opened.require_tags()
        found = find_duplicates(opened, only_last_source=photos.is_tagged, progress=progress)
        name = opened.name
    if target:
        write_groups(target, found)
    return DuplicatesResult(
        store=name,
        output=target,
        found=found,
        n_failed=photos.n_failed,
        failures=photos.failures,
        warnings=(*photos.warnings, *_warnings(found)),
        seconds=time.monotonic() - started,
    )


def write_groups(path: Path, found: Duplicates) -> None:
    """Writes a table with a row for each photo of a group.

    Raises:
        StorageError: it cannot be written; an older one is unchanged.
    """
    write_table(path, [OutputColumn(one, kind, _value(one)) for one, kind in COLUMNS.items()], _rows(found))


def _value(name: str) -> Any:
    return lambda row: row[name]


def _rows(found: Duplicates) -> Iterator[Row]:
    for number, group in enumerate(found.groups, 1):
        facts = {"group": number, "other_class": group.has_other_class, "other_product": group.has_other_product}
        for photo in group.photos:
            is_kept = (photo.source, photo.file) == (group.keep.source, group.keep.file)  # in two rows of a table
            reason = group.reason if photo is group.keep else None
            yield {**facts, "keep": is_kept, **photo.to_json(), "reason": reason}


def _warnings(found: Duplicates) -> list[str]:
    return [NOT_COMPARED.format(n=found.not_compared)] if found.not_compared else []
