"""A model calibrated on a shop's own photos: real files, a real graph, and a new bundle that answers by it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from clothier import bundle
from clothier.bundle import OOD_FILE, TRAINING_HASHES_FILE
from clothier.data.perceptual_hash import dhash, to_bytes
from clothier.data.photo_csv import Columns
from clothier.data.photos import load_image
from clothier.errors import UsageError
from clothier.inference import load
from clothier.selective.ood import fit_ood_scorer
from clothier.types import InputSpec
from clothier.workflows.calibrate import NO_GROUPS, calibrate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clothier.bundle import Bundle

COLORS = {"dress": (200, 80, 60), "hat": (60, 80, 200), "boot": (60, 190, 80)}
PHOTOS, OOD_PHOTOS = 330, 20


@dataclass(frozen=True)
class Catalogue:
    """A model, and a table of reviewed photos."""

    model: Bundle
    table: Path


def make_image(color: tuple[int, int, int], generator: np.random.Generator) -> Image.Image:
    """A plain one, whose colour is off by much: now and then it is nearer to another class's."""
    mean = np.array(color) + generator.normal(0, 38, 3)
    return Image.fromarray(np.full((16, 16, 3), mean.clip(0, 255), np.uint8))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, color_bundle: Callable[..., Bundle]) -> Catalogue:
    folder, generator = tmp_path_factory.mktemp("shop"), np.random.default_rng(0)
    rows = ["picture,kind,line"]
    for place in range(PHOTOS + OOD_PHOTOS):
        name = list(COLORS)[place % 3] if place < PHOTOS else ""
        file = folder / f"{place}.png"
        make_image(COLORS[name] if name else (250, 250, 250), generator).save(file)
        rows.append(f"{file.name},{name},line {place // 5}")
    (folder / "own.csv").write_text("\n".join(rows), encoding="utf-8")
    middles = np.array(list(COLORS.values())) / 255
    known = middles[np.arange(60) % 3] + generator.normal(0, 0.1, (60, 3))
    novelty = fit_ood_scorer(known, np.arange(60) % 3, n_components=2).to_bytes()
    calibration = {"temperature": 0.5, "fitted_on": "elsewhere", "n": 9}
    return Catalogue(
        color_bundle(folder / "photo", COLORS, extras={OOD_FILE: novelty}, calibration=calibration), folder / "own.csv"
    )


COLUMNS = Columns("picture", "kind", "line")


def test_new_bundle_has_a_guarantee(shop: Catalogue, tmp_path: Path) -> None:
    before = (shop.model.path / "card.json").read_bytes()
    made = calibrate(str(shop.model.path), data=shop.table, out=tmp_path / "mine", columns=COLUMNS)
    assert (made.n, made.guarantee_met, made.warnings, made.failures) == (PHOTOS, True, (), ())
    assert (shop.model.path / "card.json").read_bytes() == before
    card = bundle.open_bundle(tmp_path / "mine").metadata
    assert (card.name, card.calibration["n"]) == ("mine", PHOTOS)
    assert card.thresholds == made.thresholds.to_json()
    assert made.thresholds.user_calibrated
    assert made.thresholds.guarantee is not None
    assert (made.thresholds.guarantee.grouped_by, made.thresholds.guarantee.n_groups) == ("line", 66)
    assert made.before["temperature"] == 0.5
    assert made.after["ece"] < made.before["ece"]
    assert made.selective["novelty_auroc"] > 0.8
    assert made.selective["selective_risk"] <= 0.05
    assert json.loads(json.dumps(made.to_json()))["model"] == "mine"


def test_decision_reason_names_the_guarantee(shop: Catalogue, tmp_path: Path) -> None:
    calibrate(str(shop.model.path), data=shop.table, out=tmp_path / "mine", columns=COLUMNS)
    images = np.full((1, 16, 16, 3), COLORS["hat"], np.uint8)
    model = load(tmp_path / "mine")
    (verdict,) = model.decide(model.predict_images(images))
    assert verdict is not None
    assert verdict.decision == "accept"
    assert "own photos" in verdict.reason


def test_calibration_is_idempotent(shop: Catalogue, tmp_path: Path) -> None:
    """The temperature of the card is undone first, and one's own bundle may be replaced."""
    first = calibrate(str(shop.model.path), data=shop.table, out=tmp_path / "mine", columns=COLUMNS)
    second = calibrate(str(tmp_path / "mine"), data=shop.table, out=tmp_path / "mine", columns=COLUMNS)
    assert second.after["temperature"] == pytest.approx(first.after["temperature"], rel=1e-4)
    assert second.thresholds.min_probability == pytest.approx(first.thresholds.min_probability, abs=1e-4)


def test_training_photos_are_excluded(shop: Catalogue, tmp_path: Path, color_bundle: Callable[..., Bundle]) -> None:
    """Four of the shop's photos are no plain ones, and the model has learnt from them."""
    generator, views = np.random.default_rng(1), []
    rows = shop.table.read_text(encoding="utf-8").splitlines()
    for name in ("a", "b", "c", "d"):
        blotches = generator.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(blotches).save(shop.table.parent / f"{name}.png")
        views.append(load_image(shop.table.parent / f"{name}.png", InputSpec("center_crop", 16, 16, 3)))
        rows.append(f"{name}.png,hat,line 0")
    table = shop.table.parent / "more.csv"
    table.write_text("\n".join(rows), encoding="utf-8")
    learnt = to_bytes(dhash(np.stack(views)))
    model = color_bundle(tmp_path / "informed", COLORS, extras={TRAINING_HASHES_FILE: learnt})
    made = calibrate(str(model.path), data=table, out=tmp_path / "mine", columns=COLUMNS)
    assert made.n == PHOTOS
    assert made.warnings[-1] == "informed learnt from 4 of the photos, so they prove nothing and were left out"
    assert made.bundle.optional_files == model.optional_files
    few = tmp_path / "few.csv"
    few.write_text("\n".join([rows[0], *(f"{shop.table.parent}/{row}" for row in rows[-4:])]), encoding="utf-8")
    with pytest.raises(UsageError, match=r"few has 4 readable photos with a label, and a promise needs 300 or more\."):
        calibrate(str(model.path), data=few, out=tmp_path / "none", columns=COLUMNS)
    few.write_text("\n".join([rows[0], *(f"{shop.table.parent}/{row}" for row in rows[-323:])]), encoding="utf-8")
    with pytest.raises(UsageError, match=r"few has 299 readable photos .* without the 4 that the model learnt from,"):
        calibrate(str(model.path), data=few, out=tmp_path / "none", columns=COLUMNS)


def test_missing_groups_give_a_warning(shop: Catalogue, tmp_path: Path) -> None:
    made = calibrate(str(shop.model.path), data=shop.table, out=tmp_path / "mine", columns=Columns("picture", "kind"))
    assert made.warnings[-1] == NO_GROUPS
    assert made.thresholds.guarantee is not None
    assert (made.thresholds.guarantee.grouped_by, made.thresholds.guarantee.n_groups) == ("photo", PHOTOS)


def test_unattainable_guarantee(shop: Catalogue, tmp_path: Path) -> None:
    made = calibrate(str(shop.model.path), data=shop.table, out=tmp_path / "mine", columns=COLUMNS, risk=0.001)
    assert not made.guarantee_met
    assert made.selective["coverage"] == 0
    model = load(tmp_path / "mine")
    (verdict,) = model.decide(model.predict_images(np.full((1, 16, 16, 3), COLORS["hat"], np.uint8)))
    assert verdict is not None
    assert "at most 0.1 % errors" in verdict.reason


def test_default_output_is_in_runs(shop: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    places = [
        calibrate(str(shop.model.path), data=shop.table, columns=COLUMNS).bundle.path.as_posix() for _ in range(2)
    ]
    assert places == ["runs/photo-calibrated", "runs/photo-calibrated-2"]


def test_too_few_photos(shop: Catalogue, tmp_path: Path) -> None:
    rows = shop.table.read_text("utf-8").splitlines()
    few = shop.table.with_name("few.csv")
    few.write_text("\n".join(rows[:281]), encoding="utf-8")
    with pytest.raises(UsageError, match="has 280 readable photos with a label, and a promise needs 300 or more"):
        calibrate(str(shop.model.path), data=few, out=tmp_path / "mine", columns=COLUMNS)
    assert not (tmp_path / "mine").exists()


def test_unreadable_photos_are_named_and_the_others_go_on(shop: Catalogue, tmp_path: Path) -> None:
    (shop.table.parent / "broken.jpg").write_bytes(b"no picture")
    table = shop.table.with_name("with-broken.csv")
    table.write_text(shop.table.read_text("utf-8") + "\nbroken.jpg,hat,line 1\nlost.jpg,hat,line 1", encoding="utf-8")
    made = calibrate(str(shop.model.path), data=table, out=tmp_path / "mine", columns=COLUMNS)
    assert made.n == PHOTOS
    assert sorted(one.file.rpartition("/")[2] for one in made.failures) == ["broken.jpg", "lost.jpg"]


def test_bundled_models_are_not_overwritten(shop: Catalogue) -> None:
    with pytest.raises(UsageError, match="is where the shipped models lie, which stay as they are"):
        calibrate(str(shop.model.path), data=shop.table, out=bundle.BUNDLED_DIR / "photo", columns=COLUMNS)
