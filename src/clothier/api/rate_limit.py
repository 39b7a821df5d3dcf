"""Requests per minute of one client (token bucket)."""

from __future__ import annotations

import time
from collections import OrderedDict

from clothier.api.problems import busy

MAX_CLIENTS = 10_000  # that are remembered; the one that was quiet for longest is forgotten
SECONDS = 60.0


class RateLimit:
    """Each client has as many requests in store as it may send in a minute, and gets them back evenly."""

    def __init__(self, per_minute: int) -> None:
        """``per_minute`` requests, all of which may come at once."""
        self._capacity = float(per_minute)
        self._clients: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, and when they were counted

    def check(self, client: str, cost: float = 1.0) -> None:
        """Takes ``cost`` requests of a client; 0 only asks whether there is one left.

        Raises:
            Problem: it has sent too many.
        """
        now, rate = time.monotonic(), self._capacity / SECONDS
        tokens, counted = self._clients.pop(client, (self._capacity, now))
        tokens = min(self._capacity, tokens + (now - counted) * rate)
        is_allowed = tokens >= 1.0
        self._clients[client] = tokens - cost * is_allowed, now
        if len(self._clients) > MAX_CLIENTS:
            self._clients.popitem(last=False)
        if not is_allowed:
            detail = f"You sent more than {self._capacity:.0f} requests in a minute. Send fewer."
            raise busy(detail, (1.0 - tokens) / rate, "rate-limited", 429)
