"""Runs the app with uvicorn until it is told to stop."""

from __future__ import annotations

import logging
import logging.config
import sys
from typing import TYPE_CHECKING

import uvicorn

from clothier.api.app import create_app
from clothier.api.protocol import Server, connection_class, raise_file_limit
from clothier.api.services import Services
from clothier.errors import StorageError, UsageError
from clothier.store.api_keys import list_keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from clothier.api.settings import Settings

KEEP_ALIVE_SECONDS = 5
BACKLOG = 1_024  # connections that the system holds until they are accepted
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s", "datefmt": "%Y-%m-%dT%H:%M:%S%z"}
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {
        "clothier": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "uvicorn": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
    },
}
NO_KEYS = (
    "the server would listen on {} without any API key. Make one: clothier keys create NAME --scope admin --store {}. "
    "To let everyone who can reach it read and change the catalogue, add --anyone-may-change-everything."
)


def serve(settings: Settings, on_ready: Callable[[str, str], None]) -> None:
    """Serves until SIGTERM or Ctrl-C; then answers what it has accepted.

    Args:
        settings: of the server.
        on_ready: called with the URL and the name of the store when it listens.

    Raises:
        UsageError: keys are needed, and there are none.
        StorageError: the address is in use or not of this machine, or the store cannot be used.
        ModelError: the model is damaged.
        DataError: store or taxonomy are damaged.
    """
    services = Services.open(settings)
    try:
        if settings.needs_keys and not any(one.revoked_at is None for one in list_keys(services.store)):
            raise UsageError(NO_KEYS.format(settings.host, services.store.name))
        logging.config.dictConfig(LOGGING)
        raise_file_limit(settings.limits.connections)
        server = Server(_config(services), lambda port: on_ready(_url(settings.host, port), services.store.name))
        _run(server, settings)
    finally:
        services.close()


def _config(services: Services) -> uvicorn.Config:
    settings = services.settings
    return uvicorn.Config(
        create_app(services),
        host=settings.host,
        port=settings.port,
        http=connection_class(settings.limits),
        ws="none",
        loop="asyncio",
        access_log=False,
        log_config=None,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=round(settings.limits.stop_seconds),
    )


def _run(server: Server, settings: Settings) -> None:
    try:
        server.run()
    except KeyboardInterrupt:  # by uvicorn, which sends itself the signal again when it has stopped
        pass
    except SystemExit as end:  # by uvicorn, which logs why
        address = f"{settings.host}:{settings.port}"
        raise StorageError(f"cannot listen on {address}: it is in use, or not an address of this machine.") from end
    finally:
        sys.stderr.flush()


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
