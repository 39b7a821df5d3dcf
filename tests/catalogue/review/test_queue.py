from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clothier.catalogue.review import Filter, Page, queue
from clothier.errors import UnknownNameError, UsageError
from tests.stored_items import fill_store, item_row

if TYPE_CHECKING:
    from clothier.store import Store

DOUBTFUL = [
    *(item_row(f"r{number:02}", decision="review", probability=number / 100) for number in range(25)),
    *(item_row(f"u{number}", decision=None, probability=0.5) for number in range(3)),
    *(item_row(f"x{number}", decision="reject", probability=0.9 - number / 10) for number in range(3)),
]
ACCEPTED = [item_row(f"a{number:02}", draw=number / 40) for number in range(40)]


@pytest.fixture
def filled(store: Store) -> Store:
    fill_store(store, *ACCEPTED, *DOUBTFUL)
    return store


def ids(page: Page) -> list[str]:
    return [one.item_id for one in page.items]


def all_ids(store: Store, filters: Filter | None = None, **options: object) -> list[str]:
    found: list[str] = []
    after = None
    while True:
        page = queue(store, filters or Filter(), after=after, **options)
        found += ids(page)
        after = page.after
        if after is None:
            return found


def test_the_doubtful_first_and_every_tenth_an_accepted_one(filled: Store) -> None:
    page = queue(filled, limit=30, share_accepted=0.2)
    expected = [f"r{number:02}" for number in range(25)] + ["u0", "u1"]
    for place, name in ((9, "a00"), (19, "a01"), (29, "a02")):
        expected.insert(place, name)
    assert ids(page) == expected
    assert [one.is_sample for one in page.items] == [one.startswith("a") for one in expected]


def test_pages_continue_where_the_last_one_ended(filled: Store) -> None:
    found = all_ids(filled, limit=1000, share_accepted=0.2)
    for limit in (1, 3, 7, 30, 100):
        assert all_ids(filled, limit=limit, share_accepted=0.2) == found
    assert sorted(found) == sorted([one["item_id"] for one in DOUBTFUL] + [f"a{number:02}" for number in range(8)])
    assert found[-5:] == ["a03", "a04", "a05", "a06", "a07"], "the rest of the sample, when nothing doubtful is left"


def test_the_decisions_come_one_after_the_other(filled: Store) -> None:
    found = all_ids(filled, share_accepted=0.0)
    assert found == [f"r{number:02}" for number in range(25)] + ["u0", "u1", "u2", "x2", "x1", "x0"]


def test_the_random_order_is_that_of_the_random_numbers(store: Store) -> None:
    rows = [item_row(f"i{number}", decision=("accept", "review")[number % 2]) for number in range(30)]
    fill_store(store, *rows)
    expected = [one["item_id"] for one in sorted(rows, key=lambda one: one["draw"])]
    assert all_ids(store, order="random", limit=7) == expected
    only = [one for one in expected if int(one[1:]) % 2]
    assert all_ids(store, Filter(decision="review"), order="random", limit=7) == only


def test_filters(store: Store) -> None:
    fill_store(
        store,
        item_row("1", decision="review", probability=0.3, color="red", product="S"),
        item_row("2", decision="review", probability=0.4, color="blue", **{"class": "hat"}),
        item_row("3", decision="review", probability=0.6, color="red", **{"class": "hat"}),
        item_row("4", decision=None, probability=0.5),
        item_row("5", draw=0.9),
    )
    fill_store(store, item_row("6", decision="reject", probability=0.2), source="/others")
    found = {
        "class": all_ids(store, Filter(class_name="hat")),
        "color": all_ids(store, Filter(color="red")),
        "both": all_ids(store, Filter(color="red", class_name="hat")),
        "product": all_ids(store, Filter(product="S")),
        "source": all_ids(store, Filter(source="/others")),
        "accept": all_ids(store, Filter(decision="accept")),
        "uncalibrated": all_ids(store, Filter(decision="uncalibrated"), limit=1),
        "reject": all_ids(store, Filter(decision="reject")),
        "sure": all_ids(store, Filter(min_probability=0.5)),
        "none": all_ids(store, Filter(class_name="boot")),
    }
    assert found == {
        "class": ["2", "3"],
        "color": ["1", "3"],
        "both": ["3"],
        "product": ["1"],
        "source": ["6"],
        "accept": ["5"],
        "uncalibrated": ["4"],
        "reject": ["6"],
        "sure": ["3", "4"],
        "none": [],
    }


def test_what_a_reviewer_sees(store: Store) -> None:
    fill_store(store, item_row("A1", decision="review", probability=0.6, color="red", product="S"))
    (one,) = queue(store).items
    assert one.to_json() == {
        "item_id": "A1",
        "revision": 0,
        "file": "0.jpg",
        "source": "/photos",
        "product": "S",
        "class": "dress",
        "probability": 0.6,
        "top": (("dress", 0.6), ("hat", 0.2)),
        "decision": "review",
        "reason": "Accepted.",
        "color": "red",
        "is_sample": False,
        "reviewed_by": None,
        "reviewed_at": None,
        "reviewed_class": None,
    }


REFUSED = [
    ({"limit": 0}, UsageError, "1 to 1,000 items, not 0"),
    ({"limit": 1001}, UsageError, "not 1001"),
    ({"share_accepted": 1.5}, UsageError, "it must be 0 to 1"),
    ({"share_accepted": float("nan")}, UsageError, "it must be 0 to 1"),
    ({"order": "randon"}, UnknownNameError, "did you mean 'random'"),
    ({"filters": Filter(decision="maybe")}, UnknownNameError, "'maybe' is not a decision"),
    ({"filters": Filter(source="/photo")}, UnknownNameError, "did you mean '/photos'"),
    ({"filters": Filter(min_probability=2)}, UsageError, "it must be 0 to 1"),
    *(({"after": text}, UsageError, "no place in the queue") for text in ("x", "e30=", "W10=", "bnVsbA==", "é")),
]


def test_what_is_refused(filled: Store) -> None:
    for options, error, message in REFUSED:
        with pytest.raises(error, match=message):
            queue(filled, **options)
