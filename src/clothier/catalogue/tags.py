"""Writes a chunk of files to a store, and the tags of those items whose tag is missing or outdated."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from sqlalchemy import exists, func, select

from clothier.store.previews import drop_unused, write_previews
from clothier.store.schema import ACTIONS, AUDIT, FILES, ITEMS, OUTPUTS, REMOVED_ITEMS, REVIEWS, RUNS, TAG_INPUTS
from clothier.store.statements import now, upsert

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import Connection, RowMapping

    from clothier.catalogue.rules import Tag, TaggingRules
    from clothier.store.store import Row, RunId

AUDITED = ("class", "probability", "code", "decision", "model", "thresholds", "reviewed_class", "reviewed_by")
"""What the history keeps of a tag."""
REVIEW = ("review_id", "reviewed_class", "reviewed_by", "reviewed_at")  # columns of an item that a person fills
KEPT = ("item_id", "digest", "product", "rules", "first_seen_at", "revision", "review_id", "reviewed_at", *AUDITED)
ID_LENGTH = 16  # hexadecimal digits of the content's digest, in an id that is not the user's
DRAW_DIGITS = 13  # hexadecimal: the bits of a float


def write_chunk(
    connection: Connection,
    run: RunId,
    rules: TaggingRules,
    files: Sequence[Row],
    outputs: Sequence[Row],
    previews: Mapping[str, bytes],
) -> None:
    """Writes the model's new outputs, the files with their previews, and the tags that follow.

    Args:
        connection: in a transaction.
        run: which found the files.
        rules: how outputs become tags.
        files: rows of the table of files.
        outputs: rows of the table of outputs; they replace those of which something is missing.
        previews: by the digest of the photo's content; none where they are not wanted.
    """
    upsert(connection, OUTPUTS, outputs)
    write_previews(connection, previews)
    upsert(connection, FILES, files)
    update_tags(connection, run, rules, files)


def update_tags(connection: Connection, run: RunId, rules: TaggingRules, files: Sequence[Row]) -> None:
    """Writes the tags of those items of ``files`` whose tag is missing or outdated, from the stored outputs."""
    wanted = {one["item_id"]: one for one in files if one["item_id"] and not one["error_code"]}
    wanted |= _with_products(connection, {key: one for key, one in wanted.items() if not one["product"]})
    present = _items(connection, list(wanted))
    outdated = [one for key, one in wanted.items() if _is_outdated(present.get(key), one, rules.digest)]
    if outdated:
        _write_tags(connection, run, rules, outdated, present)


def _with_products(connection: Connection, files: Mapping[str, Row]) -> dict[str, Row]:
    """Those of the files without a product, by item, whose photo has one in another row, with that product.

    A folder and a table of its photos are one catalogue, in which the user named the product only once.
    """
    finished = select(func.max(RUNS.c.run_id)).where(RUNS.c.source_id == FILES.c.source_id)
    last = func.coalesce(finished.where(RUNS.c.finished_at.is_not(None)).scalar_subquery(), 0)
    query = (
        select(FILES.c.item_id, FILES.c.digest, FILES.c.product)
        .where(FILES.c.item_id.in_(list(files)), FILES.c.error_code.is_(None), FILES.c.product != "")
        .where(FILES.c.run_id >= last)  # rows that their table still has
        .order_by(FILES.c.run_id, FILES.c.position)
    )
    found = connection.execute(query).all()  # the last one counts
    same = [one for one in found if one.digest == files[one.item_id]["digest"]]
    return {one.item_id: {**files[one.item_id], "product": one.product} for one in same}


def _items(connection: Connection, item_ids: Collection[str]) -> dict[str, RowMapping]:
    """The items that are there, locked against reviewers until the transaction ends."""
    query = select(*(ITEMS.c[name] for name in KEPT)).where(ITEMS.c.item_id.in_(item_ids))
    query = query.order_by(ITEMS.c.item_id).with_for_update()
    return {one["item_id"]: one for one in connection.execute(query).mappings()}


def _is_outdated(item: RowMapping | None, file: Row, rules: str) -> bool:
    return item is None or (item["digest"], item["product"], item["rules"]) != (file["digest"], file["product"], rules)


def _write_tags(
    connection: Connection,
    run: RunId,
    rules: TaggingRules,
    files: Sequence[Row],
    present: Mapping[str, RowMapping],
) -> None:
    digests = {one["digest"] for one in files}
    query = select(*TAG_INPUTS).where(OUTPUTS.c.model_id == run.model, OUTPUTS.c.digest.in_(digests))
    outputs = {one["digest"]: one for one in connection.execute(query).mappings()}
    tags = rules.tags([outputs[one["digest"]] for one in files])
    at = now()
    items = [_item(file, tag, present.get(file["item_id"]), at) for file, tag in zip(files, tags, strict=True)]
    new = [one for one in items if one["item_id"] not in present]
    replaced = _replaced(items, present)
    _give_back_reviews(connection, [*new, *replaced])
    _continue_removed(connection, new)
    upsert(connection, ITEMS, items)
    drop_unused(connection, [present[one["item_id"]]["digest"] for one in replaced])
    changes = [_change(item, present.get(item["item_id"])) for item in items]
    if changed := [one for one in changes if one["before"] != one["after"]]:
        connection.execute(AUDIT.insert(), changed)


def _item(file: Row, tag: Tag, before: RowMapping | None, at: str) -> Row:
    """A row of the table of items. A review stays as long as the photo has the content that was reviewed."""
    is_reviewed = before is not None and before["digest"] == file["digest"]
    return {
        "item_id": file["item_id"],
        "digest": file["digest"],
        "product": file["product"],
        **tag,
        "tagged_at": at,
        "first_seen_at": before["first_seen_at"] if before else at,
        "draw": draw(file["item_id"], tag["thresholds"]),
        "revision": before["revision"] + 1 if before else 0,
        **{name: before[name] if before and is_reviewed else None for name in REVIEW},
    }


def _give_back_reviews(connection: Connection, changed: Sequence[Row]) -> None:
    """Items that are new or have another photo get the last review of this photo back, if they had it before."""
    undo = ACTIONS.alias("undo")
    columns = (REVIEWS.c.item_id, REVIEWS.c.digest, REVIEWS.c.review_id, REVIEWS.c["class"])
    query = (
        select(*columns, ACTIONS.c.reviewer, ACTIONS.c.at)
        .join(ACTIONS, ACTIONS.c.action_id == REVIEWS.c.action_id)
        .where(REVIEWS.c.item_id.in_([one["item_id"] for one in changed]))
        .where(~exists().where(undo.c.undoes == ACTIONS.c.action_id))
        .order_by(REVIEWS.c.review_id)
    )
    last = {(item_id, digest): review for item_id, digest, *review in connection.execute(query)}
    for one in changed:
        if review := last.get((one["item_id"], one["digest"])):
            one |= dict(zip(REVIEW, review, strict=True))


def _continue_removed(connection: Connection, new: Sequence[Row]) -> None:
    """Items that were removed get a revision that they never had, and the time when they were seen first."""
    query = select(REMOVED_ITEMS).where(REMOVED_ITEMS.c.item_id.in_([one["item_id"] for one in new]))
    removed = {one["item_id"]: one for one in connection.execute(query).mappings()}
    for one in new:
        if before := removed.get(one["item_id"]):
            one |= {"revision": before["revision"] + 1, "first_seen_at": before["first_seen_at"]}


def _replaced(items: Sequence[Row], present: Mapping[str, RowMapping]) -> list[Row]:
    """Those of the items that have another content now."""
    there = (one for one in items if one["item_id"] in present)
    return [one for one in there if one["digest"] != present[one["item_id"]]["digest"]]


def draw(item_id: str, thresholds: str | None) -> float:
    """A random number in [0, 1) that is always the same for an item and a version of the thresholds.

    A new version draws anew: what was reviewed under an old one may have been used to calibrate the new one.
    """
    digest = hashlib.sha256(f"{thresholds} {item_id}".encode()).hexdigest()
    return float(int(digest[:DRAW_DIGITS], 16) / 16**DRAW_DIGITS)


def _change(item: Row, before: RowMapping | None) -> Row:
    """A row of the history."""
    return {
        "item_id": item["item_id"],
        "at": item["tagged_at"],
        "actor": f"model {item['model']}",
        "before": {name: before[name] for name in AUDITED} if before else None,
        "after": {name: item[name] for name in AUDITED},
    }
