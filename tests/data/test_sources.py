import gzip
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from clothier.data import idx_files, sources
from clothier.data.idx_files import FILE_NAMES, TRAIN_IMAGES, TRAIN_LABELS
from clothier.data.release import FASHION_MNIST, Release
from clothier.data.sources import fetch, load_fashion_mnist, open_dataset
from clothier.errors import DataError, StorageError

Warnings = list[str]


class RecordingProgress:
    """A progress that records the notes."""

    def __init__(self) -> None:
        self.notes: Warnings = []

    def __call__(self, task: str, done: float, total: float, note: str = "") -> None:
        if note:
            self.notes.append(note)


def damage(path: Path) -> None:
    content = bytearray(gzip.decompress(path.read_bytes()) if path.suffix else path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))


def test_a_users_folder_is_not_cached(drawn: Path, release: Release, cache: Path) -> None:
    found = fetch(drawn, release=release)
    assert (found.source, found.folder, found.warnings) == ("folder", drawn, ())
    assert list(found.files) == list(FILE_NAMES)
    assert len(load_fashion_mnist(drawn, release=release).train) == 60
    assert not cache.exists()


def test_a_damaged_file_in_a_users_folder_is_an_error(drawn: Path, release: Release) -> None:
    sources.save_to_cache(fetch(drawn, release=release).contents, release)
    damage(drawn / f"{TRAIN_IMAGES}.gz")
    with pytest.raises(DataError, match=rf"{drawn}/{TRAIN_IMAGES}\.gz is not the file of Drawn"):
        load_fashion_mnist(drawn, release=release)


@pytest.mark.parametrize(("name", "what"), [("none", "does not exist"), ("file", "is a file")])
def test_missing_folder(tmp_path: Path, name: str, what: str) -> None:
    (tmp_path / "file").touch()
    for call in (load_fashion_mnist, open_dataset):
        with pytest.raises(DataError, match=f"{name} {what}"):
            call(tmp_path / name)


def test_a_folder_that_cannot_be_entered(tmp_path: Path, forbid: Callable[[Path], None]) -> None:
    forbid(tmp_path)
    for call in (fetch, open_dataset):
        with pytest.raises(DataError, match="x cannot be read: Permission denied"):
            call(tmp_path / "x")


def test_a_table_of_photos_in_place_of_a_folder(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.touch()
    with pytest.raises(DataError, match=f"train a photo model: clothier train photo --data {table}$"):
        open_dataset(table)


def test_a_users_folder_without_the_data(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty has none of the four data files"):
        load_fashion_mnist(tmp_path / "empty")


def test_the_systems_copy_is_not_cached(drawn: Path, release: Release, cache: Path) -> None:
    found = fetch(release=replace(release, system_dir=drawn))
    assert (found.source, found.folder, found.warnings) == ("system", drawn, ())
    assert not cache.exists()


def test_a_mirror_is_downloaded_once_and_cached(drawn: Path, release: Release, cache: Path, web, no_apt: None) -> None:
    known = replace(release, mirrors=(web.serve_folder(drawn, "/data"),))
    first = fetch(release=known)
    assert (first.source, first.folder, first.warnings) == ("mirror", cache, ())
    assert web.requests == [f"/data/{name}.gz" for name in FILE_NAMES]
    assert sorted(path.name for path in cache.iterdir()) == sorted(FILE_NAMES)
    second = fetch(release=known)
    assert (second.source, second.files) == ("cache", first.files)
    assert len(web.requests) == 4
    assert load_fashion_mnist(release=known).digests == release.digests


def test_the_next_mirror_is_used_when_one_is_broken(drawn: Path, release: Release, web, no_apt: None) -> None:
    good, altered = web.serve_folder(drawn, "/good"), web.serve_folder(drawn, "/altered")
    web.respond(f"/altered/{TRAIN_LABELS}.gz", gzip.compress(b"another file"))
    cut = web.respond(f"/cut/{TRAIN_IMAGES}.gz", (drawn / f"{TRAIN_IMAGES}.gz").read_bytes()[:-20]).rpartition("/")[0]
    watcher = RecordingProgress()
    mirrors = (f"{web.address}/none", cut, altered, good)
    found = fetch(release=replace(release, mirrors=mirrors), progress=watcher)
    assert found.source == "mirror"
    assert list(found.warnings) == watcher.notes
    for note, words in zip(found.warnings, ("returned 404", "damaged gzip", "is not an IDX file"), strict=True):
        assert note.startswith(f"skipped the mirror {web.address}/")
        assert words in note


def test_a_damaged_cache_gives_a_warning_and_is_replaced(
    drawn: Path,
    release: Release,
    cache: Path,
    no_apt: None,
    web,
) -> None:
    for known in (replace(release, system_dir=drawn), replace(release, mirrors=(web.serve_folder(drawn),))):
        sources.save_to_cache(fetch(drawn, release=release).contents, release)
        damage(cache / TRAIN_IMAGES)
        watcher = RecordingProgress()
        dataset = load_fashion_mnist(release=known, progress=watcher)
        assert dataset.warnings == tuple(watcher.notes)
        assert len(dataset.warnings) == 1
        assert f"skipped the cache ({cache}): {cache}/{TRAIN_IMAGES} is not the file of Drawn" in dataset.warnings[0]
        again = fetch(release=known)
        assert (again.source, again.warnings) == ("cache", ())


def test_a_damaged_system_copy_gives_a_warning(
    drawn: Path,
    release: Release,
    no_apt: None,
    web,
    tmp_path: Path,
) -> None:
    system = shutil.copytree(drawn, tmp_path / "system")
    damage(system / f"{TRAIN_IMAGES}.gz")
    known = replace(release, system_dir=system, mirrors=(web.serve_folder(drawn),))
    found = fetch(release=known)
    assert found.source == "mirror"
    assert found.warnings[0].startswith(
        f"skipped the system's copy ({system}): {system}/{TRAIN_IMAGES}.gz is not the file"
    )


def test_an_incomplete_cache_is_replaced(drawn: Path, release: Release, cache: Path, web, no_apt: None) -> None:
    sources.save_to_cache(fetch(drawn, release=release).contents, release)
    (cache / TRAIN_LABELS).unlink()
    found = fetch(release=replace(release, mirrors=(web.serve_folder(drawn),)))
    assert found.source == "mirror"
    assert f"has no {TRAIN_LABELS}." in found.warnings[0]


def test_no_source_has_the_data(
    release: Release,
    cache: Path,
    web,
    no_apt: None,
) -> None:
    with pytest.raises(DataError) as failure:
        load_fashion_mnist(release=replace(release, mirrors=(f"{web.address}/a", f"{web.address}/b")))
    lines = str(failure.value).splitlines()
    assert lines == [
        "Drawn was not found in any source:",
        f"  cache ({cache}): no data files.",
        f"  system's copy ({release.system_dir}): no data files.",
        "  Debian package no-such-package: this system has no apt-get and no dpkg-deb.",
        f"  mirror {web.address}/a: {web.address}/a/{TRAIN_IMAGES}.gz returned 404 Not Found.",
        f"  mirror {web.address}/b: {web.address}/b/{TRAIN_IMAGES}.gz returned 404 Not Found.",
        f"Put {', '.join(FILE_NAMES)} into a folder, each plain or as .gz, and run: clothier data --from DIR",
    ]


def test_a_cache_that_cannot_be_written(
    drawn: Path,
    release: Release,
    web,
    no_apt: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CLOTHIER_CACHE", str(tmp_path / "file"))
    with pytest.raises(StorageError, match=f"cannot write {tmp_path}/file/drawn/{TRAIN_IMAGES}"):
        load_fashion_mnist(release=replace(release, mirrors=(web.serve_folder(drawn),)))


def test_default_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CLOTHIER_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert sources.cache_folder() == tmp_path / "clothier" / "fashion-mnist"


def test_a_user_without_a_home_folder_has_a_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLOTHIER_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # as for an unknown user without $HOME
    assert sources.cache_folder() == Path(tempfile.gettempdir()) / f"clothier-{os.getuid()}" / "fashion-mnist"


def test_concurrent_writes_to_the_cache(drawn: Path, release: Release, cache: Path) -> None:
    contents = fetch(drawn, release=release).contents
    sources.save_to_cache(contents, release)
    failures: list[Exception] = []

    def write_and_read() -> None:
        try:
            for _ in range(10):
                sources.save_to_cache(contents, release)
                release.read(idx_files.find_files(cache), cache)
        except Exception as error:  # noqa: BLE001 - any exception is a failure of this test
            failures.append(error)

    threads = [threading.Thread(target=write_and_read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(path.name for path in cache.iterdir()) == sorted(FILE_NAMES)


def test_other_idx_data_need_any_idx(drawn: Path, release: Release) -> None:
    expected, got = FASHION_MNIST.digests[TRAIN_IMAGES], release.digests[TRAIN_IMAGES]
    with pytest.raises(
        DataError,
        match=rf"is not the file of Fashion-MNIST.*expected {expected}, got {got}\..*--any-idx",
    ):
        open_dataset(drawn)
    dataset = open_dataset(drawn, any_idx=True)
    assert (dataset.name, dataset.digests) == ("drawn", release.digests)


def test_fashion_mnist_keeps_its_name_with_any_idx(
    drawn: Path, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "FASHION_MNIST", release)
    (drawn / "classes.txt").write_text("\n".join("abcdefghij"))
    dataset = open_dataset(drawn, any_idx=True)
    assert (dataset.name, dataset.classes[0]) == ("Drawn", "T-shirt/top")
    assert open_dataset(drawn).name == "Drawn"


def test_open_dataset_names_the_missing_files(drawn: Path) -> None:
    (drawn / f"{TRAIN_LABELS}.gz").unlink()
    for any_idx in (False, True):
        with pytest.raises(DataError, match=f"drawn has no {TRAIN_LABELS}"):
            open_dataset(drawn, any_idx=any_idx)


def test_a_folder_without_any_data(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "some.csv").touch()
    with pytest.raises(DataError, match="has neither the four files of Fashion-MNIST"):
        open_dataset(tmp_path)


def test_the_cache_of_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def no_home(_: str) -> str:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.delenv("CLOTHIER_CACHE")
    monkeypatch.setattr("platformdirs.user_cache_dir", no_home)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert sources.cache_folder() == tmp_path / f"clothier-{os.getuid()}" / "fashion-mnist"


def test_reading_data_needs_neither_torch_nor_scikit_learn() -> None:
    code = (
        "import sys, clothier.data.sources, clothier.workflows.data\n"
        "print({'sklearn', 'scipy', 'torch', 'matplotlib', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"
