"""A real ``clothier serve`` as a process of its own, on a free port."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

STOP_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that answers.

    Attributes:
        process: it.
        port: on 127.0.0.1.
        seconds: from the start of the process until it listened.
    """

    process: subprocess.Popen[bytes]
    port: int
    seconds: float

    @property
    def memory(self) -> int:
        """Resident bytes."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


@contextmanager
def running_server(log: Path, *options: object) -> Iterator[RunningServer]:
    """Starts a server, and stops it with SIGTERM at the end.

    Args:
        log: file for what it writes.
        options: of ``clothier serve``, but for the port.

    Raises:
        RuntimeError: it did not start.
    """
    command = [sys.executable, "-m", "clothier", "serve", "--port", "0", *map(str, options)]
    started = time.perf_counter()
    with log.open("wb") as file, subprocess.Popen(command, stderr=file) as process:
        try:
            yield RunningServer(process, _port(process, log), time.perf_counter() - started)
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    while True:
        _, found, rest = log.read_text(encoding="utf-8").partition("listens on http://127.0.0.1:")
        if found and " " in rest:
            return int(rest.partition(" ")[0])
        if process.poll() is not None:
            raise RuntimeError(f"the server did not start: {log.read_text(encoding='utf-8')}")
        time.sleep(0.01)
