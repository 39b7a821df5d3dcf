"""Items as a run of the tagger leaves them in a store, without photos or a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clothier.catalogue.tags import draw
from clothier.store.schema import FILES, ITEMS, VERSIONS
from clothier.store.statements import upsert

if TYPE_CHECKING:
    from clothier.store import Store

CLASSES = ("coat", "dress", "hat")
AT = "2026-11-30T12:00:00Z"
Row = dict[str, Any]


def item_row(item_id: str, **changed: Any) -> Row:
    """An accepted dress."""
    row = dict.fromkeys(("code", "notes", "color", "review_id", "reviewed_class", "reviewed_by", "reviewed_at"))
    row |= {"item_id": item_id, "digest": f"digest of {item_id}", "product": "", "class": "dress", "probability": 0.9}
    row |= {"decision": "accept", "reason": "Accepted.", "model": "shop", "thresholds": "t1", "rules": "r1"}
    row |= {"tagged_at": AT, "first_seen_at": AT, "revision": 0} | changed
    other = "hat" if row["class"] != "hat" else "coat"
    row["top"] = [[row["class"], row["probability"]], [other, (1 - row["probability"]) / 2]]
    return row | {"draw": changed.get("draw", draw(item_id, row["thresholds"]))}


def file_row(run: Any, item: Row, number: int) -> Row:
    row = {"source_id": run.source, "run_id": run.run, "key": f"{number}.jpg", "file": f"{number}.jpg"}
    row |= {"signature": "1", "digest": item["digest"], "item_id": item["item_id"], "product": item["product"]}
    return row | {"columns": {}, "error_code": None, "error_message": None, "position": number}


def fill_store(store: Store, *items: Row, source: str = "/photos", card: Row | None = None) -> None:
    """Puts items into a store, with a file each, and the version of the model that tagged them."""
    run = store.begin_run(source, "ab", "shop")
    version = {"digest": "v1", "model_id": run.model, "name": "shop", "location": "/models/shop"}
    version |= {"version_id": 1, "thresholds": "t1", "registered_at": AT}
    version |= {"card": {"classes": list(CLASSES), "thresholds": {}, **(card or {})}}

    def work(connection: Any) -> None:
        upsert(connection, VERSIONS, [version])
        upsert(connection, ITEMS, items)
        upsert(connection, FILES, [file_row(run, one, number) for number, one in enumerate(items)])

    store.write(work)


def item(store: Store, item_id: str) -> Row:
    """The row of an item."""
    query = ITEMS.select().where(ITEMS.c.item_id == item_id)
    return store.read(lambda connection: dict(connection.execute(query).mappings().one()))
