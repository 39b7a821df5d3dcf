"""Annotations of Label Studio as reviews of a store, in the order in which they were made.

Each annotation is a review by its annotator, so several annotators of one photo are several reviews, of which the last
one counts. One that the store has is written again only where another one counted until now, so a project can be
exported and read as often as one likes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import exists, select

from clothier.catalogue.exports.label_studio import none_choice
from clothier.catalogue.review.action_rows import UNDO
from clothier.catalogue.review.actions import Judgment, review
from clothier.catalogue.versions import known_classes
from clothier.store.schema import ACTIONS, ITEMS, REVIEWS
from clothier.taxonomy import label_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import Connection

    from clothier.catalogue.review.label_studio import Annotation
    from clothier.store import Store

PAGE = 1_000  # reviews that are written in one transaction, and items that a statement names


@dataclass(slots=True)
class ImportedAnnotations:
    """What became of annotations.

    Attributes:
        reviewers: new reviews by annotator.
        known: annotations that the store had already.
        disagreements: photos about whose class the annotators disagree.
        unknown_items: ids that are not in the store.
        unknown_labels: labels that are no class of the model, and how many annotations have each.
    """

    reviewers: Counter[str] = field(default_factory=Counter)
    known: int = 0
    disagreements: int = 0
    unknown_items: list[str] = field(default_factory=list)
    unknown_labels: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Said:
    """An annotator's class of an item; None for none of the classes."""

    item_id: str
    class_name: str | None
    reviewer: str


def import_annotations(store: Store, annotations: Iterable[Annotation]) -> ImportedAnnotations:
    """Writes annotations as reviews, whatever was reviewed before.

    An annotation is known if it is what its annotator said last about the photo, and was not taken back since.

    Raises:
        StorageError: the store cannot be written. What was written stays; the next call continues.
    """
    found = ImportedAnnotations()
    by_item: dict[str, dict[str, _Said]] = {}
    for one in _checked(store, sorted(annotations, key=lambda one: one.order), found):
        by_reviewer = by_item.setdefault(one.item_id, {})
        by_reviewer.pop(one.reviewer, None)  # what an annotator said last counts, in its place among the others
        by_reviewer[one.reviewer] = one
    found.disagreements = sum(len({one.class_name for one in said.values()}) > 1 for said in by_item.values())
    items = [list(said.values()) for said in by_item.values()]
    for batch in _rounds(items):
        _write(store, batch, found)
    for start in range(0, len(items), PAGE):
        for batch in _rounds([[one] for one in _overtaken(store, items[start : start + PAGE])]):
            _review(store, batch, found)
            found.known -= len(batch)
    return found


def _checked(store: Store, annotations: Sequence[Annotation], found: ImportedAnnotations) -> list[_Said]:
    """Those of items and classes that the store knows; the others are counted."""
    names = store.read(known_classes)
    classes = {label_key(none_choice(names)): None, **{label_key(one): one for one in names}}
    ids = list(dict.fromkeys(one.item_id for one in annotations))
    known: set[str] = set()
    for start in range(0, len(ids), PAGE):
        known |= store.read(partial(_known_items, ids=ids[start : start + PAGE]))
    found.unknown_items = [one for one in ids if one not in known]
    found.unknown_labels = Counter(one.label for one in annotations if label_key(one.label) not in classes)
    usable = [one for one in annotations if one.item_id in known and label_key(one.label) in classes]
    return [_Said(one.item_id, classes[label_key(one.label)], one.reviewer) for one in usable]


def _known_items(connection: Connection, ids: Sequence[str]) -> set[str]:
    return set(connection.scalars(select(ITEMS.c.item_id).where(ITEMS.c.item_id.in_(ids))))


def _rounds(items: Sequence[Sequence[_Said]]) -> Iterator[Sequence[_Said]]:
    """Batches of one reviewer and of different items each, so that the annotations of an item stay in order."""
    for number in range(max(map(len, items), default=0)):
        by_reviewer: dict[str, list[_Said]] = {}
        for one in (said[number] for said in items if number < len(said)):
            by_reviewer.setdefault(one.reviewer, []).append(one)
        for batch in by_reviewer.values():
            yield from (batch[start : start + PAGE] for start in range(0, len(batch), PAGE))


def _write(store: Store, batch: Sequence[_Said], found: ImportedAnnotations) -> None:
    reviewer = batch[0].reviewer
    earlier = store.read(partial(_last_said, reviewer=reviewer, ids=[one.item_id for one in batch]))
    new = [one for one in batch if (one.item_id, one.class_name) not in earlier.items()]
    found.known += len(batch) - len(new)
    if new:
        _review(store, new, found)


def _review(store: Store, batch: Sequence[_Said], found: ImportedAnnotations) -> None:
    """Writes the annotations of one reviewer."""
    reviewer = batch[0].reviewer
    done = review(store, [Judgment(one.item_id, one.class_name) for one in batch], reviewer)
    found.reviewers[reviewer] += done.n


def _overtaken(store: Store, items: Sequence[Sequence[_Said]]) -> list[_Said]:
    """The last annotations of items whose review is another annotation of theirs, with another class.

    The order of known annotations has changed: one was saved again, or is ground truth now.
    """
    columns = (ITEMS.c.item_id, ITEMS.c.reviewed_by, ITEMS.c.reviewed_class)
    query = select(*columns).where(ITEMS.c.item_id.in_([said[-1].item_id for said in items]))
    present = {one["item_id"]: (one["reviewed_by"], one["reviewed_class"]) for one in store.rows_of(query)}
    found = []
    for *others, last in items:
        by, label = present.get(last.item_id, (None, None))
        if label != last.class_name and (by, label) in {(one.reviewer, one.class_name) for one in others}:
            found.append(last)
    return found


def _last_said(connection: Connection, reviewer: str, ids: Sequence[str]) -> dict[str, Any]:
    """The class that a reviewer gave last to each item, of reviews that were not taken back.

    Also if the item has another photo since: the annotation is of the old one.
    """
    undone = ACTIONS.alias("undone")
    query = (
        select(REVIEWS.c.item_id, REVIEWS.c["class"])
        .join(ACTIONS, ACTIONS.c.action_id == REVIEWS.c.action_id)
        .where(REVIEWS.c.item_id.in_(ids), ACTIONS.c.reviewer == reviewer, ACTIONS.c.kind != UNDO)
        .where(~exists().where(undone.c.undoes == ACTIONS.c.action_id))
        .order_by(REVIEWS.c.review_id)
    )
    return dict(connection.execute(query).all())  # the last one stays
