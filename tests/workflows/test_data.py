import json
from dataclasses import replace
from pathlib import Path

import pytest

from clothier.data.idx_files import FILE_NAMES
from clothier.data.release import Release
from clothier.errors import DataError
from clothier.taxonomy import FASHION_MNIST_CLASSES
from clothier.workflows.data import prepare
from tests.synthetic import write_synthetic_dataset


@pytest.fixture
def drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Release]:
    monkeypatch.setenv("CLOTHIER_CACHE", str(tmp_path / "cache"))
    digests = write_synthetic_dataset(tmp_path / "own", train=40, test=20)
    return tmp_path / "own", Release("Drawn", digests, tmp_path / "none", "no-such-package", ())


def test_a_users_copy_is_verified_and_cached(drawn: tuple[Path, Release], tmp_path: Path) -> None:
    folder, release = drawn
    first = prepare(folder, release=release)
    assert (first.found.source, first.found.folder, first.cache) == ("folder", folder, tmp_path / "cache/drawn")
    second = prepare(release=release)
    assert (second.found.source, second.found.folder) == ("cache", tmp_path / "cache/drawn")
    assert second.dataset.digest == first.dataset.digest


def test_json(drawn: tuple[Path, Release], tmp_path: Path) -> None:
    folder, release = drawn
    printed = json.loads(json.dumps(prepare(folder, release=release).to_json()))
    assert list(printed) == ["name", "source", "folder", "cache", "files", "counts", "digest", "warnings"]
    assert printed["files"][0] == {
        "name": FILE_NAMES[0],
        "path": str(folder / f"{FILE_NAMES[0]}.gz"),
        "bytes": (folder / f"{FILE_NAMES[0]}.gz").stat().st_size,
        "sha256": release.digests[FILE_NAMES[0]],
    }
    assert printed["counts"] == {
        "train": dict.fromkeys(FASHION_MNIST_CLASSES, 4),
        "test": dict.fromkeys(FASHION_MNIST_CLASSES, 2),
    }
    assert printed["warnings"] == []


def test_the_systems_copy_is_not_cached(drawn: tuple[Path, Release], tmp_path: Path) -> None:
    folder, release = drawn
    printed = prepare(release=replace(release, system_dir=folder)).to_json()
    assert (printed["source"], printed["folder"], printed["cache"]) == ("system", str(folder), None)
    assert not (tmp_path / "cache").exists()


def test_another_data_set_is_refused_and_not_cached(drawn: tuple[Path, Release], tmp_path: Path) -> None:
    folder, _ = drawn
    with pytest.raises(DataError, match="is not the file of Fashion-MNIST"):
        prepare(folder)
    assert not (tmp_path / "cache").exists()
