"""The address that a server listens on, taken before the server makes anything."""

from __future__ import annotations

import socket
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from clothier.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

CANNOT = "cannot listen on {}:{}: {}. Choose another --port, or with --host an address of this machine."


@contextmanager
def reserved(host: str, port: int) -> Iterator[list[socket.socket]]:
    """Sockets that are bound to an address, and refuse connections until somebody listens on them.

    Args:
        host: an address or a name, which may have several addresses.
        port: 0 for a free one, the same for all addresses.

    Raises:
        StorageError: the address is in use or not of this machine.
    """
    with ExitStack() as bound:
        try:
            sockets = _bind(host, port, bound)
        except OSError as error:
            raise cannot_listen(host, port, error) from error
        yield sockets


def cannot_listen(host: str, port: int, error: OSError) -> StorageError:
    """What to tell the user."""
    return StorageError(CANNOT.format(host, port, error.strerror))


def _bind(host: str, port: int, bound: ExitStack) -> list[socket.socket]:
    """A socket for each address; one of a family that this machine does not have is left out if there is another."""
    sockets: list[socket.socket] = []
    problem = OSError(0, "it has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    ):
        try:
            one = bound.enter_context(socket.socket(family, kind, protocol))
        except OSError as error:
            problem = error
            continue
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # also right after another server has ended
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind((address[0], sockets[0].getsockname()[1] if sockets else port, *address[2:]))
        sockets.append(one)
    if not sockets:
        raise problem
    return sockets
