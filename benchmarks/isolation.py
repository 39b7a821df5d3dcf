"""A function in a process of its own, so that what it sets (allocator, threads, environment) reaches nobody else."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

T = TypeVar("T")


def run_in_subprocess(function: Callable[..., T], *args: object, environment: Mapping[str, str] | None = None) -> T:
    """What ``function(*given)`` returns in a new interpreter; function, arguments and answer must be picklable.

    Args:
        function: of a module, not local.
        args: its arguments.
        environment: variables that are set before the new interpreter starts.

    Raises:
        BrokenProcessPool: the process died.
    """
    with _set_environment(environment or {}), ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(function, *args).result()


@contextmanager
def _set_environment(changes: Mapping[str, str]) -> Iterator[None]:
    """The variables within the block, which a child inherits; what was comes back."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
