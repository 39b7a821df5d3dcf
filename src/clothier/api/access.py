"""Who may do what: API keys with a scope, and how many requests each may send."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import run_in_threadpool

from clothier.api.problems import Problem
from clothier.store.api_keys import LOCAL, ApiKey, find_key
from clothier.types import SCOPES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from clothier.store import Store

REMEMBERED = 10.0  # seconds that a key stays valid after it was revoked
MAX_KEYS = 1_000
MAX_SECRET = 200  # characters

bearer = HTTPBearer(auto_error=False, description="A key made by `clothier keys create`. Not needed on this machine.")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request.

    Attributes:
        name: of the key, for the log and the history of tags.
        scope: what it allows.
    """

    name: str
    scope: str

    def may(self, scope: str) -> bool:
        """Whether the caller's scope includes another."""
        return SCOPES.index(self.scope) >= SCOPES.index(scope)


class KeyRing:
    """Valid keys, remembered for some seconds so that not every request asks the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: OrderedDict[str, tuple[float, ApiKey]] = OrderedDict()

    async def find(self, secret: str) -> ApiKey | None:
        """The key with this secret; None if there is none or it was revoked."""
        until, key = self._known.get(secret, (0.0, None))
        if key is None or time.monotonic() > until:
            self._known.pop(secret, None)
            key = await run_in_threadpool(find_key, self._store, secret) if len(secret) <= MAX_SECRET else None
            if key is not None:
                self._known[secret] = time.monotonic() + REMEMBERED, key
                if len(self._known) > MAX_KEYS:
                    self._known.popitem(last=False)
        return key


def allowing(scope: str) -> Callable[..., Awaitable[Caller]]:
    """A dependency: the caller, who must have ``scope``."""

    async def find_caller(
        request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
    ) -> Caller:
        caller = await _find_caller(request, given.credentials if given else None)
        admit(request, caller, scope)
        return caller

    return find_caller


def admit(request: Request, caller: Caller, scope: str) -> None:
    """Counts a request of a caller.

    Raises:
        Problem: the caller sent too many, or may not do that.
    """
    request.state.caller = caller.name
    if rate := request.app.state.services.rate:
        rate.check(address_of(request) if caller.name == LOCAL else f"key {caller.name}")
    if not caller.may(scope):
        detail = f"The key {caller.name!r} has the scope {caller.scope}; this needs {scope}. Use another key."
        raise Problem(403, "wrong-scope", detail)


async def _find_caller(request: Request, secret: str | None) -> Caller:
    if not request.app.state.services.settings.needs_keys:
        return Caller(LOCAL, SCOPES[-1])
    key = await check_key(request, secret)
    if key is None:
        found = "is not valid, or was revoked" if secret else "is missing"
        detail = f"The API key {found}. Send it as 'Authorization: Bearer KEY'; clothier keys create makes one."
        raise Problem(401, "no-key", detail, headers={"WWW-Authenticate": "Bearer"})
    return Caller(key.name, key.scope)


async def check_key(request: Request, secret: str | None) -> ApiKey | None:
    """The key with this secret; without one, a failed attempt of the address is counted.

    Raises:
        Problem: too many attempts of the address failed.
    """
    services, address = request.app.state.services, address_of(request)
    services.failed_keys.check(address, cost=0)
    key: ApiKey | None = await services.keys.find(secret) if secret else None
    if key is None:
        services.failed_keys.check(address)
    return key


def address_of(request: Request) -> str:
    """Of the client, for limits."""
    return request.client.host if request.client else "unknown"


Reader = Annotated[Caller, Depends(allowing("read"))]
Reviewer = Annotated[Caller, Depends(allowing("review"))]
Admin = Annotated[Caller, Depends(allowing("admin"))]
