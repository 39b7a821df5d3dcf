from __future__ import annotations

import json
import shutil
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest

from clothier.catalogue.index import Filters, graph, open_index
from clothier.catalogue.index.files import write_card
from clothier.errors import DataError, UnknownNameError, UsageError
from clothier.store import open_store
from tests.catalogue.index.conftest import Catalogue, descriptor, digest_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from clothier.catalogue.index import Index

KINDS = {"a": ("dress", "red", "p1"), "b": ("dress", "blue", "p1"), "c": ("hat", "red", "p2"), "d": ("hat", None, "")}


@pytest.fixture(scope="module", params=product(["all", "graph"], ["sqlite", "postgresql"]), ids="-".join)
def index(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    """An index on each kind of store, with a graph and without one. For reading only."""
    kind, engine = request.param
    folder = tmp_path_factory.mktemp("index")
    url = str(folder / "tags.db")
    if engine == "postgresql":
        url = request.getfixturevalue("postgresql_server").create_database(folder.name)
    columns = ("item_id", "class", "color", "product")
    with open_store(url) as store, pytest.MonkeyPatch.context() as patch:
        if kind == "graph":
            patch.setattr(graph, "MIN_PHOTOS", 2)
        catalogue = Catalogue(store, folder / "index")
        catalogue.tag(*(dict(zip(columns, (name, *one), strict=True)) for name, one in KINDS.items()))
        catalogue.update()
        yield catalogue.open()


def found(index: Index, top: int = 10, query: str = "a", **filters: object) -> list[str]:
    digest = bytes.fromhex(digest_of(query))
    neighbors = index.search(descriptor(query), top, digest=digest, filters=Filters(**filters))  # type: ignore[arg-type]
    assert [one.score for one in neighbors] == sorted((one.score for one in neighbors), reverse=True)
    return [one.item_id for one in neighbors]


def test_the_order_is_that_of_the_cosines(index: Index) -> None:
    expected = sorted(
        "bcd",
        key=lambda name: (
            -float(
                index._content.projection(descriptor(name)[None])[0]
                @ index._content.projection(descriptor("a")[None])[0]
            )
        ),
    )
    assert found(index) == expected
    assert found(index, 2) == expected[:2]


def test_the_photo_itself_is_left_out_by_its_content(index: Index) -> None:
    assert "a" not in found(index)
    (best,) = index.search(descriptor("a"), 1)
    assert (best.item_id, best.score) == ("a", pytest.approx(1, abs=1e-3))
    assert (best.file, best.class_name, best.color, best.product) == ("0.jpg", "dress", "red", "p1")
    assert best.to_json() == {"item_id": "a", "file": "0.jpg", "score": best.score}


def test_filters(index: Index) -> None:
    assert found(index, class_name="dress") == ["b"]
    assert sorted(found(index, class_name="hat")) == ["c", "d"]
    assert found(index, color="red") == ["c"]
    assert found(index, product="p2") == ["c"]
    assert sorted(found(index, other_products=True)) == ["c", "d"]
    assert found(index, class_name="hat", color="blue") == []
    assert sorted(found(index, query="x", other_products=True)) == ["a", "b", "c", "d"], "of an unknown product"
    assert index.has_product(bytes.fromhex(digest_of("a")))
    assert not index.has_product(bytes.fromhex(digest_of("d")))
    assert not index.has_product(bytes.fromhex(digest_of("x")))


def test_one_per_product(index: Index) -> None:
    every = found(index, query="x")
    single = found(index, query="x", one_per_product=True)
    assert single == [one for one in every if one != max("ab", key=every.index)], "photos without a product stay"
    assert found(index, 3, query="x", one_per_product=True) == single


def test_unknown_names(index: Index) -> None:
    for filters, name in (
        (Filters(class_name="dres"), "dress"),
        (Filters(color="reed"), "red"),
        (Filters(product="p"), "p[12]"),
    ):
        with pytest.raises(UnknownNameError, match=name):
            index.search(descriptor("a"), 1, filters=filters)


def test_bad_requests(index: Index) -> None:
    with pytest.raises(UsageError, match="top is 0"):
        index.search(descriptor("a"), 0)
    with pytest.raises(UsageError, match="not finite"):
        index.search(np.full(160, np.inf, np.float32), 1)


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an index."""
    folder = tmp_path_factory.mktemp("intact")
    with open_store(folder / "tags.db") as store:
        catalogue = Catalogue(store, folder / "index")
        catalogue.tag(*({"item_id": name, "product": f"p{name}"} for name in KINDS))
        catalogue.update()
    return catalogue.path


class TestDamage:
    """Of the files, which are the same for each kind of store."""

    @pytest.fixture
    def store_url(self, tmp_path: Path) -> str:
        return str(tmp_path / "tags.db")

    @pytest.fixture
    def path(self, intact: Path, tmp_path: Path) -> Path:
        return shutil.copytree(intact, tmp_path / "index")

    def sign(self, path: Path) -> None:
        """Writes the digests of the files as they are now, as an attacker would."""
        card = open_index_card(path)
        (path / "index.json").unlink()
        write_card(path, card)

    @pytest.mark.parametrize("name", ["vectors.npy", "digests.npy", "item_ids.npy", "classes.npy"])
    def test_a_changed_byte(self, path: Path, name: str) -> None:
        content = bytearray((path / name).read_bytes())
        content[-1] ^= 1
        (path / name).write_bytes(content)
        with pytest.raises(DataError, match=f"{path} is damaged: {name} is not the file"):
            open_index(path)

    @pytest.mark.parametrize("name", ["vectors.npy", "mean.npy", "files_ends.npy", "index.json"])
    def test_a_missing_file(self, path: Path, name: str) -> None:
        (path / name).unlink()
        with pytest.raises(DataError, match=str(path)):
            open_index(path)

    @pytest.mark.parametrize(
        ("name", "array"),
        [
            ("vectors", np.zeros((4, 7), np.float32)),
            ("vectors", np.zeros((4, 160), np.float64)),
            ("digests", np.zeros((3, 32), np.uint8)),
            ("classes", np.full(4, 99, np.int16)),
            ("products", np.full(4, -2, np.int32)),
            ("item_ids_ends", np.array([1, 0, 2, 4], np.int64)),
            ("item_ids_ends", np.array([1, 2, 3, 1 << 40], np.int64)),
            ("mean", np.zeros(3, np.float32)),
        ],
    )
    def test_arrays_that_do_not_fit(self, path: Path, name: str, array: np.ndarray) -> None:
        np.save(path / f"{name}.npy", array)
        self.sign(path)
        with pytest.raises(DataError, match="damaged"):
            open_index(path)

    def test_pickle_is_refused(self, path: Path) -> None:
        np.save(path / "mean.npy", np.array([{"a": 1}]), allow_pickle=True)
        self.sign(path)
        with pytest.raises(DataError, match="damaged"):
            open_index(path)

    @pytest.mark.parametrize("value", [np.nan, np.inf, 5.0])
    def test_vectors_that_are_no_directions(self, path: Path, value: float) -> None:
        vectors = np.load(path / "vectors.npy")
        vectors[2] = value
        np.save(path / "vectors.npy", vectors)
        self.sign(path)
        with pytest.raises(DataError, match="not of length 1"):
            open_index(path).search(descriptor("a"), 1)

    def test_a_damaged_graph(self, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(graph, "MIN_PHOTOS", 2)
        catalogue.tag(*({"item_id": name} for name in KINDS))
        catalogue.update()
        (catalogue.path / "graph.usearch").write_bytes(b"usearch" + bytes(200))
        with pytest.raises(DataError, match=r"graph\.usearch is not the file"):
            catalogue.open()
        self.sign(catalogue.path)
        with pytest.raises(DataError, match=r"graph\.usearch is damaged"):
            catalogue.open()

    def test_a_graph_of_other_vectors(self, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(graph, "MIN_PHOTOS", 2)
        catalogue.tag(*({"item_id": name} for name in KINDS))
        catalogue.update()
        graph.build_graph(catalogue.path / "graph.usearch", np.zeros((3, 160), np.float32))
        self.sign(catalogue.path)
        with pytest.raises(DataError, match=r"graph\.usearch is damaged: it has \(3, 160\)"):
            catalogue.open()

    @pytest.mark.parametrize(
        "content",
        [b"", b"{", b"[]", b'{"format": 1}', b'{"format": 2}', b"\xff", b"[" * 100_000],
        ids=["empty", "cut", "list", "fields", "newer", "not UTF-8", "deep"],
    )
    def test_a_damaged_card(self, path: Path, content: bytes) -> None:
        (path / "index.json").write_bytes(content)
        with pytest.raises(DataError, match=str(path)):
            open_index(path)

    def test_a_card_that_names_other_files(self, path: Path, tmp_path: Path) -> None:
        card = json.loads((path / "index.json").read_text())
        card["files"]["../secret"] = "0"
        (path / "index.json").write_text(json.dumps(card))
        with pytest.raises(DataError, match="damaged"):
            open_index(path)

    def test_a_pipe_does_not_hang(self, path: Path) -> None:
        import os

        (path / "vectors.npy").unlink()
        os.mkfifo(path / "vectors.npy")
        with pytest.raises(DataError, match="damaged"):
            open_index(path)

    def test_no_index(self, tmp_path: Path) -> None:
        for path in (tmp_path, tmp_path / "missing", tmp_path / ("x" * 300)):
            with pytest.raises(DataError, match="is not an index"):
                open_index(path)

    def test_a_copy_works_from_elsewhere(self, path: Path, tmp_path: Path) -> None:
        shutil.copytree(path, tmp_path / "copy")
        assert len(open_index(tmp_path / "copy")) == 4


def open_index_card(path: Path):
    from clothier.catalogue.index.files import read_card

    return read_card(path)
