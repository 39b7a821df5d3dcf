"""Previews of uploaded photos, on both databases."""

from __future__ import annotations

import hashlib
import io
import zipfile
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from sqlalchemy import delete, select, update

from clothier.catalogue import tagger
from clothier.catalogue.rules import TaggingRules
from clothier.data.photos import to_jpeg
from clothier.errors import DataError
from clothier.inference import load
from clothier.inference import model as inference
from clothier.store import jobs
from clothier.store.previews import find_preview, has_preview
from clothier.store.schema import FILES, ITEMS, PREVIEWS
from clothier.workflows.tag import tag
from clothier.workflows.tag_job import run_next_job
from tests.color_photos import draw

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from clothier.store import Store

    Run = Callable[..., None]


@pytest.fixture(scope="module")
def rules(model: Path) -> TaggingRules:
    return TaggingRules(load(model, threads=1))


@pytest.fixture
def run(store: Store, model: Path, rules: TaggingRules) -> Run:
    """Runs the job, or ends it as a server that stops does, after so many chunks."""

    def work(*, chunks: int = 1_000, with_previews: bool = True) -> None:
        asked = iter(range(chunks))

        def should_stop() -> bool:
            return next(asked, None) is None

        run_next_job(store, str(model), rules, should_stop=should_stop, with_previews=with_previews)

    return work


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Every preview that is made."""
    found: list[bytes] = []

    def counted(image: Image.Image, side: int, quality: int) -> bytes:
        found.append(to_jpeg(image, side, quality))
        return found[-1]

    monkeypatch.setattr(inference, "to_jpeg", counted)
    return found


def upload(store: Store, photos: Sequence[bytes]) -> None:
    """A job that waits."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for number, photo in enumerate(photos):
            archive.writestr(f"{number}.png", photo)
    job, _ = jobs.begin_upload(store, "anna", None)
    jobs.add_part(store, job, 0, content.getvalue())
    jobs.complete_upload(store, job, "f")


def digests(store: Store, column: object) -> list[str]:
    return sorted(one["digest"] for one in store.rows_of(select(column)))  # type: ignore[call-overload]


def photo(folder: Path, name: str, shade: int = 0) -> bytes:
    return draw(folder / f"{name}-{shade}.png", name, shade).read_bytes()


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_an_upload_has_a_preview_of_each_content(store: Store, run: Run, tmp_path: Path, made: list[bytes]) -> None:
    large = io.BytesIO()
    Image.new("RGB", (1_200, 1_600), (230, 20, 20)).save(large, "PNG")
    photos = [large.getvalue(), photo(tmp_path, "hat"), photo(tmp_path, "hat"), b"no image"]
    upload(store, photos)
    run()
    (failed,) = store.rows_of(select(FILES.c.digest, FILES.c.file).where(FILES.c.error_code.is_not(None)))
    assert (failed["file"], has_preview(store, failed["digest"])) == ("3.png", False)
    assert digests(store, PREVIEWS.c.digest) == digests(store, ITEMS.c.digest)
    sizes = [Image.open(io.BytesIO(one["content"])).size for one in store.rows_of(select(PREVIEWS.c.content))]
    assert sorted(sizes) == [(24, 24), (288, 384)]
    n = len(made)
    upload(store, photos)
    run()
    assert (len(made), len(sizes)) == (n, 2), "sent again, nothing is decoded again"


def test_a_job_that_is_continued_neither_loses_nor_repeats_one(
    store: Store, run: Run, tmp_path: Path, made: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tagger, "FIRST_CHUNK", 2)
    monkeypatch.setattr(tagger, "CHUNK", 2)
    upload(store, [photo(tmp_path, "dress", shade) for shade in range(8)])
    run(chunks=1)
    assert len(digests(store, PREVIEWS.c.digest)) == len(digests(store, ITEMS.c.digest)) == 2
    first = len(made)  # the chunk that was stored, and those that the server had begun
    run()
    assert digests(store, PREVIEWS.c.digest) == digests(store, ITEMS.c.digest)
    assert (len(digests(store, PREVIEWS.c.digest)), len(made)) == (8, first + 6)


def test_photos_without_a_preview_get_one_when_they_are_uploaded_again(store: Store, run: Run, tmp_path: Path) -> None:
    photos = [photo(tmp_path, "dress"), photo(tmp_path, "hat")]
    upload(store, photos)
    run(with_previews=False)
    assert (len(digests(store, ITEMS.c.digest)), digests(store, PREVIEWS.c.digest)) == (2, [])
    upload(store, photos)
    run()
    assert digests(store, PREVIEWS.c.digest) == digests(store, ITEMS.c.digest)
    store.write(lambda connection: connection.execute(delete(PREVIEWS)))  # as docs/serve.md says
    upload(store, photos)
    run(with_previews=False)
    assert digests(store, PREVIEWS.c.digest) == []


def test_the_preview_goes_with_the_last_item_of_its_content(
    store: Store, store_url: str, run: Run, model: Path, tmp_path: Path
) -> None:
    upload(store, [photo(tmp_path, "dress"), photo(tmp_path, "hat")])
    run()
    items = {one["item_id"]: one["digest"] for one in store.rows_of(select(ITEMS.c.item_id, ITEMS.c.digest))}
    (kept, changed), table = sorted(items), tmp_path / "table.csv"

    def tag_as(file: str, item_id: str) -> None:
        table.write_text(f"file,sku\n{file}.png,{item_id}\n", encoding="utf-8")
        tag(table, store=store_url, model=model, id_column="sku")

    old = "dress-0" if items[changed] == sha(tmp_path / "dress-0.png") else "hat-0"
    tag_as(old, "mine")
    photo(tmp_path, "skirt", 1)
    tag_as("skirt-1", changed)
    assert digests(store, PREVIEWS.c.digest) == sorted(items.values()), "another item has this content"
    tag_as("skirt-1", "mine")
    assert digests(store, PREVIEWS.c.digest) == [items[kept]], "and of files in a folder, none is kept"


def test_what_is_no_jpeg_is_refused(store: Store, run: Run, tmp_path: Path) -> None:
    upload(store, [photo(tmp_path, "dress")])
    run()
    (digest,) = digests(store, PREVIEWS.c.digest)
    store.write(lambda connection: connection.execute(update(PREVIEWS).values(content=b"<script>")))
    with pytest.raises(DataError, match=r"previews\.content"):
        find_preview(store, digest)
