"""Bad files by upload: each is an entry with a known code, and the next request is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.soak.photos import CODES, mutate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.testclient import TestClient

MUTATED, AT_ONCE = 300, 50


def check(client: TestClient, files: list[tuple[str, bytes]], photo: bytes) -> set[str]:
    """Uploads files together; the codes of those that are no images."""
    answer = client.post("/v1/classify", files=[("files", one) for one in files])
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert len(results) == len(files)
    assert client.post("/v1/classify", files={"files": photo}).json()["results"][0]["class"] == "dress"
    return {one["error"]["code"] for one in results if "error" in one}


@pytest.mark.slow
def test_mutated_files(client: TestClient, photo: bytes) -> None:
    codes: set[str] = set()
    for start in range(0, MUTATED, AT_ONCE):
        codes |= check(client, [mutate(number) for number in range(start, start + AT_ONCE)], photo)
    assert {"truncated", "not-an-image"} <= codes <= CODES


def test_the_bad_files_of_the_shared_cases(client: TestClient, cases: Path, photo: bytes) -> None:
    """Whatever is in them: photos, tables, archives."""
    paths = [one for one in sorted(cases.rglob("*")) if one.is_file()]
    assert paths
    for batch in _batches(paths):
        assert check(client, [(one.name, one.read_bytes()) for one in batch], photo) <= CODES


def _batches(paths: list[Path]) -> Iterator[list[Path]]:
    for start in range(0, len(paths), AT_ONCE):
        yield paths[start : start + AT_ONCE]
