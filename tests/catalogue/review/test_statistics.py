from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from clothier.catalogue.review import Filter, accept, accept_all, correct, queue, statistics, undo
from clothier.errors import UsageError
from clothier.selective.error_rate import clopper_pearson, confidence_sequence
from clothier.selective.thresholds import RiskGuarantee, Thresholds
from tests.stored_items import fill_store, item_row

if TYPE_CHECKING:
    from clothier.store import Store


def card(**changed: Any) -> dict[str, Any]:
    values: dict[str, Any] = {"risk": 0.05, "confidence_level": 0.95, "empirical_risk": 0.03, "coverage": 0.6}
    values |= {"n": 1000, "n_accepted": 600, "n_groups": 100, "grouped_by": "product", "method": "test"} | changed
    return {"thresholds": Thresholds(min_probability=0.8, guarantee=RiskGuarantee(**values)).to_json()}


def fill(store: Store, n: int = 1000, **options: Any) -> None:
    """``n`` accepted dresses with evenly spaced random numbers, and ten to review."""
    accepted = (item_row(f"a{number:04}", draw=(number + 0.5) / n) for number in range(n))
    doubtful = (item_row(f"r{number}", decision="review", probability=0.5) for number in range(10))
    fill_store(store, *accepted, *doubtful, **options)


def review_sample(store: Store, n: int, n_errors: int, n_none: int = 0) -> None:
    names = [f"a{number:04}" for number in range(n)]
    correct(store, dict.fromkeys(names[:n_errors]), "hat", "anna")
    correct(store, dict.fromkeys(names[n_errors : n_errors + n_none]), None, "anna")
    accept(store, dict.fromkeys(names[n_errors + n_none :]), "bob")


def test_nothing_is_reviewed_yet(store: Store) -> None:
    fill(store, card=card())
    found = statistics(store)
    assert (found.n_items, found.n_reviewed, found.by_decision, found.reviewers) == (1010, 0, (), {})
    assert found.decisions == {"accept": 1000, "review": 10, "reject": 0}
    check = found.guarantee
    assert (check.status, check.n, check.n_sampled, check.interval) == ("open", 0, 50, (0.0, 1.0))
    assert "50 of the sample are waiting for review" in check.message


@pytest.mark.parametrize(
    ("n_errors", "status", "words"),
    [
        (1, "holds", r"The guarantee holds \(at most 5 % of the accepted tags wrong\): 1 of 399"),
        (18, "open", "Not decided yet"),
        (60, "violated", r"does not hold any more .*: 60 of 399 .*calibrate again"),
    ],
)
def test_whether_the_guarantee_holds(store: Store, n_errors: int, status: str, words: str) -> None:
    fill(store, card=card())
    review_sample(store, 400, n_errors, n_none=1)
    check = statistics(store, share_accepted=0.4).guarantee
    assert (check.status, check.n, check.n_errors, check.n_none, check.n_sampled) == (status, 399, n_errors, 1, 400)
    assert check.interval == confidence_sequence(n_errors, 399, 0.05)
    assert check.error_rate == n_errors / 399

    assert re.search(words, check.message)


def test_only_the_random_sample_counts_for_the_guarantee(store: Store) -> None:
    fill(store, card=card())
    review_sample(store, 100, 2)
    correct(store, dict.fromkeys(f"r{number}" for number in range(10)), "hat", "anna")
    accept(store, {"a0900": None}, "anna")
    found = statistics(store, share_accepted=0.1)
    assert (found.guarantee.n, found.guarantee.n_errors, found.n_reviewed) == (100, 2, 111)
    accepted, doubtful = found.by_decision
    assert (accepted.name, accepted.n, accepted.n_correct) == ("accept", 101, 99)
    assert (doubtful.name, doubtful.n, doubtful.n_correct, doubtful.accuracy) == ("review", 10, 0, 0.0)
    assert doubtful.interval == clopper_pearson(0, 10)
    assert found.reviewers == {"bob": 98, "anna": 13}
    (dress,) = found.by_class
    assert (dress.name, dress.n, dress.n_correct) == ("dress", 111, 99)


def test_tags_that_were_accepted_all_at_once_are_no_evidence(store: Store) -> None:
    fill(store, card=card())
    result = accept_all(store, Filter(decision="accept"), "anna")
    assert (result.n, result.n_left) == (950, 50)
    check = statistics(store).guarantee
    assert (check.status, check.n, check.n_sampled) == ("open", 0, 50)
    assert "50 of the sample are waiting for review." in check.message
    review_sample(store, 50, 0)
    check = statistics(store, share_accepted=0.2).guarantee
    assert (check.status, check.n, check.n_sampled) == ("open", 50, 200)
    assert "150 of it were accepted all at once, and nobody has looked at them." in check.message
    accept(store, {f"a{number:04}": None for number in range(50, 200)}, "anna")
    assert statistics(store, share_accepted=0.2).guarantee.status == "holds", "somebody has looked at them"


def test_only_the_complete_beginning_of_the_sample_counts(store: Store) -> None:
    """Hats are right and dresses are wrong; who reviews hats only does not prove the guarantee."""
    rows = [
        item_row(f"a{one:04}", draw=(one + 0.5) / 1000, **{"class": ("hat", "dress")[one % 2]}) for one in range(1000)
    ]
    fill_store(store, *rows, card=card())
    hats = queue(store, Filter(class_name="hat"), limit=1000, share_accepted=0.3).items
    accept(store, {one.item_id: one.revision for one in hats}, "anna")
    check = statistics(store, share_accepted=0.3).guarantee
    assert (check.status, check.n, check.n_behind, check.n_sampled) == ("open", 1, 149, 300)
    assert "150 of the sample are waiting for review; 149 reviewed ones do not count yet, because" in check.message
    waiting = queue(store, limit=1000, share_accepted=0.3).items
    correct(store, {one.item_id: one.revision for one in waiting[1:]}, "coat", "anna")
    check = statistics(store, share_accepted=0.3).guarantee
    assert (check.status, check.n, check.n_errors, check.n_behind) == ("open", 1, 0, 298), "one was skipped"
    correct(store, {waiting[0].item_id: None}, "coat", "anna")
    check = statistics(store, share_accepted=0.3).guarantee
    assert (check.status, check.n, check.n_errors, check.n_behind) == ("violated", 300, 150, 0)


def test_what_was_taken_back_does_not_count(store: Store) -> None:
    fill(store, card=card())
    accept_all(store, Filter(decision="review"), "anna")
    undo(store, "anna")
    assert statistics(store).n_reviewed == 0


def test_reviews_of_earlier_thresholds_do_not_count_for_the_guarantee(store: Store) -> None:
    fill(store, card=card())
    old = [item_row(f"o{number}", thresholds="t0", draw=0.0) for number in range(20)]
    fill_store(store, *old, source="/old", card=card())
    accept(store, dict.fromkeys(one["item_id"] for one in old), "anna")
    review_sample(store, 30, 0)
    check = statistics(store, share_accepted=0.1).guarantee
    assert (check.thresholds, check.n, check.n_sampled) == ("t1", 30, 100)


def test_a_subclass_counts_as_right_for_its_parent(store: Store) -> None:
    fill(store, card=card(counted_as={"dress": "hat"}))
    review_sample(store, 40, 10)
    assert statistics(store).guarantee.n_errors == 0


def test_thresholds_without_a_guarantee(store: Store) -> None:
    fill(store, card={"thresholds": {}})
    review_sample(store, 40, 10)
    check = statistics(store).guarantee
    assert (check.status, check.risk, check.n, check.n_errors) == ("none", None, 40, 10)
    assert check.message.startswith("The model has no risk guarantee. 10 of 40")


def test_an_empty_store_and_what_is_refused(store: Store) -> None:
    found = statistics(store)
    assert (found.n_items, found.guarantee.status, found.guarantee.n) == (0, "none", 0)
    assert found.to_json()["by_class"] == []
    with pytest.raises(UsageError, match="it must be 0 to 1"):
        statistics(store, share_accepted=-1)
