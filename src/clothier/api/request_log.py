"""The frame of every request: its id, its line in the log, its metrics, and headers of every answer."""

from __future__ import annotations

import logging
import re
import time
import uuid
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect

from clothier.api.problems import internal_error, problem_response
from clothier.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from clothier.api.metrics import Metrics

LOG = logging.getLogger("clothier.requests")
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
CLIENT_GONE = 499  # in log and metrics, as nginx has it: there is nobody to answer
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}


class RequestLog:
    """Gives each request an id, or takes the client's, and logs how it ended. The query is not logged."""

    def __init__(self, app: ASGIApp, metrics: Metrics, versions: Callable[[], Mapping[str, str]]) -> None:
        """``versions`` are headers that name the model and its thresholds."""
        self.app, self._metrics, self._versions = app, metrics, versions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        answer, started = _Answer(send, self._versions, request_id), time.monotonic()
        try:
            await self.app(scope, receive, answer.send)
        except ClientDisconnect:
            answer.status = answer.status or CLIENT_GONE
        except Exception:
            LOG.exception("unexpected error in request id=%s", request_id)
            if answer.status is None:
                await problem_response(internal_error(request_id), scope)(scope, receive, answer.send)
            else:
                raise  # the connection is closed, so that the client sees that the answer is incomplete
        finally:
            self._record(scope, answer.status or CLIENT_GONE, time.monotonic() - started)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "none")
        method = scope["method"] if route != "none" else "any"  # anybody can make up methods and paths
        self._metrics.requests.labels(method, route, status).inc()
        self._metrics.seconds.labels(method, route).observe(seconds)
        state, (client, _) = scope["state"], scope.get("client") or ("-", 0)
        LOG.info(
            "%s %s %d %.0f ms client=%s key=%s id=%s%s",
            printable(scope["method"])[:20],
            printable(scope["path"])[:200],
            status,
            1000 * seconds,
            client,
            printable(state.get("caller", "-")),
            state["request_id"],
            f" {state['note']}" if "note" in state else "",
        )


class _Answer:
    """What is sent, with the headers of every answer."""

    def __init__(self, send: Send, versions: Callable[[], Mapping[str, str]], request_id: str) -> None:
        self._send, self._versions, self._request_id = send, versions, request_id
        self.status: int | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = self._request_id
            for name, value in {**HEADERS, **self._versions()}.items():
                headers.setdefault(name, value)
        await self._send(message)
