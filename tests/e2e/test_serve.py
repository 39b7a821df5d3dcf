"""``clothier serve`` as a process: it starts, cuts slow clients off, finishes what it accepted, and stops."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.color_photos import draw, save_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from clothier.bundle import Bundle

SLOW = 600  # connections: more than the server keeps
FORM = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n%b\r\n--b--\r\n'
HEADERS = {"Content-Type": "multipart/form-data; boundary=b"}


@pytest.fixture
def server(tmp_path: Path, color_bundle: Callable[..., Bundle]) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The process and its port."""
    model = save_model(tmp_path / "colors", color_bundle)
    words = ("serve", "--port", "0", "--store", tmp_path / "a.db", "--model", model)
    command = [sys.executable, "-m", "clothier", *map(str, words)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        line = process.stderr.readline()
        yield process, int(line.partition("127.0.0.1:")[2].partition(" ")[0])
        process.terminate()
        process.communicate(timeout=60)


def classify(port: int, photo: bytes) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/v1/classify", FORM % photo, HEADERS)
    status = connection.getresponse().status
    connection.close()
    return status


def test_slow_and_broken_clients_do_not_keep_others_out(
    server: tuple[subprocess.Popen[str], int], tmp_path: Path
) -> None:
    _, port = server
    photo = draw(tmp_path / "a.png").read_bytes()
    slow = []
    for _ in range(SLOW):
        one = socket.create_connection(("127.0.0.1", port), timeout=10)
        one.sendall(b"POST /v1/classify HTTP/1.1\r\nHost: local")
        slow.append(one)
    half = socket.create_connection(("127.0.0.1", port), timeout=10)
    half.sendall(b"POST /v1/classify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n--b")
    half.close()
    assert classify(port, photo) == 200
    for one in slow:
        one.close()


def test_what_is_not_http(server: tuple[subprocess.Popen[str], int]) -> None:
    _, port = server
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"\x16\x03\x01 no HTTP\r\n\r\n")
        answer = connection.recv(4096)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in answer


def test_a_stopped_server_answers_what_it_accepted(server: tuple[subprocess.Popen[str], int], tmp_path: Path) -> None:
    process, port = server
    body = FORM % draw(tmp_path / "a.png").read_bytes()
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        head = "POST /v1/classify HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:20])
        time.sleep(0.5)
        process.terminate()
        time.sleep(0.5)
        connection.sendall(body[20:])
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
    assert process.wait(timeout=60) == 0
