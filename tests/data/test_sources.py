import gzip
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from clothier.data import idx_files, sources
from clothier.data.idx_files import FILE_NAMES, TRAIN_IMAGES, TRAIN_LABELS
from clothier.data.release import FASHION_MNIST, Release
from clothier.data.sources import load_fashion_mnist, locate_fashion_mnist, open_dataset
from clothier.errors import DataError, StorageError

Warnings = list[str]


class RecordingProgress:
    """A progress that keeps its notes."""

    def __init__(self) -> None:
        self.notes: Warnings = []

    def __call__(self, task: str, done: float, total: float, note: str = "") -> None:
        if note:
            self.notes.append(note)


def damage(path: Path) -> None:
    content = bytearray(gzip.decompress(path.read_bytes()) if path.suffix else path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))


def test_a_users_folder_is_used_where_it_lies(drawn: Path, release: Release, cache: Path) -> None:
    located = locate_fashion_mnist(drawn, release=release)
    assert (located.source, located.folder, located.warnings) == ("folder", drawn, ())
    assert [file.name for file in located.files] == list(FILE_NAMES)
    assert all(file.sha256 == release.digests[file.name] for file in located.files)
    assert all(file.size == file.path.stat().st_size for file in located.files)
    assert len(load_fashion_mnist(drawn, release=release).train) == 60
    assert not cache.exists()


def test_a_damaged_file_in_a_users_folder_is_an_error_whatever_else_there_is(drawn: Path, release: Release) -> None:
    sources.save_to_cache(sources.fetch(drawn, release=release).contents, release)
    damage(drawn / f"{TRAIN_IMAGES}.gz")
    with pytest.raises(
        DataError, match=rf"{drawn}/{TRAIN_IMAGES}\.gz is whole, but not Drawn's: .* Put an unaltered copy in its place"
    ):
        load_fashion_mnist(drawn, release=release)


@pytest.mark.parametrize(("name", "what"), [("none", "does not exist"), ("file", "is a file")])
def test_a_folder_that_is_none_is_said(tmp_path: Path, name: str, what: str) -> None:
    (tmp_path / "file").touch()
    for call in (load_fashion_mnist, open_dataset):
        with pytest.raises(DataError, match=rf"{name} {what}; a folder with data is needed\. Check the path\."):
            call(tmp_path / name)


def test_a_users_folder_without_the_data_is_said(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        DataError, match=rf"empty holds none of the four data files\. Give the folder with {FILE_NAMES[0]}"
    ):
        load_fashion_mnist(tmp_path / "empty")


def test_the_systems_copy_is_used_where_it_lies(drawn: Path, release: Release, cache: Path) -> None:
    located = locate_fashion_mnist(release=replace(release, system_dir=drawn))
    assert (located.source, located.folder, located.warnings) == ("system", drawn, ())
    assert not cache.exists()


def test_a_mirror_is_fetched_once_and_cached(drawn: Path, release: Release, cache: Path, web, no_apt: None) -> None:
    known = replace(release, mirrors=(web.serves(drawn, "/data"),))
    first = locate_fashion_mnist(release=known)
    assert (first.source, first.folder, first.warnings) == ("mirror", cache, ())
    assert web.asked == [f"/data/{name}.gz" for name in FILE_NAMES]
    assert sorted(path.name for path in cache.iterdir()) == sorted(FILE_NAMES)
    second = locate_fashion_mnist(release=known)
    assert (second.source, second.files) == ("cache", first.files)
    assert len(web.asked) == 4
    assert load_fashion_mnist(release=known).digests == release.digests


def test_the_next_mirror_serves_when_one_is_broken(drawn: Path, release: Release, web, no_apt: None) -> None:
    good, altered = web.serves(drawn, "/good"), web.serves(drawn, "/altered")
    web.says(f"/altered/{TRAIN_LABELS}.gz", gzip.compress(b"another file"))
    cut = web.says(f"/cut/{TRAIN_IMAGES}.gz", (drawn / f"{TRAIN_IMAGES}.gz").read_bytes()[:-20]).rpartition("/")[0]
    watcher = RecordingProgress()
    mirrors = (f"{web.address}/none", cut, altered, good)
    located = locate_fashion_mnist(release=replace(release, mirrors=mirrors), progress=watcher)
    assert located.source == "mirror"
    assert list(located.warnings) == watcher.notes
    for note, words in zip(located.warnings, ("answered 404", "damaged gzip", "is not an IDX file"), strict=True):
        assert note.startswith(f"passed over the mirror {web.address}/")
        assert words in note


def test_a_damaged_cache_is_noted_passed_over_and_healed(
    drawn: Path,
    release: Release,
    cache: Path,
    no_apt: None,
    web,
) -> None:
    for known in (replace(release, system_dir=drawn), replace(release, mirrors=(web.serves(drawn),))):
        sources.save_to_cache(sources.fetch(drawn, release=release).contents, release)
        damage(cache / TRAIN_IMAGES)
        watcher = RecordingProgress()
        dataset = load_fashion_mnist(release=known, progress=watcher)
        assert dataset.warnings == tuple(watcher.notes)
        assert len(dataset.warnings) == 1
        assert (
            f"passed over the cache ({cache}): {cache}/{TRAIN_IMAGES} is whole, but not Drawn's" in dataset.warnings[0]
        )
        again = locate_fashion_mnist(release=known)
        assert (again.source, again.warnings) == ("cache", ())


def test_a_damaged_copy_of_the_system_is_noted_and_passed_over(
    drawn: Path,
    release: Release,
    no_apt: None,
    web,
    tmp_path: Path,
) -> None:
    system = shutil.copytree(drawn, tmp_path / "system")
    damage(system / f"{TRAIN_IMAGES}.gz")
    known = replace(release, system_dir=system, mirrors=(web.serves(drawn),))
    located = locate_fashion_mnist(release=known)
    assert located.source == "mirror"
    assert located.warnings[0].startswith(
        f"passed over the system's copy ({system}): {system}/{TRAIN_IMAGES}.gz is whole"
    )


def test_an_unfinished_cache_is_fetched_again(drawn: Path, release: Release, cache: Path, web, no_apt: None) -> None:
    sources.save_to_cache(sources.fetch(drawn, release=release).contents, release)
    (cache / TRAIN_LABELS).unlink()
    located = locate_fashion_mnist(release=replace(release, mirrors=(web.serves(drawn),)))
    assert located.source == "mirror"
    assert f"holds no {TRAIN_LABELS}." in located.warnings[0]


def test_when_no_source_has_it_each_is_named_with_its_reason(
    release: Release,
    cache: Path,
    web,
    no_apt: None,
) -> None:
    with pytest.raises(DataError) as failure:
        load_fashion_mnist(release=replace(release, mirrors=(f"{web.address}/a", f"{web.address}/b")))
    lines = str(failure.value).splitlines()
    assert lines == [
        "Drawn could not be found or fetched:",
        f"  cache ({cache}): no data files there.",
        f"  system's copy ({release.system_dir}): no data files there.",
        "  Debian package no-such-package: this system has no apt-get and no dpkg-deb.",
        f"  mirror {web.address}/a: {web.address}/a/{TRAIN_IMAGES}.gz answered 404 Not Found.",
        f"  mirror {web.address}/b: {web.address}/b/{TRAIN_IMAGES}.gz answered 404 Not Found.",
        f"Put {', '.join(FILE_NAMES)} into a folder, each as it is or as .gz, and run: clothier data --from DIR",
    ]


def test_a_cache_that_cannot_be_written_is_said(
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
        load_fashion_mnist(release=replace(release, mirrors=(web.serves(drawn),)))


def test_without_the_variable_the_cache_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CLOTHIER_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert sources.cache_folder() == tmp_path / "clothier" / "fashion-mnist"


def test_many_at_once_do_each_other_no_harm(drawn: Path, release: Release, cache: Path) -> None:
    contents = sources.fetch(drawn, release=release).contents
    sources.save_to_cache(contents, release)
    failures: list[Exception] = []

    def write_and_read() -> None:
        try:
            for _ in range(10):
                sources.save_to_cache(contents, release)
                release.read(idx_files.find_files(cache), cache)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a failure of this test
            failures.append(error)

    threads = [threading.Thread(target=write_and_read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(path.name for path in cache.iterdir()) == sorted(FILE_NAMES)


def test_open_dataset_takes_other_idx_data_only_when_told(drawn: Path, release: Release) -> None:
    expected, got = FASHION_MNIST.digests[TRAIN_IMAGES], release.digests[TRAIN_IMAGES]
    with pytest.raises(
        DataError,
        match=rf"is whole, but not Fashion-MNIST's: .* or add --any-idx to take .*expected {expected}, got {got}\.",
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
        with pytest.raises(DataError, match=f"drawn holds no {TRAIN_LABELS}"):
            open_dataset(drawn, any_idx=any_idx)


def test_open_dataset_says_what_a_folder_may_hold(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "some.csv").touch()
    with pytest.raises(
        DataError, match=r"holds neither the four files of Fashion-MNIST \(.*\) nor a subfolder of pictures for each"
    ):
        open_dataset(tmp_path)


def test_reading_data_needs_neither_torch_nor_scikit_learn() -> None:
    code = (
        "import sys, clothier.data.sources, clothier.data.synthetic, clothier.workflows.data\n"
        "print({'sklearn', 'scipy', 'torch', 'matplotlib', 'pandas'} & set(sys.modules))"
    )
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert answer.stdout == "set()\n"
