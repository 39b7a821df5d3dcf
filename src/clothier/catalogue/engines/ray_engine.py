"""Through Ray Data: workers of a cluster, or of this machine, read the photos and run the model.

Nothing here imports Ray, which takes seconds: a run over an unchanged source does without.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import chain
from typing import TYPE_CHECKING

from clothier.errors import EXTRAS, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from clothier.catalogue.engines.reading import Reading
    from clothier.data.photo_sources import Item


def require_ray() -> None:
    """Checks that Ray is installed, without the seconds of importing it.

    Raises:
        MissingExtraError: it is not.
    """
    if find_spec("ray") is None:
        raise MissingExtraError("the engine ray", *EXTRAS["ray"])


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """What a worker is told when it starts.

    Attributes:
        model: as :func:`clothier.inference.load` takes it.
        digest: of the model's outputs; a worker whose model has another is refused.
        folder: in which the command was started; names of photos may be relative to it.
        source: the folder or the table of the photos.
    """

    model: str
    digest: str
    folder: Path
    source: Path


class RayEngine:
    """One worker for each core of the cluster."""

    def __init__(
        self, plan: WorkerPlan, known_digests: Callable[[], Iterable[str]], address: str | None = None
    ) -> None:
        """Starts nothing yet.

        Args:
            plan: for the workers.
            known_digests: of the contents whose output the store has.
            address: ``HOST:PORT`` of a cluster, ``auto`` for the one that runs on this machine; None to start one here.
        """
        self._plan, self._known_digests, self._address = plan, known_digests, address

    def readings(self, chunks: Iterable[Sequence[Item]]) -> Iterator[list[Reading]]:
        """As :class:`Engine` says; two chunks for each worker are taken ahead, in a thread.

        Raises:
            ClusterError: the cluster cannot be reached, differs from this machine, or its workers die.
        """
        rest = iter(chunks)
        for chunk in rest:
            if chunk:
                break
            yield []
        else:
            return
        _set_environment(self._address)
        from clothier.catalogue.engines.ray_pipeline import run_pipeline

        yield from run_pipeline(chain([chunk], rest), self._plan, self._known_digests(), self._address)


def _set_environment(address: str | None) -> None:
    """Sets what Ray reads when it is imported or started: no usage statistics, no log of its processes here.

    A cluster of this run has a secret of its own, which Ray would otherwise write to the user's home, and uses the
    loopback interface alone: that is what the third variable does, on Linux too.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    if address is None:
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))
