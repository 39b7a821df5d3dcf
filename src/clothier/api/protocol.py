"""Slow connections are closed. Uvicorn itself waits for ever for the rest of a header."""

from __future__ import annotations

import json
import resource
import time
from typing import TYPE_CHECKING, Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from clothier.api.problems import MEDIA_TYPE, TYPE

if TYPE_CHECKING:
    import asyncio

    from clothier.api.settings import Limits

TICKS = 10  # of a tenth of a second: how often connections are checked
RESERVED_FILES = 64  # descriptors for the store, models and logs
FULL = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

NOT_HTTP = json.dumps(
    {
        "type": TYPE.format("not-http"),
        "title": "Bad Request",
        "status": 400,
        "detail": "The request is not valid HTTP/1.1. Its header may be larger than 64 KB, or its chunks be damaged.",
    }
).encode()


class Connection(H11Protocol):
    """A connection that knows since when it has been waiting for its client."""

    limits: Limits
    waiting_since: float
    paused_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Makes room by closing the connection that has waited longest for its client; if none has, refuses this."""
        self.waiting_since = time.monotonic()
        super().connection_made(transport)
        if len(self.connections) <= self.limits.connections:
            return
        others = [one for one in self.connections if isinstance(one, Connection) and one is not self]
        slow = [one for one in others if one.waits_for_client]
        if slow:
            min(slow, key=lambda one: one.waiting_since).transport.abort()
        else:
            transport.write(FULL)
            transport.close()

    def on_response_complete(self) -> None:
        """The client may send its next request, or the rest of a body that nobody wanted."""
        self.waiting_since = time.monotonic()
        super().on_response_complete()

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr]  # None at first

    @property
    def waits_for_client(self) -> bool:
        """Whether the client has to send more: its next request, or the rest of a body."""
        return self.is_idle or bool(self.cycle.more_body)

    def close_if_late(self, now: float) -> None:
        """Closes the connection if its client takes too long to send a request, or to read the answer."""
        if self.is_idle:
            if now - self.waiting_since > self.limits.header_seconds:
                self.transport.abort()
        elif self.flow.write_paused:
            self.paused_since = now if self.paused_since is None else self.paused_since
            if now - self.paused_since > self.limits.write_seconds:
                self.transport.abort()
        else:
            self.paused_since = None

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words
        """Answers what is not HTTP."""
        headers = [("Content-Type", MEDIA_TYPE), ("Content-Length", str(len(NOT_HTTP))), ("Connection", "close")]
        try:
            parts = (h11.Response(status_code=400, headers=headers), h11.Data(data=NOT_HTTP), h11.EndOfMessage())
            for part in parts:
                self.transport.write(self.conn.send(part))
        except h11.LocalProtocolError:  # an answer has begun, so there is no place for another
            self.transport.abort()
        else:
            self.transport.close()


def connection_class(limits: Limits) -> type[Connection]:
    """The class for uvicorn, which makes its instances."""
    return type("LimitedConnection", (Connection,), {"limits": limits})


class Server(uvicorn.Server):
    """Closes late connections once in a second, and says when it listens."""

    def __init__(self, config: uvicorn.Config, on_listening: Any) -> None:
        super().__init__(config)
        self._on_listening = on_listening

    async def startup(self, sockets: Any = None) -> None:
        """As uvicorn's; then calls ``on_listening`` with the port."""
        await super().startup(sockets)
        if self.started and not self.should_exit:
            self._on_listening(self.servers[0].sockets[0].getsockname()[1])

    async def on_tick(self, counter: int) -> bool:
        """Every tenth of a second."""
        if counter % TICKS == 0:
            now = time.monotonic()
            for one in list(self.server_state.connections):
                if isinstance(one, Connection):
                    one.close_if_late(now)
        return await super().on_tick(counter)


def raise_file_limit(connections: int) -> None:
    """Lets this process open as many files as there may be connections, if the system allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * connections + RESERVED_FILES
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
