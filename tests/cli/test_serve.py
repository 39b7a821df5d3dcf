from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

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
