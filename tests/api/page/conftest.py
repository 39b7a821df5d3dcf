"""A server of tagged photos."""

from __future__ import annotations

import re
import shutil
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient

from clothier.api.app import create_app
from clothier.api.services import Services
from clothier.api.settings import Settings
from clothier.workflows.tag import tag
from tests.color_photos import draw, save_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from clothier.bundle import Bundle

IDS = ["a/../b", "<script>", "sku-1", "sku-2", "sku-3", "sku-4"]
CLASSES = ["dress", "hat", "skirt", "dress", "hat", "dress"]


class Shop:
    """A server, and a browser of it."""

    def __init__(self, client: TestClient, folder: Path) -> None:
        self.client, self.folder = client, folder
        self.services: Services = client.app.state.services  # type: ignore[attr-defined]  # FastAPI's app has it

    def page(self, path: str) -> str:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    def fields(self, page: str) -> dict[str, str]:
        """The hidden fields of the first form that has a token."""
        start = page.index('name="csrf"')
        form = page[start : page.index("</form>", start)]
        found = re.findall(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)"', f'<input type="hidden" {form}')
        return {name: unescape(value) for name, value in found}

    def post(self, path: str, data: dict[str, Any], **headers: str) -> Any:
        return self.client.post(path, data=data, headers=headers, follow_redirects=False)


@pytest.fixture(scope="session")
def tagged(tmp_path_factory: pytest.TempPathFactory, color_bundle: Callable[..., Bundle]) -> Path:
    """A folder with photos, their table, a model that is never sure, and a store of its tags."""
    folder = tmp_path_factory.mktemp("shop")
    rows = ["file,sku,line"]
    for number, (item_id, name) in enumerate(zip(IDS, CLASSES, strict=True)):
        draw(folder / "photos" / f"{number}.png", name, number)
        rows.append(f"{number}.png,{item_id},line {number % 2}")
    table = folder / "photos" / "photos.csv"
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    model = save_model(folder / "unsure", color_bundle, min_probability=1.0)
    tag(table, store=folder / "catalogue.db", model=model, id_column="sku", product_column="line")
    return folder


@pytest.fixture
def shop(tagged: Path, tmp_path: Path) -> Iterator[Shop]:
    """With a store of its own."""
    store = shutil.copy(tagged / "catalogue.db", tmp_path / "catalogue.db")
    settings = Settings(store, tagged / "unsure", threads=1, photos=[tagged / "photos"])
    with TestClient(create_app(Services.open(settings)), base_url="http://localhost") as client:
        client.headers["Accept"] = "text/html"
        yield Shop(client, tagged)
