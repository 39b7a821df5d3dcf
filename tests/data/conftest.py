"""A synthetic data set with known digests, a cache folder for each test, and a real web server."""

from __future__ import annotations

import shutil
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from clothier.data.release import Release
from tests.synthetic import write_synthetic_dataset

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass
class StubResponse:
    """The response to one path.

    Attributes:
        content_length: the header, if it differs from the length of ``body``; 0 for no header.
        wait_for: the response waits for this event.
    """

    body: bytes = b""
    status: int = 200
    content_length: int | None = None
    wait_for: threading.Event | None = None


@dataclass
class StubServer:
    """A web server on this machine: its address, its responses, and the requested paths."""

    address: str
    responses: dict[str, StubResponse] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)

    def respond(self, path: str, body: bytes = b"", **more: Any) -> str:
        """Sets the response to ``path`` and returns its URL."""
        self.responses[path] = StubResponse(body, **more)
        return self.address + path

    def serve_folder(self, folder: Path, below: str = "") -> str:
        """Serves the files of ``folder`` under a path and returns the URL of that path."""
        for path in folder.iterdir():
            self.respond(f"{below}/{path.name}", path.read_bytes())
        return self.address + below


@pytest.fixture
def web() -> Iterator[StubServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.requests.append(self.path)
            response = site.responses.get(self.path, StubResponse(b"nothing here", 404))
            if response.wait_for:
                response.wait_for.wait(10)
            self.send_response(response.status)
            if response.content_length != 0:
                self.send_header("Content-Length", str(response.content_length or len(response.body)))
            self.end_headers()
            with suppress(BrokenPipeError):  # the client may have closed the connection
                self.wfile.write(response.body)

        def log_message(self, *_: object) -> None:
            """Prints nothing."""

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
    """The cache folder of this test."""
    monkeypatch.setenv("CLOTHIER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "drawn"


@pytest.fixture(scope="session")
def synthetic_source(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("drawn")
    return folder, write_synthetic_dataset(folder, train=60, test=20)


@pytest.fixture
def drawn(synthetic_source: tuple[Path, dict[str, str]], tmp_path: Path) -> Path:
    """A copy of the synthetic data set that the test may damage."""
    return shutil.copytree(synthetic_source[0], tmp_path / "drawn")


@pytest.fixture
def release(synthetic_source: tuple[Path, dict[str, str]]) -> Release:
    """The synthetic data set as a release that no source has yet."""
    return Release(
        "Drawn",
        synthetic_source[1],
        system_dir=synthetic_source[0] / "none",
        debian_package="no-such-package",
        mirrors=(),
    )


@pytest.fixture
def no_apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system without apt."""
    monkeypatch.setenv("PATH", str(tmp_path))
