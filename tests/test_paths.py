"""Paths that users give: what is none is refused in a sentence, before anything is read or written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clothier import paths
from clothier.errors import UsageError


@pytest.mark.parametrize("name", ["http://a.com/x.jpg", "HTTPS://a.com", "s3://bucket/key", "file:///tmp/x", "gs://b"])
def test_urls(name: str) -> None:
    assert paths.is_url(name)
    assert paths.is_url(Path(name)), "which has one slash less"
    assert paths.url_message(Path("https://a.com/x.jpg")).startswith("https://a.com/x.jpg is a URL")
    with pytest.raises(UsageError, match=r"is a URL.*Download it"):
        paths.local_path(name)


@pytest.mark.parametrize("name", ["a", "./http", "C:/photos", "a:b", "folder/http://x", "http:/x", "ä b"])
def test_paths(name: str) -> None:
    assert not paths.is_url(name)
    assert paths.local_path(name) == paths.local_path(Path("x") / ".." / name).relative_to(Path("x") / "..")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "the path is empty"),
        ("a\0b", "NUL"),
        ("a" * 300, "300 characters is too long"),
        ("a/" * 3000, "6000 characters is too long"),
        (3, "got 3 of type int"),
        (b"name", "of type bytes"),
        (["a"], "of type list"),
    ],
)
def test_what_is_no_path(name: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        paths.local_path(name)


def test_nothing_needs_to_exist(tmp_path: Path) -> None:
    assert paths.optional_path(None) is None
    assert paths.optional_path(tmp_path / "none" / "here") == tmp_path / "none" / "here"
    (tmp_path / "file").touch()
    assert paths.local_path(f"{tmp_path}/file/below") == tmp_path / "file" / "below"
