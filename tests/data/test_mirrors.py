import socket
import threading

import pytest

from clothier.data import mirrors
from clothier.data.mirrors import download
from clothier.errors import DataError


def test_content_and_progress(web) -> None:
    body = bytes(range(256)) * 1000
    calls: list[tuple[str, float, float]] = []
    url = web.respond("/a/file.gz", body)
    assert download(url, progress=lambda task, done, total, note="": calls.append((task, done, total))) == body
    assert calls[-1] == ("downloading file.gz", len(body), len(body))
    assert [done for _, done, _ in calls] == sorted(done for _, done, _ in calls)
    assert len(calls) > 2


def test_a_server_without_content_length(web) -> None:
    calls: list[str] = []
    url = web.respond("/file", b"abc", content_length=0)
    assert download(url, progress=lambda task, done, total, note="": calls.append(task)) == b"abc"
    assert calls == []


def test_missing_file(web) -> None:
    with pytest.raises(DataError, match=rf"{web.address}/file returned 404 Not Found\."):
        download(f"{web.address}/file")


def test_an_incomplete_response(web) -> None:
    with pytest.raises(DataError, match=r"/file ended after 3 of 10 bytes\."):
        download(web.respond("/file", b"abc", content_length=10))


def test_size_limit(web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirrors, "MAX_BYTES", 100)
    with pytest.raises(DataError, match=r"/file sends more than 100 bytes, far more than expected\."):
        download(web.respond("/file", bytes(200)))


def test_timeout(web) -> None:
    enough = threading.Event()
    url = web.respond("/file", b"late", wait_for=enough)
    try:
        with pytest.raises(DataError, match=r"/file cannot be downloaded: timed out\."):
            download(url, timeout=0.2)
    finally:
        enough.set()


def test_no_server() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        with pytest.raises(DataError, match=r"/file cannot be downloaded: .*Connection refused"):
            download(f"http://127.0.0.1:{listener.getsockname()[1]}/file")


def test_not_http() -> None:
    def answer(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"not http at all\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer, args=(server,))
        thread.start()
        with pytest.raises(DataError, match=r"/file cannot be downloaded: not http at all"):
            download(f"http://127.0.0.1:{server.getsockname()[1]}/file")
        thread.join()
