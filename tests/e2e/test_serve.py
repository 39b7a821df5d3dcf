"""``clothier serve`` as a process: it starts, cuts slow clients off, finishes what it accepted, and stops."""

from __future__ import annotations

import http.client
import os
import resource
import socket
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.server_process import RunningServer, running_server
from tests.color_photos import draw, save_model
from tests.soak.overload import MAX_GROWTH, overload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from clothier.bundle import Bundle

OVERLOAD_SECONDS = 20.0
MAX_START_SECONDS = 4.0
SLOW = 1_000  # connections: more than the server keeps
HEAD = (
    b"POST /v1/classify HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    b"Content-Length: %b\r\n\r\n"
)
FORM = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n%b\r\n--b--\r\n'
HEADERS = {"Content-Type": "multipart/form-data; boundary=b"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, color_bundle: Callable[..., Bundle]) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("server")
    model = save_model(folder / "colors", color_bundle)
    with running_server(folder / "log", "--store", folder / "a.db", "--model", model) as started:
        yield started


def classify(port: int, photo: bytes) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/v1/classify", FORM % photo, HEADERS)
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_server_starts_with_little_work(server: RunningServer) -> None:
    """It listens after less than two seconds on an idle machine; CPU time does not depend on others."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(") ")[2].split()
    assert (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") < MAX_START_SECONDS


def test_slow_and_broken_clients_do_not_keep_others_out(server: RunningServer, tmp_path: Path) -> None:
    photo = draw(tmp_path / "a.png").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(2 * SLOW, hard)), hard))
    with ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 10)) for _ in range(SLOW)]
        for beginning in (HEAD % b"1000" + b"--b", HEAD[:40]):  # some never end their body, others their header
            for one in slow[: SLOW // 2] if beginning.endswith(b"b") else slow[SLOW // 2 :]:
                with suppress(OSError):  # the server has closed it to make room
                    one.sendall(beginning)
            assert classify(server.port, photo) == 200
        for one in slow:
            with suppress(OSError):
                one.sendall(b"x")
        assert classify(server.port, photo) == 200
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(
    ("request_bytes", "answers"),
    [
        (HEAD % b"1000" + b"--b", b""),  # and then it closes the connection
        (HEAD % b"4" + FORM % b"more than it says", b"HTTP/1.1 400 "),
        (HEAD % b"20" + b"--b\r\nno form at all.\r\n", b"HTTP/1.1 400 "),
        (HEAD % b"minus", b"HTTP/1.1 400 "),
        (b"\x16\x03\x01 no HTTP\r\n\r\n", b"HTTP/1.1 400 "),
    ],
)
def test_broken_requests(server: RunningServer, tmp_path: Path, request_bytes: bytes, answers: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(request_bytes)
        if answers:
            answer = connection.recv(4096)
            assert answer.startswith(answers)
            assert b"application/problem+json" in answer
    assert classify(server.port, draw(tmp_path / "a.png").read_bytes()) == 200


def test_a_stopped_server_answers_what_it_accepted(server: RunningServer, tmp_path: Path) -> None:
    body = FORM % draw(tmp_path / "a.png").read_bytes()
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(HEAD % str(len(body)).encode() + body[:20])
        time.sleep(0.5)
        server.process.terminate()
        time.sleep(0.5)
        connection.sendall(body[20:])
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
    assert server.process.wait(timeout=60) == 0


@pytest.mark.slow
def test_an_overloaded_server_answers_or_refuses_and_needs_no_more_memory(tmp_path: Path) -> None:
    with running_server(tmp_path / "log", "--store", tmp_path / "a.db") as server:
        result = overload(server, OVERLOAD_SECONDS)
    assert set(result.statuses) == {200, 503}
    assert result.job["status"] == "done"
    assert result.growth < MAX_GROWTH
