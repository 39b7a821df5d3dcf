"""A server in this process, on a store and a model of its own."""

from __future__ import annotations

import io
import shutil
import zipfile
from functools import partial
from typing import TYPE_CHECKING

import pytest
from fastapi.testclient import TestClient

from clothier.api.app import create_app
from clothier.api.services import Services
from clothier.api.settings import Limits, Settings
from clothier.store import open_store
from clothier.store.api_keys import create_key
from tests.color_photos import draw, save_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from clothier.bundle import Bundle

    OpenClient = Callable[..., TestClient]

BASE_URL = "http://localhost"


@pytest.fixture(scope="session")
def model_path(tmp_path_factory: pytest.TempPathFactory, color_bundle: Callable[..., Bundle]) -> Path:
    return save_model(tmp_path_factory.mktemp("bundles") / "colors", color_bundle)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrated once for all tests."""
    path = tmp_path_factory.mktemp("stores") / "empty.db"
    with open_store(path):
        return path


@pytest.fixture
def store_path(tmp_path: Path, empty_store: Path) -> Path:
    return shutil.copy(empty_store, tmp_path / "catalogue.db")


@pytest.fixture
def open_client(model_path: Path, store_path: Path) -> Iterator[OpenClient]:
    """Starts a server with these limits and settings; all are stopped at the end."""
    opened: list[TestClient] = []

    def start(*, limits: dict[str, float] | None = None, **settings: object) -> TestClient:
        told = {"store": store_path, "model": model_path, "threads": 2, **settings}
        app = create_app(Services.open(Settings(**told, limits=Limits(**(limits or {})))))  # type: ignore[arg-type]
        client = TestClient(app, base_url=BASE_URL, raise_server_exceptions=False)
        client.__enter__()
        opened.append(client)
        return client

    yield start
    for one in opened:
        one.__exit__(None, None, None)


@pytest.fixture
def client(open_client: OpenClient) -> TestClient:
    return open_client()


@pytest.fixture
def new_key(store_path: Path) -> Callable[[str], dict[str, str]]:
    """Makes a key, and returns the header that has it."""

    def make(scope: str) -> dict[str, str]:
        with open_store(store_path) as store:
            return {"Authorization": f"Bearer {create_key(store, f'a {scope} key', scope)}"}

    return make


@pytest.fixture
def photo(tmp_path: Path) -> bytes:
    return draw(tmp_path / "photo.png", "dress").read_bytes()


@pytest.fixture
def make_zip(tmp_path: Path) -> Callable[..., bytes]:
    """A ZIP file of photos of these classes."""
    return partial(zip_photos, tmp_path)


def zip_photos(folder: Path, *names: str) -> bytes:
    """A ZIP file of photos of these classes, which are drawn in ``folder``."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for number, name in enumerate(names):
            path = draw(folder / f"{number}.png", name, number)
            archive.write(path, f"{number}.png")
    return content.getvalue()
