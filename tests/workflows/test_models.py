"""The real command on a real store."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from clothier.cli.main import main
from clothier.workflows.tag import tag
from tests.color_photos import draw_folder, save_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clothier.bundle import Bundle


@pytest.fixture
def store(tmp_path: Path, color_bundle: Callable[..., Bundle]) -> str:
    model = save_model(tmp_path / "colors", color_bundle)
    save_model(tmp_path / "shop", color_bundle, min_probability=0.95)
    tag(draw_folder(tmp_path / "photos"), store=tmp_path / "tags.db", model=model)
    return str(tmp_path / "tags.db")


def statuses(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main(["models", *words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    return {one["name"]: (one["status"], one["promoted_by"], one["n_tags"]) for one in found["versions"]}


def test_list_promote_and_roll_back(store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--store", store, "--by", "anna")
    assert statuses(capsys, "--store", store) == {"colors": ("candidate", None, 5)}
    found = statuses(capsys, *words, "--promote", str(tmp_path / "colors"))
    assert found == {"colors": ("current", "anna", 5)}
    found = statuses(capsys, *words, "--promote", str(tmp_path / "shop"))
    assert found == {"shop": ("current", "anna", 0), "colors": ("retired", "anna", 5)}
    assert main(["models", "--store", store]) == 0
    shown = capsys.readouterr().out
    assert "by anna" in shown
    assert str(tmp_path / "shop") in shown
    assert statuses(capsys, *words, "--roll-back")["colors"][0] == "current"


def test_a_version_of_the_list_is_promoted(store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["models", "--store", store, "--json"])
    version = json.loads(capsys.readouterr().out)["versions"][0]["version"]
    assert statuses(capsys, "--store", store, "--promote", version)["colors"][0] == "current"
    (tmp_path / "shop").rename(tmp_path / "aside")
    (tmp_path / "colors").rename(tmp_path / "shop")
    (tmp_path / "aside").rename(tmp_path / "colors")
    assert main(["models", "--store", store, "--promote", version]) == 2
    assert f"is not version {version} any more" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--promote", "shoop"), 2, "'shoop' is not a model"),
        (("--promote", "photo", "--roll-back"), 2, "cannot be given together"),
        (("--roll-back",), 2, "no model was promoted"),
        (("--by", "anna"), 2, "this command shows only"),
    ],
)
def test_errors(
    store: str, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: int, message: str
) -> None:
    assert main(["models", "--store", store, *words]) == code
    assert message in capsys.readouterr().err


def test_no_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--store", str(tmp_path / "no.db")]) == 4
    assert "does not exist" in capsys.readouterr().err
