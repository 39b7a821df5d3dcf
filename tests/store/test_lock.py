from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from clothier.errors import StorageError, UsageError
from clothier.store.lock import file_lock

if TYPE_CHECKING:
    from pathlib import Path

HOLD = """
import sys, time
from pathlib import Path
from clothier.store.lock import file_lock
with file_lock(Path(sys.argv[1]), "tags.db"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "tags.db.lock"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with (
            pytest.raises(UsageError, match=r"another process is writing tags to tags\.db"),
            file_lock(path, "tags.db"),
        ):
            pass
        os.kill(process.pid, signal.SIGKILL)
    with file_lock(path, "tags.db"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot write"), file_lock(tmp_path / "no/such.lock", "tags.db"):
        pass
