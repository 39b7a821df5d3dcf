"""36 of the 132 damaged bundles of ``make soak``."""

from tests.soak.bundles import MAX_MEMORY, Outcome, run


def test_each_damaged_bundle_predicts_or_is_refused() -> None:
    outcomes = run(range(36))
    assert [one for one in outcomes if not one.is_good] == []
    assert {one.outcome for one in outcomes} == {"predicts", "refused"}


def test_limits() -> None:
    assert Outcome("a", "refused", 0.1, 10**8).is_good
    assert not Outcome("a", "refused", 0.1, MAX_MEMORY).is_good
    assert not Outcome("a", "hang").is_good
