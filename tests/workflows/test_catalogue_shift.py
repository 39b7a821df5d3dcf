"""Photos unlike those of the model's guarantee: recognized by ``predict`` and ``tag``, until a calibration saw some."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from clothier.catalogue import shift
from clothier.errors import Interrupted
from clothier.store import Store, open_store
from clothier.store.schema import ITEMS
from clothier.workflows.calibrate import calibrate
from clothier.workflows.predict import predict
from clothier.workflows.tag import tag
from tests.shifted_photos import PHOTOGRAPHERS, draw_catalogue, save_shift_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clothier.bundle import Bundle

N = 42


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, color_bundle: Callable[..., Bundle]) -> Path:
    return save_shift_model(tmp_path_factory.mktemp("bundles") / "colors", color_bundle)


@pytest.fixture
def pale(tmp_path: Path) -> Path:
    draw_catalogue(tmp_path / "pale", N, pale=True)
    return tmp_path / "pale"


def predicted(folder: Path, model: Path, **options: Any) -> list[dict[str, Any]]:
    return [one.to_json() for one in predict(sorted(folder.iterdir()), model=model, **options).predictions]


def tagged(output: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(output.read_text(encoding="utf-8").splitlines()))


def decisions(rows: list[dict[str, Any]]) -> set[str]:
    return {one["decision"] for one in rows}


def test_nothing_of_an_unlike_catalogue_is_accepted(pale: Path, model: Path) -> None:
    found = predicted(pale, model)
    assert decisions(found) == {"review"}
    for one in found:
        assert one["catalogue"]["unlike"] is True
        assert one["catalogue"]["n"] == N
        assert one["catalogue"]["p_value"] == pytest.approx(1 / (PHOTOGRAPHERS + 1))
        assert "% of these photos look unlike the training photos; 5 % expected" in one["reason"]
        assert "clothier calibrate" in one["reason"]
        assert one["file"].split("/")[-1].startswith(one["class"]), "the class itself is still said"


def test_photos_of_no_class_stay_unlike_after_a_calibration(tmp_path: Path, model: Path) -> None:
    like = draw_catalogue(tmp_path / "reviewed", 330, pale=False, seed=3)
    none = draw_catalogue(tmp_path / "reviewed none", 80, pale=True, seed=4)
    rows = [f"{one},{one.name.split('-')[0]},{place // 10}" for place, one in enumerate(like)]
    rows += [f"{one},,{100 + place // 10}" for place, one in enumerate(none)]
    (tmp_path / "reviewed.csv").write_text("\n".join(["file,label,sender_id", *rows]))
    shop = calibrate(model, data=tmp_path / "reviewed.csv", out=tmp_path / "shop").bundle.path
    for pale, seed in ((True, 5), (False, 6)):
        draw_catalogue(tmp_path / f"new {pale}", 100, pale=pale, seed=seed)
        assert predicted(tmp_path / f"new {pale}", shop)[0]["catalogue"]["unlike"] == pale


def test_a_like_catalogue_is_accepted(tmp_path: Path, model: Path) -> None:
    draw_catalogue(tmp_path / "like", N, pale=False)
    found = predicted(tmp_path / "like", model)
    assert decisions(found) == {"accept"}
    assert {one["catalogue"]["unlike"] for one in found} == {False}
    assert not any("trusted" in one for one in found)


@pytest.mark.parametrize("n", [1, 29])
def test_a_few_photos_cannot_tell(tmp_path: Path, model: Path, n: int) -> None:
    draw_catalogue(tmp_path / "few", n, pale=True)
    found = predicted(tmp_path / "few", model)
    assert decisions(found) == {"accept"}
    assert found[0]["catalogue"] == {"n": n, "unlike": None, "p_value": None, "share": None, "expected_share": 0.05}


def test_files_that_fail_are_not_in_the_batch(pale: Path, model: Path) -> None:
    for name in ("a.png", "z.png"):
        (pale / name).write_text("no image")
    found = predicted(pale, model)
    assert [one["error"]["code"] for one in found if "error" in one] == ["not-an-image"] * 2
    assert {one["catalogue"]["n"] for one in found if "error" not in one} == {N}


def test_trust_is_recorded(pale: Path, tmp_path: Path, model: Path) -> None:
    found = predicted(pale, model, trust_model=True)
    assert decisions(found) == {"accept"}
    assert all(one["trusted"] and one["catalogue"]["unlike"] for one in found)
    assert all("--trust-model" in one["reason"] for one in found)
    result = tag(pale, tmp_path / "tags.csv", model=model, trust_model=True)
    assert result.to_json()["trusted"]
    assert {one["trusted"] for one in tagged(tmp_path / "tags.csv")} == {"True"}
    assert decisions(tagged(tmp_path / "tags.csv")) == {"accept"}
    again = tag(pale, tmp_path / "tags.csv", model=model)
    assert again.computed == 0
    assert {(one["trusted"], one["decision"]) for one in tagged(tmp_path / "tags.csv")} == {("False", "review")}


def test_tag_says_what_predict_says(pale: Path, tmp_path: Path, model: Path) -> None:
    output = tmp_path / "tags.csv"
    result = tag(pale, output, model=model)
    expected = predicted(pale, model)
    assert result.decisions == {"accept": 0, "review": N, "reject": 0}
    assert json.loads(json.dumps(result.to_json()["catalogue"])) == pytest.approx(expected[0]["catalogue"])
    assert [one["reason"] for one in tagged(output)] == [one["reason"] for one in expected]


def test_an_unchanged_catalogue_is_not_decided_again(
    pale: Path, tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "tags.csv"
    tag(pale, output, model=model)
    before = output.read_bytes()
    monkeypatch.setattr(shift, "retag", lambda *_: pytest.fail("tags were made again"))
    assert tag(pale, output, model=model).computed == 0
    assert output.read_bytes() == before


def test_tags_change_when_enough_photos_have_arrived(tmp_path: Path, model: Path) -> None:
    folder, output = tmp_path / "photos", tmp_path / "tags.csv"
    draw_catalogue(folder, 12, pale=True)
    first = tag(folder, output, model=model)
    assert first.catalogue
    assert (first.catalogue.unlike, first.decisions["accept"]) == (None, 12)
    draw_catalogue(folder, N, pale=True)
    second = tag(folder, output, model=model)
    assert (second.computed, second.decisions["accept"]) == (N - 12, 0)
    with open_store(f"{output}.store") as store:
        history = store.history(tagged(output)[0]["item_id"])
    assert [one["after"]["decision"] for one in history] == ["review", "accept", "review"], "untested first"


def test_tags_follow_the_whole_catalogue_where_its_first_photos_are_unlike(tmp_path: Path, model: Path) -> None:
    folder, output = tmp_path / "photos", tmp_path / "tags.csv"
    draw_catalogue(folder / "a", 12, pale=True)
    tag(folder, output, model=model)
    draw_catalogue(folder / "a", 30, pale=True)
    draw_catalogue(folder / "b", 320, pale=False, seed=5)
    for _ in range(2):
        found = tag(folder, output, model=model)
        assert (found.catalogue.unlike if found.catalogue else None, found.decisions["accept"]) == (False, 350)


def test_mixed_with_like_photos(tmp_path: Path, model: Path) -> None:
    draw_catalogue(tmp_path / "both", 60, pale=True, seed=7)
    for file in draw_catalogue(tmp_path / "like", 60, pale=False):
        file.rename(tmp_path / "both" / f"like-{file.name}")
    found = predicted(tmp_path / "both", model)
    assert decisions(found) == {"review"}
    assert 0.4 < found[0]["catalogue"]["share"] < 0.65


def test_after_a_calibration_it_is_like(pale: Path, tmp_path: Path, model: Path) -> None:
    output, reviewed = tmp_path / "tags.csv", tmp_path / "reviewed"
    tag(pale, output, model=model)
    files = draw_catalogue(reviewed, 330, pale=True, seed=11)
    rows = [f"{file.name},{file.name.split('-')[0]}" for file in files]
    (reviewed / "own.csv").write_text("\n".join(["file,label", *rows]), encoding="utf-8")
    made = calibrate(str(model), data=reviewed / "own.csv", out=tmp_path / "mine", risk=0.2)
    assert made.guarantee_met
    again = tag(pale, output, model=made.bundle.path)
    assert (again.computed, again.catalogue.unlike if again.catalogue else None) == (0, False)
    assert again.decisions["accept"] > N / 2
    draw_catalogue(tmp_path / "dark", N, pale=False)
    assert predicted(tmp_path / "dark", made.bundle.path)[0]["catalogue"]["unlike"], "it has not seen photos of these"


@pytest.mark.parametrize("n_chunks", [1, 3])
def test_a_killed_first_run_leaves_nothing_accepted_of_an_unlike_catalogue(
    n_chunks: int, pale: Path, tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whenever it ends: also before enough photos were seen to tell. The next run gives the same rows."""
    undisturbed = tag(pale, tmp_path / "whole.csv", model=model)
    real, done, n_before = Store.write, [], 2  # the model and the run are registered before the first chunk

    def write(self: Store, work: Any) -> Any:
        done.append(work)
        if len(done) > n_before + n_chunks:
            raise KeyboardInterrupt
        return real(self, work)

    store = tmp_path / "killed.db"
    monkeypatch.setattr(Store, "write", write)
    with pytest.raises(Interrupted):
        tag(pale, store=store, model=model)
    monkeypatch.setattr(Store, "write", real)
    with open_store(store) as opened:
        decisions = opened.read(lambda connection: connection.scalars(select(ITEMS.c.decision)).all())
    assert decisions
    assert "accept" not in decisions
    resumed = tag(pale, tmp_path / "resumed.csv", store=store, model=model)
    assert resumed.decisions == undisturbed.decisions
    assert (tmp_path / "resumed.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
