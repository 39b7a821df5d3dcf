from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clothier.catalogue.drift import drift
from clothier.catalogue.review import Filter, accept, accept_all, correct, undo
from tests.stored_items import fill_store, item_row

if TYPE_CHECKING:
    from clothier.store import Store

FIRST, SECOND, THIRD = "2026-11-16T00:00:00Z", "2026-11-29T23:59:59Z", "2026-11-30T00:00:00Z"


def week(at: str, hats: int, others: int, **changed: Any) -> list[dict[str, Any]]:
    names = ["hat"] * hats + ["dress", "coat"] * (others // 2)
    rows = [
        item_row(f"{at} {number}", first_seen_at=at, probability=0.5 + (number % 50) / 100, **{"class": name})
        for number, name in enumerate(names)
    ]
    return [one | changed for one in rows]


def test_weeks_and_what_is_in_them(store: Store) -> None:
    fill_store(store, *week(FIRST, 100, 200), *week(SECOND, 50, 100), *week(THIRD, 10, 20))
    found = drift(store)
    assert [(one.week, one.n) for one in found.weeks] == [("2026-W47", 300), ("2026-W48", 150), ("2026-W49", 30)]
    first, second, third = found.weeks
    assert first.classes == {"coat": 100, "dress": 100, "hat": 100}
    assert first.mean_probability is not None
    assert abs(first.mean_probability - 0.745) < 1e-6
    assert first.accepted.rate == 1.0
    assert first.class_change is None, "nothing before it"
    assert third.class_change is None, "too few photos"
    assert second.class_change is not None
    assert second.class_change.index < 0.01
    assert (found.reasons, found.message) == ((), "2026-W48 is like the weeks before: no new calibration is needed.")
    assert found.to_json()["recalibrate"] is False


def test_other_classes(store: Store) -> None:
    fill_store(store, *week(FIRST, 100, 200), *week(SECOND, 140, 10))
    found = drift(store)
    assert len(found.reasons) == 1
    assert found.reasons[0].startswith("The classes of 2026-W48 differ from the weeks before (population stability")
    assert "calibrate again" in found.message


def test_other_probabilities_and_more_rejected_photos(store: Store) -> None:
    changed = [one | {"probability": 0.45} for one in week(SECOND, 50, 100)]
    rejected = [one | {"decision": "reject" if number < 30 else "accept"} for number, one in enumerate(changed)]
    fill_store(store, *week(FIRST, 100, 200), *rejected)
    found = drift(store)
    assert [one.split(" differ")[0].split(" are")[0] for one in found.reasons] == [
        "The probabilities of 2026-W48",
        "20 % of the photos of 2026-W48",
    ]
    low, high = found.weeks[1].rejected.interval or (1, 0)
    assert low < 0.2 < high


def test_corrected_tags_by_the_week_of_the_review(store: Store) -> None:
    fill_store(store, *week(FIRST, 10, 10), item_row("r", decision="review", first_seen_at=FIRST))
    accept(store, {f"{FIRST} {number}": None for number in range(8)}, "anna")
    correct(store, {f"{FIRST} 8": None, "r": None}, "coat", "anna")
    correct(store, {f"{FIRST} 9": None}, None, "anna")
    accept(store, {f"{FIRST} 12": None}, "bob")
    undo(store, "bob")
    last = drift(store).weeks[-1]
    assert (last.n, last.corrected.count, last.corrected.n) == (0, 3, 11)
    assert (last.corrected_accepted.count, last.corrected_accepted.n) == (2, 10)


def test_tags_that_were_accepted_all_at_once_were_not_reviewed(store: Store) -> None:
    fill_store(store, *week(FIRST, 20, 20, decision="review"))
    correct(store, {f"{FIRST} {number}": None for number in range(10)}, "coat", "anna")
    assert accept_all(store, Filter(decision="review"), "anna").n == 30
    last = drift(store).weeks[-1]
    assert (last.corrected.count, last.corrected.n, last.corrected_accepted.n) == (10, 10, 0)


def test_nothing_to_compare(store: Store) -> None:
    assert drift(store).message.startswith("There is nothing to compare yet")
    assert drift(store).guarantee.message == "No tag is accepted, so there is no guarantee to check."
    fill_store(store, *week(FIRST, 100, 0))
    assert drift(store).message.startswith("There is nothing to compare yet")
