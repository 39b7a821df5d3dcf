"""Groups of photos of a store that show the same picture, and which of each group to keep.

    with open_store("tags.db") as store:
        found = find_duplicates(store)
    for group in found.groups:
        print(group.keep.file, group.reason, [one.file for one in group.copies])

Nothing is decoded: ``clothier tag`` stores the perceptual hash, the colors and the size of each photo. 100,000 photos
take seconds, so a server calls it once and keeps the result until the store changes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import select

from clothier.catalogue.descriptors import to_unit_length
from clothier.data.copies import group_copies
from clothier.data.fingerprints import HASH_BYTES, hash_difference
from clothier.data.photos.histogram import N_BINS
from clothier.store.photo_files import locate
from clothier.store.present_files import CLASS, PAGE, read_present
from clothier.store.schema import EMBEDDING, FILES, ITEMS, OUTPUTS, SOURCES
from clothier.types import no_progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from clothier.store import Store
    from clothier.types import Floats, Int64Array, Progress


@dataclass(frozen=True, slots=True)
class DuplicatePhoto:
    """A file of a group.

    Attributes:
        item_id: its item; files with equal content and no id of the user's are one item.
        file: as its source names it.
        source: the folder or table.
        product: the user's; "" without.
        class_name: of the review if there is one, else of the model; None for none of the classes.
        reviewed_by: a person; None if nobody reviewed it.
        pixels: of the image in full size; None if unknown.
        bytes: of the file; None if unknown.
        is_same_file: whether its content is that of the photo to keep.
        difference: fraction of the bits set in either perceptual hash that differ from the photo to keep, 0 to 0.17.
    """

    item_id: str
    file: str
    source: str
    product: str
    class_name: str | None
    reviewed_by: str | None
    pixels: int | None
    bytes: int | None
    is_same_file: bool
    difference: float

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        values = asdict(self)
        return {"class" if name == "class_name" else name: value for name, value in values.items()}


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Photos of one picture.

    Attributes:
        keep: the best of them.
        reason: why it is the best.
        copies: the others; each matches ``keep``.
    """

    keep: DuplicatePhoto
    reason: str
    copies: tuple[DuplicatePhoto, ...]

    @property
    def photos(self) -> tuple[DuplicatePhoto, ...]:
        """All of them, the one to keep first."""
        return self.keep, *self.copies

    @property
    def has_other_class(self) -> bool:
        """Whether its photos have different classes, so that one of them is wrong."""
        return len({one.class_name for one in self.photos}) > 1

    @property
    def has_other_product(self) -> bool:
        """Whether its photos are of different products, so that a copy is not simply superfluous."""
        return len({one.product for one in self.photos}) > 1

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return {
            "keep": self.keep.to_json(),
            "reason": self.reason,
            "copies": [one.to_json() for one in self.copies],
            "other_class": self.has_other_class,
            "other_product": self.has_other_product,
        }


@dataclass(frozen=True, slots=True)
class Duplicates:
    """What :func:`find_duplicates` found.

    Attributes:
        n: files that were compared by content.
        not_compared: those of them that were compared by content only, because the store has no hash or no colors of
            them: small gray images, and photos that were tagged before hashes were stored.
        groups: the largest first.
    """

    n: int
    not_compared: int
    groups: tuple[DuplicateGroup, ...]

    @property
    def n_copies(self) -> int:
        """Files that are not the best of their group."""
        return sum(len(one.copies) for one in self.groups)


def find_duplicates(store: Store, *, only_last_source: bool = False, progress: Progress = no_progress) -> Duplicates:
    """Finds photos of one picture, also in another size, format or quality, in all sources of a store.

    The best photo of a group has the most pixels; of those, one that a person has reviewed, then the largest file, then
    the first one. Of files with equal content, one that exists is the best. Every copy matches it;
    :mod:`clothier.data.copies` says when. A crop, a frame, a mirror image or a picture with other colors is another
    picture.

    Args:
        store: of the catalogue.
        only_last_source: whether only the photos of the source that was tagged last count.
        progress: receives the number of photos.
    """
    contents: dict[str, _Content] = {}
    n = not_compared = 0
    for page in _pages(store, only_last_source=only_last_source):
        facts = _read_facts(store, {one.digest for one in page})
        for one in page:
            content = contents.setdefault(one.digest, _Content(one.digest, facts.get(one.digest)))
            content.n_files += 1
            content.is_reviewed |= one.reviewed_by is not None
            not_compared += content.facts is None
        n += len(page)
    ranked = sorted(contents.values(), key=_Content.rank)
    groups = _group(store, ranked, progress)
    files = _files_of(store, {one.digest for group in groups for one in group}, only_last_source=only_last_source)
    for digest, listed in files.items():
        files[digest] = _each_file_once(listed)
        repeated = len(listed) - len(files[digest])
        n -= repeated
        not_compared -= repeated if contents[digest].facts is None else 0
    built = [_build(group, files) for group in groups if sum(len(files.get(one.digest, ())) for one in group) > 1]
    return Duplicates(n, not_compared, tuple(sorted(built, key=lambda one: -len(one.copies))))


def _files_of(store: Store, digests: set[str], *, only_last_source: bool) -> dict[str, list[_File]]:
    files: dict[str, list[_File]] = {}
    for page in _pages(store, only_last_source=only_last_source) if digests else ():
        for one in page:
            if one.digest in digests:
                files.setdefault(one.digest, []).append(one)
    return files


def _each_file_once(listed: list[_File]) -> list[_File]:
    """One entry for a file that several sources list, such as a folder and a table of its photos: it is no copy.

    Whoever removes the copies would remove the photo itself. Two rows of one table stay: they may be two products.
    """
    if len({one.source for one in listed}) == 1:
        return listed
    kept: dict[Path | tuple[str, str], _File] = {}
    others = []
    for one in sorted(listed, key=lambda one: (one.reviewed_by is None, not one.product)):
        first = kept.setdefault(_place(one), one)
        if first is not one and first.source == one.source:
            others.append(one)
    chosen = {id(one) for one in (*kept.values(), *others)}
    return [one for one in listed if id(one) in chosen]


def _exists(photo: DuplicatePhoto) -> bool:
    """Whether it is a file of this machine: after a move, the store has the old place, too."""
    return isinstance(_place(photo), Path)


def _place(file: _File | DuplicatePhoto) -> Path | tuple[str, str]:
    """The file itself; source and name if it is not on this machine, as the photos of a ZIP file."""
    try:
        found = locate(Path(file.source), file.file)
        return found.resolve(strict=True) if found else (file.source, file.file)
    except (OSError, RuntimeError, ValueError):  # gone, a loop of links, a NUL
        return file.source, file.file


@dataclass(frozen=True, slots=True)
class _File:
    """A file with its item."""

    digest: str
    item_id: str
    file: str
    source: str
    product: str
    class_name: str | None
    reviewed_by: str | None


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the store knows of a content."""

    perceptual_hash: bytes
    model_id: int
    pixels: int | None
    bytes: int | None


@dataclass(slots=True)
class _Content:
    """The content of one file or more."""

    digest: str
    facts: _Facts | None
    n_files: int = 0
    is_reviewed: bool = False

    @property
    def pixels(self) -> int:
        return self.facts.pixels or 0 if self.facts else 0

    @property
    def bytes(self) -> int:
        return self.facts.bytes or 0 if self.facts else 0

    def rank(self) -> tuple[int, bool, int]:
        """The best first; equal ones in the order of the catalogue."""
        return -self.pixels, not self.is_reviewed, -self.bytes


def _pages(store: Store, *, only_last_source: bool) -> Iterator[list[_File]]:
    """The present files of each source."""
    columns = (FILES.c.digest, FILES.c.item_id, FILES.c.file, SOURCES.c.name, FILES.c.product, CLASS)
    for page in read_present(store, (*columns, ITEMS.c.reviewed_by), only_last_source=only_last_source):
        yield [_File(*values) for _, *values in page]


def _read_facts(store: Store, digests: Iterable[str]) -> Mapping[str, _Facts]:
    """Of photos in color. Where several models have seen a photo, the last one counts: their inputs hardly differ."""
    columns = (OUTPUTS.c.perceptual_hash, OUTPUTS.c.model_id, OUTPUTS.c.pixels, OUTPUTS.c.bytes)
    query = (
        select(OUTPUTS.c.digest, *columns)
        .where(OUTPUTS.c.digest.in_(list(digests)))
        .where(OUTPUTS.c.perceptual_hash.is_not(None), OUTPUTS.c.embedding.is_not(None), OUTPUTS.c.colors.is_not(None))
        .order_by(OUTPUTS.c.model_id)
    )
    rows = store.read(lambda connection: connection.execute(query).all())
    return {digest: _Facts(*values) for digest, *values in rows if len(values[0]) == HASH_BYTES}


def _group(store: Store, ranked: list[_Content], progress: Progress) -> list[list[_Content]]:
    """Contents of one picture, the best first; also single ones that several files have."""
    compared = [one for one in ranked if one.facts]
    hashes = np.frombuffer(b"".join(one.facts.perceptual_hash for one in compared if one.facts), np.uint8)
    kept = group_copies(hashes.reshape(-1, HASH_BYTES), partial(_read_colors, store, compared), progress=progress)
    groups: dict[int, list[_Content]] = {}
    for row, best in enumerate(kept.tolist()):
        groups.setdefault(best, []).append(compared[row])
    others = ([one] for one in ranked if not one.facts)
    return [one for one in (*groups.values(), *others) if len(one) > 1 or one[0].n_files > 1]


def _read_colors(store: Store, contents: list[_Content], rows: Int64Array) -> Floats:
    """(n, B) color histograms of length 1; zeros for a photo whose output is gone."""
    found = np.zeros((len(rows), N_BINS), np.float32)
    for start in range(0, len(rows), PAGE):
        wanted = {contents[row].digest: start + place for place, row in enumerate(rows[start : start + PAGE])}
        query = select(OUTPUTS.c.digest, OUTPUTS.c.model_id, OUTPUTS.c.embedding)
        query = query.where(OUTPUTS.c.digest.in_(list(wanted)), OUTPUTS.c.embedding.is_not(None))
        for one in store.rows_of(query):
            place = wanted[one["digest"]]
            facts = contents[rows[place]].facts
            if facts and facts.model_id == one["model_id"]:
                found[place] = np.frombuffer(one["embedding"], EMBEDDING)[-N_BINS:]
    return to_unit_length(found)


def _build(group: list[_Content], files: Mapping[str, list[_File]]) -> DuplicateGroup:
    best = group[0]
    photos = [_photo(file, one, best) for one in group for file in files[one.digest]]
    same = [one for one in photos if one.is_same_file]
    first = min(same, key=lambda one: (not _exists(one), one.reviewed_by is None))
    copies = tuple(one for one in photos if one is not first)
    return DuplicateGroup(first, _reason(first, copies), copies)


def _photo(file: _File, content: _Content, best: _Content) -> DuplicatePhoto:
    is_same = content is best
    difference = 0.0
    if not is_same and content.facts and best.facts:
        difference = hash_difference(content.facts.perceptual_hash, best.facts.perceptual_hash)
    size = (content.facts.pixels, content.facts.bytes) if content.facts else (None, None)
    place = (file.item_id, file.file, file.source, file.product, file.class_name, file.reviewed_by)
    return DuplicatePhoto(*place, *size, is_same, difference)


def _reason(keep: DuplicatePhoto, copies: tuple[DuplicatePhoto, ...]) -> str:
    """The first rule that distinguishes the photo to keep from the others."""
    others = [one for one in copies if not one.is_same_file]
    most = max((one.pixels or 0 for one in others), default=0)
    if others and keep.pixels and keep.pixels > most:
        return f"most pixels: {keep.pixels:,}, next {most:,}"
    equal = [one for one in others if one.pixels == keep.pixels] or copies
    if keep.reviewed_by and not any(one.reviewed_by for one in equal):
        return f"reviewed by {keep.reviewed_by}"
    largest = max(one.bytes or 0 for one in equal)
    if keep.bytes and keep.bytes > largest:
        return f"largest file: {keep.bytes:,} bytes, next {largest:,}"
    is_other_gone = any(one.is_same_file and not _exists(one) for one in copies)
    return "first file that exists" if is_other_gone and _exists(keep) else "first in the catalogue"
