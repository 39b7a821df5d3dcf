"""Stores and indexes of random descriptors."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from clothier.catalogue.index import Index, IndexUpdate, open_index, update_index
from clothier.store.schema import EMBEDDING, FILES, ITEMS, OUTPUTS
from clothier.store.statements import upsert
from tests.stored_items import file_row, item_row

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.store import Store

WIDTH = 160  # of a descriptor: 16 values of a model and 144 of colors


@dataclass(frozen=True)
class FakeModel:
    """What an index asks of a model."""

    name: str = "shop"
    digest: str = "ab" * 32
    fallback_name: str | None = "fashion-cnn"


def digest_of(item_id: str) -> str:
    return hashlib.sha256(item_id.encode()).hexdigest()


def descriptor(item_id: str) -> np.ndarray:
    generator = np.random.default_rng(int(digest_of(item_id)[:8], 16))
    return generator.random(WIDTH, dtype=np.float32)


@dataclass
class Catalogue:
    """A store and an index of it."""

    store: Store
    path: Path
    model: FakeModel = FakeModel()

    def tag(self, *items: dict[str, Any], source: str = "/photos", finish: bool = True) -> None:
        """A run that finds these items, and no others."""
        run = self.store.begin_run(source, self.model.digest, self.model.name)
        rows = [item_row(**{"digest": digest_of(one["item_id"]), **one}) for one in items]
        outputs = {one["digest"]: one["item_id"] for one in rows}

        def work(connection: Any) -> None:
            upsert(connection, OUTPUTS, [self._output(run.model, *one) for one in outputs.items()])
            upsert(connection, ITEMS, rows)
            upsert(connection, FILES, [file_row(run, one, number) for number, one in enumerate(rows)])

        self.store.write(work)
        if finish:
            self.store.finish_run(run)

    @staticmethod
    def _output(model_id: int, digest: str, item_id: str) -> dict[str, Any]:
        content = descriptor(item_id).astype(EMBEDDING).tobytes()
        values = {"computed_by": "shop", "temperature": 1.0, "logits": b"\0", "embedding": content}
        return {"digest": digest, "model_id": model_id, **values}

    def update(self, **options: Any) -> IndexUpdate:
        return update_index(self.path, self.store, self.model, "shop", **options)  # type: ignore[arg-type]

    def open(self) -> Index:
        return open_index(self.path)


@pytest.fixture
def catalogue(store: Store, tmp_path: Path) -> Catalogue:
    return Catalogue(store, tmp_path / "index")
