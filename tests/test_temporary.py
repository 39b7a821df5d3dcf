from __future__ import annotations

import fcntl
import os
import tempfile
from typing import TYPE_CHECKING

import pytest

from clothier.errors import StorageError
from clothier.temporary import temporary_dir

if TYPE_CHECKING:
    from pathlib import Path


def test_folders_of_killed_processes_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("x-old", "x-living", "x-new", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
        if name != "x-new":
            os.utime(tmp_path / name, (0, 0))
    (tmp_path / "x-link").symlink_to(tmp_path / "other")
    living = os.open(tmp_path / "x-living", os.O_RDONLY)
    fcntl.flock(living, fcntl.LOCK_EX)
    with temporary_dir("x-") as folder:
        (folder / "file").touch()
        assert {one.name for one in tmp_path.iterdir()} == {"x-living", "x-new", "x-link", "other", folder.name}
    os.close(living)
    assert not folder.exists()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(StorageError, match="gone"), temporary_dir("x-"):
        pass
