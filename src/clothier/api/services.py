"""What the routes share: model, store, queue of photos, index, keys, and the worker that does jobs."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from clothier.api.access import KeyRing
from clothier.api.downloads import DownloadThreads
from clothier.api.duplicate_groups import DuplicateGroups
from clothier.api.job_worker import JobWorker, ServedModel
from clothier.api.metrics import Metrics
from clothier.api.photo_queue import PhotoQueue
from clothier.api.problems import Problem
from clothier.api.rate_limit import RateLimit
from clothier.api.similar_index import SimilarIndex
from clothier.catalogue import versions
from clothier.catalogue.rules import TaggingRules
from clothier.catalogue.versions import load_current, promoted_digest
from clothier.errors import DataError, ModelError
from clothier.inference import load
from clothier.store import is_missing, open_store
from clothier.store.photo_files import PhotoFiles
from clothier.taxonomy import read_taxonomy
from clothier.types import DEFAULT_MODEL

if TYPE_CHECKING:
    from clothier.api.settings import Settings
    from clothier.inference import Model
    from clothier.store import Store

LOG = logging.getLogger("clothier.models")
CANNOT_LOAD = (
    "{} cannot be loaded on this server: its files are missing, damaged or were replaced. Nothing was changed. The "
    "server's log has the cause."
)
OTHER_CODES = (
    "The codes that this server was started with (--taxonomy) do not fit the classes of {}. Nothing was changed. The "
    "server's log has the cause; start the server with other codes, or without."
)
PATIENCE = 5.0  # seconds that a request waits for a store that is locked or gone


@dataclass(slots=True)
class Services:
    """See above.

    Attributes:
        is_stopping: whether no new requests are wanted.
    """

    settings: Settings
    served: ServedModel
    store: Store
    photos: PhotoQueue
    similar: SimilarIndex
    worker: JobWorker
    keys: KeyRing
    rate: RateLimit | None
    failed_keys: RateLimit
    photo_files: PhotoFiles
    duplicates: DuplicateGroups = field(default_factory=DuplicateGroups)
    downloads: DownloadThreads = field(default_factory=DownloadThreads)
    metrics: Metrics = field(default_factory=Metrics)
    is_stopping: bool = False

    @classmethod
    def open(cls, settings: Settings) -> Services:
        """Loads the model and opens the store. A new store is made when all else is there.

        Raises:
            UnknownNameError: no such model.
            ModelError: the model is damaged.
            DataError: store, taxonomy or index are damaged, or not what they should be.
            StorageError: the store cannot be reached or written.
        """
        limits = settings.limits
        store = None if is_missing(settings.store) else open_store(settings.store, patience=PATIENCE)
        try:
            served = load_served(settings, store)
            similar = SimilarIndex(settings.index, served.rules.model)
            photo_files = PhotoFiles(settings.photos)
            store = store or open_store(settings.store, patience=PATIENCE)
        except BaseException:
            if store is not None:
                store.close()
            raise
        services = cls(
            settings,
            served,
            store,
            PhotoQueue(
                threads=settings.threads,
                limit=limits.waiting_photos,
                seconds=limits.answer_seconds,
            ),
            similar,
            JobWorker(settings.store, served, with_previews=settings.previews),
            KeyRing(store),
            RateLimit(limits.requests_per_minute) if limits.requests_per_minute else None,
            RateLimit(limits.failed_keys_per_minute),
            photo_files,
        )
        services.worker.on_poll = services.follow_store
        services.metrics.watch("clothier_photos_waiting", "Photos before the model.", lambda: services.photos.waiting)
        return services

    def close(self) -> None:
        """Finishes what is in work, and closes the store."""
        self.worker.stop()
        self.photos.close()
        self.similar.close()
        self.store.close()

    @property
    def rules(self) -> TaggingRules:
        """The model and the company's codes. A promotion replaces them: a request takes them once."""
        return self.served.rules

    def follow_promotion(self, store: Store) -> None:
        """Takes the model that was promoted since, unless the server was told which one to use.

        Raises:
            ModelError: it cannot be loaded. The model before stays, as with the next.
            DataError: the server's codes do not fit its classes.
        """
        if self.settings.model is None and promoted_digest(store) != self.served.promoted:
            self.served = load_served(self.settings, store)
            self.worker.served = self.served

    def promote(self, version: str, actor: str) -> None:
        """Makes a version the one that tags by default, and takes it.

        Raises:
            UnknownNameError: no such version.
            UsageError: it is the current one.
            Problem: this server cannot load it. Nothing was changed.
        """
        self._check_loads(version)
        versions.promote(self.store, version, actor)
        self.follow_promotion(self.store)

    def roll_back(self, actor: str) -> None:
        """Takes the last promotion back, and takes the model before it.

        Raises:
            UsageError: nothing was promoted.
            Problem: this server cannot load the model before. Nothing was changed.
        """
        self._check_loads(versions.version_before(self.store))
        versions.roll_back(self.store, actor)
        self.follow_promotion(self.store)

    def _check_loads(self, version: str | None) -> None:
        """Otherwise neither this server nor ``clothier tag`` would have a model; None for the one of Clothier."""
        found = next((one for one in versions.versions(self.store) if one.version == version), None)
        if self.settings.model is not None or (version and not found):  # `promote` refuses a version that is not there
            return
        name = f"{found.name} (version {version})" if found else f"{DEFAULT_MODEL}, which comes with Clothier,"
        try:
            _read_codes(self.settings, versions.load_version(found) if found else load())
        except (ModelError, DataError) as error:
            LOG.warning("%s is not promoted: %s", name, error)
            sentence = CANNOT_LOAD if isinstance(error, ModelError) else OTHER_CODES
            raise Problem(409, "cannot-load", sentence.format(name)) from error

    def follow_store(self, store: Store) -> None:
        """Takes the model that was promoted since, and the photos that were tagged since.

        Raises:
            ModelError: the model cannot be loaded. The one before stays, as with the next.
            DataError: the server's codes do not fit its classes.
        """
        self.follow_promotion(store)
        self.similar.refresh(store, self.served)


def load_served(settings: Settings, store: Store | None) -> ServedModel:
    """The model that the server was told to use, or that is promoted in the store; None for a new store."""
    promoted = promoted_digest(store) if store else None
    if settings.model is None and store is not None:
        name, model = load_current(store, threads=1)  # for each of the threads that classify
    else:
        told = settings.model or DEFAULT_MODEL
        name, model = str(told), load(told, threads=1)
    return ServedModel(name, TaggingRules(model, _read_codes(settings, model)), promoted)


def _read_codes(settings: Settings, model: Model) -> dict[str, str] | None:
    """The company's codes for the classes of ``model``, if there are any."""
    return read_taxonomy(Path(settings.taxonomy), model.classes) if settings.taxonomy else None


async def get_services(request: Request) -> Services:
    """Those of the app, for routes. Not async, FastAPI would call it in a thread, for each request."""
    services: Services = request.app.state.services
    return services


ServicesOf = Annotated[Services, Depends(get_services)]
