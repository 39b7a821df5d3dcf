"""Runs the app with uvicorn until it is told to stop."""

from __future__ import annotations

import logging
import logging.config
import sys
from typing import TYPE_CHECKING

import uvicorn

from clothier.api.app import create_app
from clothier.api.listening import cannot_listen, reserved
from clothier.api.protocol import Server, connection_class, raise_file_limit
from clothier.api.services import PATIENCE, Services
from clothier.errors import UsageError
from clothier.store import is_missing, open_store, store_name
from clothier.store.api_keys import list_keys

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from clothier.api.settings import Settings
    from clothier.store.api_keys import ApiKey

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
    """Serves until SIGTERM or Ctrl-C; then answers what it has accepted. A start that is refused makes no store.

    Args:
        settings: of the server.
        on_ready: called with the URL and the name of the store when it listens.

    Raises:
        UsageError: keys are needed, and there are none.
        StorageError: the address is in use or not of this machine, or the store cannot be used.
        ModelError: the model is damaged.
        DataError: store or taxonomy are damaged.
    """
    _require_key(settings)
    with reserved(settings.host, settings.port) as sockets:
        services = Services.open(settings)
        try:
            logging.config.dictConfig(LOGGING)
            raise_file_limit(settings.limits.connections)
            server = Server(_config(services), lambda port: on_ready(_url(settings.host, port), services.store.name))
            _run(server, sockets, settings)
        finally:
            services.close()


def _require_key(settings: Settings) -> None:
    """Refuses to serve others without keys, before there is a store."""
    if not settings.needs_keys:
        return
    keys: list[ApiKey] = []
    if not is_missing(settings.store):
        with open_store(settings.store, patience=PATIENCE) as store:
            keys = list_keys(store)
    if not any(one.revoked_at is None for one in keys):
        raise UsageError(NO_KEYS.format(settings.host, store_name(settings.store)))


def _config(services: Services) -> uvicorn.Config:
    settings = services.settings
    return uvicorn.Config(
        create_app(services),
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


def _run(server: Server, sockets: list[socket.socket], settings: Settings) -> None:
    try:
        server.run(sockets)
    except KeyboardInterrupt:  # by uvicorn, which sends itself the signal again when it has stopped
        pass
    except OSError as error:
        if server.started:
            raise
        raise cannot_listen(settings.host, settings.port, error) from error  # somebody else was faster
    finally:
        sys.stderr.flush()


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
