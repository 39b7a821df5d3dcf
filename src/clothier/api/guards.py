"""What is checked before a request reaches a route: where it comes from, and how much it takes."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from clothier.api.problems import Problem, busy, problem_response
from clothier.api.settings import LOOPBACK
from clothier.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from clothier.api.settings import Limits, Settings

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
UNLIMITED = ("/healthz", "/readyz", "/metrics")  # answered although the server is busy
BUSY_SECONDS = 1  # until the next try


class OriginGuard:
    """Refuses what a page of another site makes a browser send.

    On this machine there is no key that such a page would lack. So the header ``Host`` must be a name of this machine
    (a page may point its own name at 127.0.0.1: DNS rebinding), and what changes something must not come from another
    origin (a form may be sent anywhere).
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app, self._settings = app, settings
        self._hosts = {*LOOPBACK, settings.host, *settings.allowed_hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http" and (problem := self._refusal(scope)):
            await problem_response(problem, scope)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _refusal(self, scope: Scope) -> Problem | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._settings.needs_keys and not self._settings.is_open and _name(host) not in self._hosts:
            known = ", ".join(sorted(self._hosts))
            detail = f"The header Host is {printable(host)[:100]!r}; this server is {known}. See --allow-host."
            return Problem(421, "wrong-host", detail)
        if scope["method"] in SAFE_METHODS:
            return None
        origin = headers.get("origin")
        is_other = origin is not None and origin.partition("://")[2].lower() != host.lower()
        if is_other or headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return Problem(403, "cross-origin", "A page of another site sent this request. Send it from a program.")
        return None


def _name(host: str) -> str:
    """``Host`` without the port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()


class BodyGuard:
    """Bounds the requests in progress, and bytes and time of their bodies, whatever their headers say."""

    def __init__(self, app: ASGIApp, limits: Limits, sizes: Mapping[str, int]) -> None:
        """``sizes`` are the largest bodies of some paths, which are not held in memory if larger than all uploads."""
        self.app, self.limits, self._sizes = app, limits, sizes
        self.requests = 0
        self.held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or scope["path"] in UNLIMITED:
            await self.app(scope, receive, send)
            return
        limit = self._sizes.get(scope["path"], self.limits.body_bytes)
        if problem := self._refusal(scope, limit):
            await problem_response(problem, scope)(scope, receive, send)
            return
        body = _Body(self, receive, limit, scope)
        try:
            await self.app(scope, body.receive, send)
        finally:
            self.requests -= body.is_counted
            self.held -= body.held

    def _refusal(self, scope: Scope, limit: int) -> Problem | None:
        length = Headers(scope=scope).get("content-length", "0")
        if length.isdecimal() and int(length) > limit:
            return too_large(int(length), limit)
        if self.requests >= self.limits.requests:
            return busy(f"{self.requests} requests are being answered. Try again later.", BUSY_SECONDS)
        return None


class _Body:
    """The body of one request, counted as it arrives."""

    def __init__(self, guard: BodyGuard, receive: Receive, limit: int, scope: Scope) -> None:
        self._guard, self._receive, self._limit = guard, receive, limit
        self._is_held = limit <= guard.limits.held_bytes
        self._started, self._bytes = time.monotonic(), 0
        self._is_complete, self.is_counted, self.held = False, False, 0
        headers = Headers(scope=scope)
        if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
            self._count_request()

    async def receive(self) -> Message:
        """The next part, or why there is none."""
        if self._is_complete:
            return await self._receive()
        limits = self._guard.limits
        deadline = self._started + limits.body_seconds + self._bytes / limits.body_rate
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                message = await self._receive()
        except TimeoutError as error:
            detail = f"Only {self._bytes} bytes of the request arrived in time. Send it faster, or in smaller parts."
            raise Problem(408, "too-slow", detail, headers={"Connection": "close"}) from error
        if message["type"] == "http.request":
            self._is_complete = not message.get("more_body", False)
            self._count(len(message.get("body", b"")))
            if self._is_complete:
                self._count_request()
        return message

    def _count_request(self) -> None:
        """Counts the request as one in progress, when all of it is there: slow clients keep no others out."""
        self._guard.requests += not self.is_counted
        self.is_counted = True

    def _count(self, n: int) -> None:
        self._bytes += n
        if self._bytes > self._limit:
            raise too_large(self._bytes, self._limit)
        if not self._is_held:
            return
        if self._guard.held + n > self._guard.limits.held_bytes:
            raise busy("Uploads in progress use all memory that they may. Try again later.", BUSY_SECONDS)
        self._guard.held += n
        self.held += n


def too_large(n: int, limit: int) -> Problem:
    """A body that is larger than allowed."""
    detail = f"The request has {n} bytes or more; the limit is {limit}. Send fewer or smaller files at once."
    return Problem(413, "too-large", detail)
