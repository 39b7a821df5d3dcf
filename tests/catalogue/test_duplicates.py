"""Groups of one picture, from what the tagger stores."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from clothier.catalogue import review
from clothier.catalogue.duplicates import find_duplicates
from clothier.data.photos.histogram import N_BINS
from clothier.store.schema import EMBEDDING, FILES, ITEMS, OUTPUTS
from clothier.store.statements import upsert
from tests.stored_items import file_row, fill_store, item_row

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.store import Store

RED, BLUE = 0, 1


def picture(seed: int, flipped: int = 0) -> bytes:
    """A perceptual hash, with some bits flipped."""
    bits = np.random.default_rng(seed).integers(0, 2, 512, np.uint8)
    bits[:flipped] ^= 1
    return np.packbits(bits).tobytes()


def photo(item_id: str, hash_: bytes | None, *, color: int = RED, content: str = "", **item: Any) -> dict[str, Any]:
    """An item, and the facts that the tagger stores of its photo."""
    facts = {"perceptual_hash": hash_, "color": color, "pixels": item.pop("pixels", 1000), "bytes": item.pop("size", 9)}
    return {"item": item_row(item_id, digest=digest_of(content or item_id), **item), **facts}


def digest_of(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def store_photos(store: Store, *photos: dict[str, Any], source: str = "/photos", finish: bool = True) -> None:
    """As a run of the tagger that finds these photos and no others."""
    fill_store(store)  # the version that a review needs
    run = store.begin_run(source, "ab", "shop")
    outputs = {one["item"]["digest"]: one for one in photos}

    def work(connection: Any) -> None:
        upsert(connection, OUTPUTS, [_output(run.model, *one) for one in outputs.items()])
        upsert(connection, ITEMS, [one["item"] for one in photos])
        upsert(connection, FILES, [file_row(run, one["item"], number) for number, one in enumerate(photos)])

    store.write(work)
    if finish:
        store.finish_run(run)


def _output(model_id: int, digest: str, facts: dict[str, Any]) -> dict[str, Any]:
    embedding = np.zeros(4 + N_BINS, EMBEDDING)
    embedding[4 + facts["color"]] = 1
    values = {"computed_by": "shop", "temperature": 1.0, "logits": b"\0", "embedding": embedding.tobytes()}
    values |= {name: facts[name] for name in ("perceptual_hash", "pixels", "bytes")}
    return {"digest": digest, "model_id": model_id, "colors": None if facts["color"] < 0 else [], **values}


def ids(store: Store) -> list[tuple[str, ...]]:
    return [tuple(one.item_id for one in group.photos) for group in find_duplicates(store).groups]


def test_the_best_of_each_group_and_why(store: Store) -> None:
    store_photos(
        store,
        photo("small", picture(1), pixels=500),
        photo("large", picture(1, 20), pixels=2_000),
        photo("thumb", picture(1, 30), pixels=100),
        photo("other", picture(2)),
        photo("a", picture(3), size=70),
        photo("b", picture(3, 5), size=80),
        photo("same-1", picture(4), content="same"),
        photo("same-2", picture(4), content="same"),
        photo("blue", picture(1), color=BLUE),
    )
    found = find_duplicates(store)
    assert [(one.keep.item_id, one.reason) for one in found.groups] == [
        ("large", "most pixels: 2,000, next 500"),
        ("b", "largest file: 80 bytes, next 70"),
        ("same-1", "first in the catalogue"),
    ]
    assert (found.n, found.not_compared, found.n_copies) == (9, 0, 4)
    small, thumb = found.groups[0].copies
    assert (small.item_id, small.is_same_file, thumb.item_id) == ("small", False, "thumb")
    assert 0 < small.difference < 0.17
    assert (found.groups[2].copies[0].is_same_file, found.groups[2].copies[0].difference) == (True, 0)


def test_a_reviewed_photo_is_kept_and_different_classes_are_told(store: Store) -> None:
    store_photos(store, photo("a", picture(1), size=90), photo("b", picture(1, 9), size=80, product="S-1"))
    assert ids(store) == [("a", "b")]
    review.correct(store, {"b": None}, "coat", "Ada")
    (group,) = find_duplicates(store).groups
    assert (group.keep.item_id, group.keep.class_name, group.reason) == ("b", "coat", "reviewed by Ada")
    assert (group.has_other_class, group.has_other_product) == (True, True)
    assert group.to_json()["copies"][0]["class"] == "dress"


def test_photos_of_two_sources_and_photos_that_are_gone(store: Store) -> None:
    store_photos(store, photo("a", picture(1)), photo("gone", picture(1, 3)))
    store_photos(store, photo("a", picture(1)))
    store_photos(store, photo("b", picture(1, 9)), source="/more")
    assert ids(store) == [("a", "b")]
    assert find_duplicates(store, only_last_source=True).groups == ()


def test_a_photo_that_was_moved_is_kept_where_it_is(store: Store, tmp_path: Path) -> None:
    store_photos(store, photo("a", picture(1), reviewed_by="Ada", review_id=1), source=str(tmp_path / "old"))
    store_photos(store, photo("A-1", picture(1), content="a"), source=str(tmp_path))
    assert [one.keep.source for one in find_duplicates(store).groups] == [str(tmp_path / "old")], (
        "it can be on a server"
    )
    (tmp_path / "0.jpg").touch()
    (group,) = find_duplicates(store).groups
    assert (group.keep.source, group.copies[0].item_id) == (str(tmp_path), "a")
    assert group.reason == "first file that exists"


def test_a_file_that_a_folder_and_a_table_list_is_no_copy_of_itself(store: Store, tmp_path: Path) -> None:
    for number in (0, 1):
        (tmp_path / f"{number}.jpg").write_bytes(b"as tagged")
    (tmp_path / "products.csv").touch()
    photos = photo("a", picture(1)), photo("b", picture(2))
    store_photos(store, *photos, source=str(tmp_path))
    listed = [photo(f"A-{one['item']['item_id']}", None, content=one["item"]["item_id"], product="P") for one in photos]
    store_photos(
        store,
        *[{**two, **one, "item": two["item"]} for one, two in zip(photos, listed, strict=True)],
        source=str(tmp_path / "products.csv"),
    )
    found = find_duplicates(store)
    assert (found.n, found.groups) == (2, ())
    (tmp_path / "1.jpg").unlink()  # where it cannot be looked at, it may be another file
    assert ids(store) == [("b", "A-b")]


def test_gray_photos_and_older_rows_are_compared_byte_by_byte(store: Store) -> None:
    store_photos(
        store,
        photo("gray", picture(1), color=-1),
        photo("older", None),
        photo("color", picture(1)),
        photo("old-1", None, content="old"),
        photo("old-2", None, content="old"),
    )
    found = find_duplicates(store)
    assert (found.n, found.not_compared) == (5, 4)
    assert ids(store) == [("old-1", "old-2")]


def test_a_new_store_has_none(store: Store) -> None:
    assert find_duplicates(store).n == 0
