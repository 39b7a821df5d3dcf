"""Sends photos to a server over many connections, with little CPU time: it shares the cores with the server.

No library: a general HTTP client takes as long for a request as the server does.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

BOUNDARY = "clothier-load"
SEED = 0
ANSWER_SECONDS = 120.0


@dataclass(slots=True)
class Load:
    """What became of the requests.

    Attributes:
        statuses: of each; 0 where the connection broke off before the answer was complete.
        latencies: seconds of each, from when it should have been sent.
        seconds: of all together.
        cpu_seconds: of the client.
    """

    statuses: list[int] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    def count(self, *statuses: int) -> int:
        """Requests that were answered with one of these."""
        return sum(one in statuses for one in self.statuses)


def classify_request(photos: Sequence[bytes], path: str = "/v1/classify") -> bytes:
    """A request that uploads photos."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'.encode()
    body = b"".join(head + one + b"\r\n" for one in photos) + f"--{BOUNDARY}--\r\n".encode()
    lines = f"Host: localhost\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {len(body)}"
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n\r\n".encode() + body


def send_all(port: int, requests: Sequence[bytes], connections: int) -> Load:
    """Sends each request once: each connection sends the next when it has its answer."""
    waiting = deque(requests)

    async def run(load: Load) -> None:
        async def client() -> None:
            connection = _Connection(port)
            while waiting:
                await _record(load, connection, waiting.popleft(), time.perf_counter())
            connection.close()

        await asyncio.gather(*(client() for _ in range(connections)))

    return _measure(run)


def send_for(port: int, requests: Sequence[bytes], connections: int, seconds: float) -> Load:
    """Sends requests again and again for so many seconds, over so many connections."""
    end = time.perf_counter() + seconds

    async def run(load: Load) -> None:
        async def client(number: int) -> None:
            connection = _Connection(port)
            while time.perf_counter() < end:
                number += 1
                await _record(load, connection, requests[number % len(requests)], time.perf_counter())
            connection.close()

        await asyncio.gather(*(client(number) for number in range(connections)))

    return _measure(run)


def send_at_rate(port: int, requests: Sequence[bytes], rate: float, seconds: float) -> Load:
    """Sends requests at random moments, ``rate`` per second, whether earlier ones are answered or not."""
    rng = np.random.default_rng(SEED)
    free: list[_Connection] = []

    async def run(load: Load) -> None:
        async def one(request: bytes, due: float) -> None:
            connection = free.pop() if free else _Connection(port)
            await _record(load, connection, request, due)
            free.append(connection)

        tasks: list[asyncio.Task[None]] = []
        due, end = time.perf_counter(), time.perf_counter() + seconds
        while due < end:
            await asyncio.sleep(due - time.perf_counter())
            tasks.append(asyncio.create_task(one(requests[len(tasks) % len(requests)], due)))
            due += rng.exponential(1 / rate)
        await asyncio.gather(*tasks)
        for connection in free:
            connection.close()

    return _measure(run)


class _Connection:
    """One that is kept open between requests, and opened again when the server has closed it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, request: bytes) -> int:
        """The status of the answer; 0 if there was none."""
        for is_retry in (False, True):
            is_fresh = self._streams is None
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    return await self._exchange(request)
            except (OSError, EOFError, TimeoutError):
                self.close()
                if is_fresh or is_retry:  # else the server may have closed it because it was idle
                    return 0
        return 0

    async def _exchange(self, request: bytes) -> int:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length))
        if b"connection: close" in head:
            self.close()
        return int(head[9:12])

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def _record(load: Load, connection: _Connection, request: bytes, due: float) -> None:
    status = await connection.send(request)
    load.latencies.append(time.perf_counter() - due)
    load.statuses.append(status)


def _measure(run: Callable[[Load], Coroutine[None, None, None]]) -> Load:
    load, started, cpu = Load(), time.perf_counter(), time.process_time()
    asyncio.run(run(load))
    load.seconds, load.cpu_seconds = time.perf_counter() - started, time.process_time() - cpu
    return load
