from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import clothier
from clothier.catalogue import drift, review, versions
from clothier.catalogue.catalogue_store import CatalogueStore
from clothier.catalogue.review import Filter, Judgment
from tests.stored_items import fill_store, item_row

if TYPE_CHECKING:
    from pathlib import Path

FUNCTIONS = {
    "queue": review.queue,
    "items": review.find_items,
    "accept": review.accept,
    "correct": review.correct,
    "review": review.review,
    "accept_all": review.accept_all,
    "undo": review.undo,
    "statistics": review.statistics,
    "drift": drift.drift,
    "versions": versions.versions,
    "promote": versions.promote,
    "roll_back": versions.roll_back,
}


def test_each_method_has_the_parameters_of_its_function() -> None:
    for name, function in FUNCTIONS.items():
        expected = list(inspect.signature(function).parameters.values())[1:]
        assert list(inspect.signature(getattr(CatalogueStore, name)).parameters.values())[1:] == expected, name


def test_a_day_of_work(tmp_path: Path) -> None:
    with clothier.open_store(tmp_path / "tags.db") as store:
        fill_store(store, *(item_row(f"i{number}", decision="review", probability=0.5) for number in range(9)))
        page = store.queue(limit=2)
        first, second = page.items
        assert store.accept({first.item_id: first.revision}, "anna").n == 1
        assert store.correct({second.item_id: second.revision}, "coat", "anna").n == 1
        assert store.review([Judgment("i5", None)], "bob").n == 1
        assert store.accept_all(Filter(decision="review"), "bob").n == 6
        assert store.undo("bob").n == 6
        assert [one.reviewed_class for one in store.items(["i5", "i1", "no"])] == [None, "coat"]
        found = store.statistics()
        assert (found.n_items, found.n_reviewed) == (9, 3)
        assert store.drift().weeks[0].n == 9
        (version,) = store.versions()
        assert store.promote(version.version, "anna").status == "current"
        assert store.roll_back("anna") is None
