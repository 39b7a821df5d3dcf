from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select

from clothier.catalogue.review import Filter, Judgment, accept, accept_all, correct, queue, review, undo
from clothier.errors import UnknownNameError, UsageError
from clothier.store import open_store
from clothier.store.schema import ACTIONS, AUDIT, REVIEWS
from tests.stored_items import fill_store, item, item_row

if TYPE_CHECKING:
    from clothier.store import Store

REVIEW = ("reviewed_class", "reviewed_by", "revision")


@pytest.fixture
def filled(store: Store) -> Store:
    fill_store(store, *(item_row(f"i{number}", decision="review", probability=0.5) for number in range(5)))
    return store


def said(store: Store, item_id: str) -> tuple[Any, ...]:
    row = item(store, item_id)
    return tuple(row[name] for name in REVIEW)


def count(store: Store, table: Any) -> int:
    return store.read(lambda connection: connection.scalar(select(func.count()).select_from(table)))


def test_accept_correct_and_none(filled: Store) -> None:
    result = accept(filled, {"i0": 0, "i1": 0}, "anna")
    assert (result.n, result.item_ids, result.conflicts, result.kind) == (2, ("i0", "i1"), (), "accept")
    correct(filled, {"i2": 0}, "coat", "anna")
    correct(filled, {"i3": 0}, None, "bob")
    assert said(filled, "i0") == ("dress", "anna", 1)
    assert said(filled, "i2") == ("coat", "anna", 1)
    assert said(filled, "i3") == (None, "bob", 1)
    assert (item(filled, "i2")["class"], item(filled, "i2")["decision"]) == ("dress", "review"), "the model's opinion"
    assert [one.item_id for one in queue(filled).items] == ["i4"]


def test_the_history_has_person_before_and_after(filled: Store) -> None:
    correct(filled, {"i2": 0}, "coat", "anna")
    undo(filled, "anna")
    first, second = filled.history("i2")
    assert (first["actor"], second["actor"]) == ("person anna", "person anna")
    assert (first["before"]["reviewed_class"], first["before"]["reviewed_by"]) == (None, None)
    assert (first["after"]["reviewed_class"], first["after"]["reviewed_by"]) == ("coat", "anna")
    assert first["after"]["class"] == "dress"
    assert (second["before"], second["after"]) == (first["after"], first["before"])


def test_the_second_reviewer_of_an_item_is_told(filled: Store) -> None:
    correct(filled, {"i0": 0}, "coat", "anna")
    result = accept(filled, {"i0": 0, "i1": 0, "no": 0}, "bob")
    assert result.item_ids == ("i1",)
    assert [one.message for one in result.conflicts] == [
        "anna has reviewed i0 meanwhile: coat.",
        "no is not in the store.",
    ]
    assert said(filled, "i0") == ("coat", "anna", 1)
    nothing = accept(filled, {"i0": 0}, "bob")
    assert (nothing.n, nothing.action_id) == (0, None)
    assert accept(filled, {"i0": 1}, "bob").n == 1, "who has seen the review may change it"
    assert correct(filled, {"i0": None}, None, "carla").n == 1


def test_undo_takes_back_the_whole_last_action_of_that_reviewer(filled: Store) -> None:
    accept(filled, {"i0": 0}, "anna")
    accept_all(filled, Filter(decision="review"), "anna", limit=3)
    correct(filled, {"i0": 1}, "hat", "bob")
    assert len(queue(filled).items) == 1
    assert undo(filled, "anna").n == 3
    assert len(queue(filled).items) == 4
    result = undo(filled, "anna")
    assert (result.n, result.conflicts[0].item_id) == (0, "i0")
    assert said(filled, "i0") == ("hat", "bob", 2)
    with pytest.raises(UsageError, match="anna has no review to take back"):
        undo(filled, "anna")
    assert undo(filled, "bob").n == 1
    assert said(filled, "i0") == (None, None, 3), "not anna's, which was taken back before"


def test_undo_restores_the_review_before(filled: Store) -> None:
    correct(filled, {"i0": 0}, "coat", "anna")
    before = item(filled, "i0")
    correct(filled, {"i0": 1}, None, "bob")
    undo(filled, "bob")
    after = item(filled, "i0")
    assert after | {"revision": 1} == before
    assert undo(filled, "anna").n == 1


def test_accept_all_takes_the_most_probable_and_only_what_matches(store: Store) -> None:
    rows = [item_row(f"i{number}", decision="review", probability=number / 10, draw=0.01) for number in range(10)]
    accepted = (item_row("a", draw=0.05), item_row("sample", draw=0.04))
    fill_store(store, *rows, *accepted, item_row("hat", decision="review", **{"class": "hat"}))
    result = accept_all(store, Filter(decision="review", class_name="dress"), "anna", limit=4)
    assert sorted(result.item_ids) == ["i6", "i7", "i8", "i9"]
    assert (result.n_left, accept_all(store, Filter(decision="review", min_probability=0.4), "anna").n) == (0, 3)
    assert accept_all(store, Filter(decision="reject"), "anna").action_id is None
    for _ in range(2):
        done = accept_all(store, Filter(decision="accept"), "anna", key="k1")
        assert (done.item_ids, done.n_left) == (("a",), 1), "the sample is left for the queue"
    assert accept_all(store, Filter(decision="accept", class_name="hat"), "anna").n_left == 0


def test_judgments_that_differ(filled: Store) -> None:
    judgments = [Judgment("i0", "coat"), Judgment("i1", None), Judgment("i2", "dress", 0), Judgment("i3", "hat", 7)]
    result = review(filled, judgments, "anna")
    assert (result.n, [one.item_id for one in result.conflicts]) == (3, ["i3"])
    assert [said(filled, f"i{number}")[0] for number in range(4)] == ["coat", None, "dress", None]
    assert undo(filled, "anna").n == 3


def test_an_action_with_the_same_key_is_not_done_again(filled: Store) -> None:
    first = accept(filled, {"i0": 0}, "anna", key="k1")
    again = accept(filled, {"i0": 0}, "anna", key="k1")
    assert (again.action_id, again.item_ids, again.conflicts) == (first.action_id, ("i0",), ())
    accept(filled, {"i1": 0}, "anna", key="k2")
    assert undo(filled, "anna", key="k3").item_ids == ("i1",)
    assert undo(filled, "anna", key="k3").item_ids == ("i1",)
    assert said(filled, "i0")[1] == "anna", "the second undo was the first one"
    with pytest.raises(UsageError, match="belongs to another action"):
        accept(filled, {"i1": 1}, "bob", key="k1")
    for other in (
        lambda: accept(filled, {"i1": 0}, "anna", key="k1"),
        lambda: correct(filled, {"i0": 0}, "hat", "anna", key="k1"),
        lambda: accept_all(filled, Filter(decision="review"), "anna", key="k1"),
    ):
        with pytest.raises(UsageError, match="belongs to another action"):
            other()
    assert count(filled, REVIEWS) == 2


def test_many_at_once_and_one_item_has_one_review(store: Store, store_url: str) -> None:
    fill_store(store, *(item_row(f"i{number:03}", decision="review", probability=0.5) for number in range(200)))
    results: dict[str, int] = {}

    def work(name: str) -> None:
        with open_store(store_url) as own:
            results[name] = 0
            for start in range(0, 200, 20):
                seen = {f"i{number:03}": 0 for number in range(start, start + 20)}
                results[name] += accept(own, seen, name).n
                results[name] += accept_all(own, Filter(decision="review"), name, limit=3).n

    threads = [threading.Thread(target=work, args=(name,)) for name in ("anna", "bob", "carla")]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sum(results.values()) == 200
    assert (count(store, REVIEWS), count(store, AUDIT)) == (200, 200)
    assert queue(store).items == ()


def test_the_same_key_at_the_same_time_is_done_once(filled: Store, store_url: str) -> None:
    found: list[Any] = []

    def work() -> None:
        with open_store(store_url) as own:
            found.append(accept(own, {"i0": None}, "anna", key="k1"))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert {one.action_id for one in found} == {found[0].action_id}
    assert (count(filled, ACTIONS), count(filled, REVIEWS)) == (1, 1)


def test_names_that_are_refused(filled: Store) -> None:
    for name in ("", "  ", "a" * 201, "a\nb"):
        with pytest.raises(UsageError, match="the reviewer's name"):
            accept(filled, {"i0": 0}, name)


def test_other_refusals(filled: Store) -> None:
    with pytest.raises(UnknownNameError, match="'dres' is not a class; did you mean 'dress'"):
        correct(filled, {"i0": 0}, "dres", "anna")
    with pytest.raises(UnknownNameError, match="is not a class"):
        correct(filled, {"i0": 0}, "\0", "anna")
    with pytest.raises(UsageError, match="'i0' is there twice"):
        review(filled, [Judgment("i0", None), Judgment("i0", "hat")], "anna")
    with pytest.raises(UsageError, match="needs a decision"):
        accept_all(filled, Filter(), "anna")
    with pytest.raises(UsageError, match="not 10001"):
        accept_all(filled, Filter(decision="review"), "anna", limit=10_001)
    with pytest.raises(UsageError, match="the key of an action has 65"):
        accept(filled, {"i0": 0}, "anna", key="k" * 65)
    assert count(filled, ACTIONS) == 0
