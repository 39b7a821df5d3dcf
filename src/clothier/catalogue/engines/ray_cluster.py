"""A connection to a Ray cluster, or a small one on this machine for the time of a run."""

from __future__ import annotations

import logging
import os
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import ray
from ray.exceptions import RayError, RayTaskError

from clothier.errors import ClothierError, ClusterError
from clothier.system import available_cores

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECT_SECONDS = 10.0
STDERR = 2  # file descriptor
NO_CLOUD = {"http_proxy": "http://127.0.0.1:9", "no_proxy": "127.0.0.1,localhost"}  # nothing listens at port 9
OBJECT_STORE_BYTES = 512 << 20  # of a cluster on this machine: the chunks in progress, where bytes travel


@contextmanager
def connected(address: str | None) -> Iterator[int]:
    """Connects to a cluster, or starts one, and yields the number of its cores.

    Args:
        address: ``HOST:PORT`` or ``auto``; None to start one on this machine, which ends with the block or with this
            process. A connection that the calling program has is used in any case, and stays.

    Raises:
        ClusterError: it cannot be reached or started.
    """
    is_ours = not ray.is_initialized()
    if is_ours:
        _connect(address)
    try:
        yield max(1, int(ray.cluster_resources().get("CPU", 1)))
    finally:
        if is_ours:
            ray.shutdown()


def _connect(address: str | None) -> None:
    options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if address is None:
        address = "local"
        options |= {
            "num_cpus": available_cores(),
            "object_store_memory": OBJECT_STORE_BYTES,
            "include_dashboard": False,
        }
    try:
        _check_reachable(address)
        with _without_stderr(), _without_cloud_queries():
            ray.init(address=address, **options)
    except (OSError, OverflowError, RuntimeError, ValueError, RayError) as error:
        raise ClusterError(
            f"the Ray cluster {address!r} cannot be used: {_first_line(error)}. Check the address, that Ray runs there "
            "in the same version, and its token."
        ) from error


def _check_reachable(address: str) -> None:
    """Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()


@contextmanager
def _without_cloud_queries() -> Iterator[None]:
    """Ray's processes ask the metadata services of three clouds where they run, even with usage statistics off.

    There is no switch for it. They inherit the environment, and with a proxy that does not exist they reach nobody.
    """
    before = {name: os.environ.get(name) for name in NO_CLOUD}
    os.environ.update(NO_CLOUD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _without_stderr() -> Iterator[None]:
    """Ray's C++ part writes to the terminal until it has read how much it should."""
    before = os.dup(STDERR)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, STDERR)
        yield
    finally:
        os.dup2(before, STDERR)
        os.close(before)
        os.close(nowhere)


@contextmanager
def explained() -> Iterator[None]:
    """Within the block, an error of Clothier on a worker is raised as it is, and one of Ray's in a sentence.

    Raises:
        ClusterError: workers die, or Ray fails.
    """
    try:
        yield
    except RayTaskError as error:
        if isinstance(error.cause, ClothierError):
            error.cause.args = (str(error.cause).partition("\n")[0],)  # Ray adds lines on how to retry
            raise error.cause from error
        raise _failed(error.cause) from error
    except RayError as error:
        raise _failed(error) from error


def _failed(error: Exception) -> ClusterError:
    return ClusterError(
        f"Ray ended the work: {type(error).__name__}: {_first_line(error)}. What is stored stays; run the same command "
        "again to continue."
    )


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "no reason given").rstrip(".")
