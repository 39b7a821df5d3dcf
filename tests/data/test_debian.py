"""The real apt-get and dpkg-deb with a local package source: without network and root."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from clothier.data import debian
from clothier.errors import DataError

pytestmark = pytest.mark.skipif(
    bool(debian.missing_tools()), reason=f"this system has no {' and no '.join(debian.missing_tools())}"
)


@pytest.fixture
def package_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package source with the package ``drawn-data``, which apt-get uses instead of the system's."""
    tree, source = tmp_path / "tree", tmp_path / "source"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "usr/share/drawn").mkdir(parents=True)
    (tree / "usr/share/drawn/file").write_text("content")
    control = "Package: drawn-data\nVersion: 1\nArchitecture: all\nMaintainer: a <a@example.org>\nDescription: drawn\n"
    (tree / "DEBIAN/control").write_text(control)
    source.mkdir()
    archive = source / "drawn-data_1_all.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, archive], check=True, stdout=-3)
    size, digest = archive.stat().st_size, hashlib.sha256(archive.read_bytes()).hexdigest()
    (source / "Packages").write_text(f"{control}Filename: ./{archive.name}\nSize: {size}\nSHA256: {digest}\n")
    (tmp_path / "sources.list").write_text(f"deb [trusted=yes] file:{source} ./\n")
    (tmp_path / "none").mkdir()
    (tmp_path / "etc.conf").write_text(
        f'Dir::Etc::sourcelist "{tmp_path}/sources.list";\nDir::Etc::sourceparts "{tmp_path}/none";\n'
    )
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "etc.conf"))
    return source


def test_the_package_is_unpacked_and_removed(package_source: Path) -> None:
    calls: list[str] = []
    with debian.unpack_package("drawn-data", progress=lambda task, done, total, note="": calls.append(task)) as files:
        assert (files / "usr/share/drawn/file").read_text() == "content"
        root = files.parent
    assert not root.exists()
    assert "downloading Debian's drawn-data" in calls


def test_unknown_package(package_source: Path) -> None:
    with (
        pytest.raises(DataError, match="apt-get could not download drawn-none: E: Unable to locate package drawn-none"),
        debian.unpack_package("drawn-none"),
    ):
        pytest.fail("there is no such package")


def test_a_changed_package_is_refused(package_source: Path) -> None:
    archive = package_source / "drawn-data_1_all.deb"
    archive.write_bytes(archive.read_bytes()[:-1] + b"x")
    with pytest.raises(DataError, match=r"could not download drawn-data: .*Hash"), debian.unpack_package("drawn-data"):
        pytest.fail("its digest is another")


def test_a_damaged_archive(package_source: Path) -> None:
    archive = package_source / "drawn-data_1_all.deb"
    archive.write_bytes(b"no archive")
    digest = hashlib.sha256(b"no archive").hexdigest()
    (package_source / "Packages").write_text(
        "Package: drawn-data\nVersion: 1\nArchitecture: all\nDescription: drawn\n"
        f"Filename: ./{archive.name}\nSize: 10\nSHA256: {digest}\n"
    )
    with (
        pytest.raises(DataError, match=r"drawn-data_1_all\.deb cannot be unpacked: dpkg-deb: error: .*archive"),
        debian.unpack_package("drawn-data"),
    ):
        pytest.fail("it is no archive")


def test_a_missing_source(package_source: Path) -> None:
    shutil.rmtree(package_source)
    with pytest.raises(DataError, match=r"could not download drawn-data: .*E: "), debian.unpack_package("drawn-data"):
        pytest.fail("there is no source")


def test_timeout_of_apt_get(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apt = tmp_path / "apt-get"
    apt.write_text("#!/bin/sh\nexec sleep 30\n")
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(debian, "APT_TIMEOUT", 0.1)
    with (
        pytest.raises(DataError, match=r"'apt-get update' was stopped after 0\.1 seconds"),
        debian.unpack_package("any"),
    ):
        pytest.fail("it hangs")


def test_an_error_of_the_progress_stops_apt_get(package_source: Path) -> None:
    def enough(task: str, done: float, total: float, note: str = "") -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), debian.unpack_package("drawn-data", progress=enough):
        pytest.fail("it was interrupted")


def test_the_systems_hooks_do_not_run(package_source: Path, tmp_path: Path) -> None:
    with (tmp_path / "etc.conf").open("a") as settings:
        settings.write(f'APT::Update::Post-Invoke {{"touch {tmp_path}/hooked";}};\n')
    with debian.unpack_package("drawn-data"):
        assert not (tmp_path / "hooked").exists()
