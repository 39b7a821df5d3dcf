from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from clothier.api.settings import Settings


def test_a_user_without_a_home_folder_is_asked_for_a_store(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # as for an unknown user without $HOME
    for words in ("serve", "keys list"):
        ended = run(*words.split())
        assert ended.code == 2
        assert "no home folder" in ended.stderr
        assert "--store" in ended.stderr


def test_previews_are_kept_unless_told_otherwise(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Settings] = []
    monkeypatch.setattr("clothier.api.server.serve", lambda settings, _: found.append(settings))
    for words in ("serve --store a.db", "serve --store a.db --no-previews"):
        assert run(*words.split()).code == 0
    assert [one.previews for one in found] == [True, False]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ("--host 0.0.0.0", 2, "without any API key"),
        ("--allow-host shop.example", 2, "without any API key"),
        ("--model nothing", 2, "nothing"),
        ("--photos nothing", 4, "nothing"),
        ("--port {used}", 1, "in use"),
        ("--host 192.0.2.1 --anyone-may-change-everything", 1, "cannot listen on 192.0.2.1"),
    ],
)
def test_a_refused_start_makes_nothing(run: Any, tmp_path: Path, words: str, code: int, message: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as used:
        options = words.format(used=used.getsockname()[1]).split()
        ended = run("serve", "--port", "0", "--store", str(tmp_path / "new" / "a.db"), *options)
    assert (ended.code, list(tmp_path.iterdir())) == (code, []), ended.stderr
    assert message in ended.stderr
