"""Some of the damaged inputs of ``make soak``, in this process."""

from __future__ import annotations

import pytest

from tests.soak import bundles, idx, maps, searches, stores
from tests.soak.attempts import MAX_MEMORY, REFUSED, Outcome, Soak, attempt


@pytest.mark.parametrize(
    ("soak", "n"),
    [(bundles.SOAK, 36), (idx.SOAK, 26), (maps.SOAK, 24), (searches.SOAK, 10), (stores.SOAK, 60)],
    ids=["bundles", "idx", "maps", "searches", "stores"],
)
def test_each_damaged_input_is_used_or_refused(soak: Soak, n: int) -> None:
    outcomes = [attempt(soak, number) for number in range(n)]
    assert soak.bad(outcomes) == []
    assert {one.outcome for one in outcomes} == {REFUSED, *soak.accepted}


def test_limits() -> None:
    assert Outcome("a", REFUSED, 0.1, 10**8).is_good(("loads",))
    assert Outcome("a", "loads").is_good(("loads",))
    assert not Outcome("a", REFUSED, 0.1, MAX_MEMORY).is_good(("loads",))
    assert not Outcome("a", "hang").is_good(("loads",))
