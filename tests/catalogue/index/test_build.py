from __future__ import annotations

import errno
import os
import resource
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sqlalchemy import update

from clothier.catalogue.index import build, graph, projection
from clothier.errors import DataError, StorageError
from clothier.store.schema import ITEMS, OUTPUTS
from tests.catalogue.index.conftest import Catalogue, FakeModel, descriptor

if TYPE_CHECKING:
    from pathlib import Path

NAMES = [f"item {number}" for number in range(12)]
ITEMS_OF = [{"item_id": name} for name in NAMES]


def names(catalogue: Catalogue) -> list[str]:
    index = catalogue.open()
    return [one.item_id for one in index.search(descriptor("a query"), len(index))]


def test_an_index_of_a_store(catalogue: Catalogue) -> None:
    catalogue.tag(*ITEMS_OF)
    found = catalogue.update()
    assert (found.n, found.added, found.removed, found.without_embedding, found.is_exact) == (12, 12, 0, 0, True)
    assert sorted(names(catalogue)) == sorted(NAMES)


def test_a_second_run_adds_what_is_new_and_removes_what_is_gone(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue.tag(*ITEMS_OF[:8])
    catalogue.update()
    read: list[int] = []
    real = build.read_embeddings
    monkeypatch.setattr(build, "read_embeddings", lambda *given: read.append(len(given[3])) or real(*given))
    catalogue.tag(*ITEMS_OF[1:10])
    found = catalogue.update()
    assert (found.n, found.added, found.removed) == (9, 2, 1)
    assert sum(read) == 2, "only the new ones are read"
    assert sorted(names(catalogue)) == sorted(NAMES[1:10])
    before = names(catalogue)
    assert (catalogue.update().added, names(catalogue)) == (0, before)


def test_a_photo_with_another_content_is_read_again(catalogue: Catalogue) -> None:
    catalogue.tag(*ITEMS_OF[:3])
    catalogue.update()
    catalogue.tag(*ITEMS_OF[:2], {"item_id": "item 2", "digest": "cd" * 32})
    found = catalogue.update()
    assert (found.n, found.added, found.removed) == (3, 1, 1)


def test_a_run_that_did_not_end_hides_nothing(catalogue: Catalogue) -> None:
    catalogue.tag(*ITEMS_OF[:4])
    catalogue.tag({"item_id": "item 0"}, finish=False)
    assert catalogue.update().n == 4


def test_several_sources_or_only_the_last(catalogue: Catalogue) -> None:
    catalogue.tag(*ITEMS_OF[:4])
    catalogue.tag(*ITEMS_OF[3:6], source="/others")
    assert catalogue.update().n == 6, "item 3 is in both"
    assert catalogue.update(only_last_source=True).n == 3


def test_what_a_reviewer_said_counts(catalogue: Catalogue) -> None:
    catalogue.tag({"item_id": "a", "class": "dress"}, {"item_id": "b", "class": "hat"}, {"item_id": "c"})

    def review(connection: Any) -> None:
        for name, right in (("a", "coat"), ("c", None)):
            values = {"review_id": 1, "reviewed_class": right}
            connection.execute(update(ITEMS).where(ITEMS.c.item_id == name).values(values))

    catalogue.store.write(review)
    catalogue.update()
    found = {one.item_id: one.class_name for one in catalogue.open().search(descriptor("a"), 3)}
    assert found == {"a": "coat", "b": "hat", "c": None}


def test_photos_without_an_embedding_are_counted(catalogue: Catalogue) -> None:
    catalogue.tag(*ITEMS_OF[:4])
    without = update(OUTPUTS).where(OUTPUTS.c.digest.in_([catalogue._output(0, "", "")["digest"]]))
    catalogue.store.write(lambda connection: connection.execute(without.values(embedding=None)))
    other = update(OUTPUTS).values(computed_by="fashion-cnn")
    first = next(iter(catalogue.store.rows_of(OUTPUTS.select().with_only_columns(OUTPUTS.c.digest))))["digest"]
    catalogue.store.write(lambda connection: connection.execute(other.where(OUTPUTS.c.digest == first)))
    found = catalogue.update()
    assert (found.n, found.without_embedding) == (3, 1)
    nothing = update(OUTPUTS).values(embedding=None)
    catalogue.store.write(lambda connection: connection.execute(nothing))
    catalogue.path = catalogue.path.with_name("other")
    with pytest.raises(DataError, match="no photos with an embedding of shop"):
        catalogue.update()
    assert not catalogue.path.exists()


def test_another_model(catalogue: Catalogue) -> None:
    catalogue.tag(*ITEMS_OF[:2])
    catalogue.update()
    catalogue.model = FakeModel("other", "cd" * 32)
    with pytest.raises(DataError, match=r"no photos that other \(cdcdcdcd\) tagged, but of: shop"):
        catalogue.update()
    catalogue.tag(*ITEMS_OF[:2])
    with pytest.raises(DataError, match=r"made with another model: shop \(abababab\), not other \(cdcdcdcd\)"):
        catalogue.update()


def test_a_folder_of_other_files_is_not_replaced(catalogue: Catalogue) -> None:
    catalogue.tag(*ITEMS_OF[:2])
    (catalogue.path / "photos").mkdir(parents=True)
    with pytest.raises(DataError, match="is not an index"):
        catalogue.update()
    assert (catalogue.path / "photos").is_dir()


def test_a_catalogue_that_grew_is_fitted_again(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "MIN_PHOTOS", 3)
    catalogue.tag(*ITEMS_OF[:3])
    catalogue.update()
    assert catalogue.open().card.fitted_on == 3
    catalogue.tag(*ITEMS_OF)
    found = catalogue.update()
    assert (found.n, found.added, catalogue.open().card.fitted_on) == (12, 9, 12)


@pytest.mark.parametrize("gone", [0, 2])
def test_a_graph_is_extended_or_built_anew(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, gone: int) -> None:
    monkeypatch.setattr(graph, "MIN_PHOTOS", 5)
    catalogue.tag(*ITEMS_OF[:8])
    assert not catalogue.update().is_exact
    catalogue.tag(*ITEMS_OF[gone:])
    found = catalogue.update()
    assert (found.n, found.added, found.removed) == (12 - gone, 4, gone)
    index = catalogue.open()
    for name in NAMES[gone:]:
        (best,) = index.search(descriptor(name), 1)
        assert (best.item_id, best.score) == (name, pytest.approx(1, abs=1e-3))
    vectors = index._content.vectors
    query = vectors[0]
    order = np.argsort(-(vectors @ query))[:4]
    assert index._graph is not None
    assert set(index._graph.search(query, 4)) == set(order.tolist())


def test_a_full_disk_leaves_the_old_index(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue.tag(*ITEMS_OF[:3])
    catalogue.update()
    catalogue.tag(*ITEMS_OF)

    def fail(folder: Path, content: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(build, "write_arrays", fail)
    with pytest.raises(Exception, match="No space left"):
        catalogue.update()
    assert len(names(catalogue)) == 3
    assert [one.name for one in catalogue.path.parent.iterdir() if ".part" in one.name] == []


@pytest.mark.parametrize("limit", [None, 600])
def test_a_disk_that_is_really_full(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, limit: int | None) -> None:
    catalogue.tag(*ITEMS_OF)

    def fail(*_: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    if limit is None:
        monkeypatch.setattr(os, "posix_fallocate", fail)
    else:  # the vectors and the first arrays fit
        monkeypatch.setattr(build, "_write_vectors", lambda _, known, *rest: known)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises(StorageError, match="cannot write"):
            catalogue.update()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(catalogue.path.parent.glob(".*part"))
