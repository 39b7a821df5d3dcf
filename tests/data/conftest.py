"""Drawn data with known digests, a cache of its own for every test, and a real web server."""

from __future__ import annotations

import shutil
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from clothier.data.release import Release
from clothier.data.synthetic import write_synthetic_dataset

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass
class StubResponse:
    """What the server says to one address.

    Attributes:
        announced: bytes that it promises, if others than it sends; 0 for no promise.
        silent: says nothing before this happens.
    """

    body: bytes = b""
    status: int = 200
    announced: int | None = None
    silent: threading.Event | None = None


@dataclass
class StubServer:
    """A server on this machine: its address, what it answers, what it was asked."""

    address: str
    answers: dict[str, StubResponse] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def says(self, path: str, body: bytes = b"", **more: Any) -> str:
        """Has ``path`` answered so, and returns its address."""
        self.answers[path] = StubResponse(body, **more)
        return self.address + path

    def serves(self, folder: Path, below: str = "") -> str:
        """Has the files of ``folder`` answered below a path, and returns that path's address."""
        for path in folder.iterdir():
            self.says(f"{below}/{path.name}", path.read_bytes())
        return self.address + below


@pytest.fixture
def web() -> Iterator[StubServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append(self.path)
            answer = site.answers.get(self.path, StubResponse(b"nothing here", 404))
            if answer.silent:
                answer.silent.wait(10)
            self.send_response(answer.status)
            if answer.announced != 0:
                self.send_header("Content-Length", str(answer.announced or len(answer.body)))
            self.end_headers()
            with suppress(BrokenPipeError):  # who asked may have had enough
                self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            """Keeps the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site = StubServer(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield site
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's cache is, instead of the user's."""
    monkeypatch.setenv("CLOTHIER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "drawn"


@pytest.fixture(scope="session")
def drawing(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("drawn")
    return folder, write_synthetic_dataset(folder, train=60, test=20)


@pytest.fixture
def drawn(drawing: tuple[Path, dict[str, str]], tmp_path: Path) -> Path:
    """A copy of the drawn data set that the test may damage."""
    return shutil.copytree(drawing[0], tmp_path / "drawn")


@pytest.fixture
def release(drawing: tuple[Path, dict[str, str]]) -> Release:
    """The drawn data set as a release with known digests that no source has yet."""
    return Release("Drawn", drawing[1], system_dir=drawing[0] / "none", debian_package="no-such-package", mirrors=())


@pytest.fixture
def no_apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system without apt."""
    monkeypatch.setenv("PATH", str(tmp_path))
