"""A model calibrated on a shop's own photos: real files, a real graph and a new bundle with its thresholds."""

from __future__ import annotations

import json
import math
import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from clothier import bundle
from clothier.bundle import OOD_FILE, TRAINING_HASHES_FILE
from clothier.data.columns import Columns
from clothier.data.fingerprints import dhash, to_bytes
from clothier.data.photo_table import NO_GROUPS
from clothier.data.photos import load_image
from clothier.errors import UsageError
from clothier.evaluation.independent_photos import COPIES
from clothier.inference import Model, load
from clothier.selective.decisions import describe_limits
from clothier.selective.ood import fit_ood_scorer
from clothier.selective.thresholds import Thresholds
from clothier.types import InputSpec
from clothier.workflows.calibrate import CalibrationResult, calibrate
from clothier.workflows.evaluate import evaluate

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
    """A noisy color: its mean is sometimes nearer to the color of another class."""
    mean = np.array(color) + generator.normal(0, 38, 3)
    return Image.fromarray((mean + generator.normal(0, 3, (16, 16, 3))).clip(0, 255).astype(np.uint8))


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


@pytest.fixture(scope="module")
def calibrated(shop: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> CalibrationResult:
    out = tmp_path_factory.mktemp("calibrated") / "mine"
    return calibrate(str(shop.model.path), data=shop.table, out=out, columns=COLUMNS)


def test_new_bundle_has_a_guarantee(shop: Catalogue, calibrated: CalibrationResult) -> None:
    expected = (PHOTOS, True, (), ())
    assert (calibrated.n, calibrated.guarantee_met, calibrated.warnings, calibrated.failures) == expected
    assert bundle.open_bundle(shop.model.path).metadata.calibration["temperature"] == 0.5, "the old one is unchanged"
    opened = bundle.open_bundle(calibrated.bundle.path)
    card, graph = opened.metadata, opened.graph.read_bytes()
    assert bundle.described(graph, card) == graph, "it has the new temperature"
    assert load(opened.path).digest == load(shop.model.path).digest, "stored outputs stay valid"
    assert (card.name, card.calibration["n"]) == ("mine", PHOTOS)
    assert card.thresholds == calibrated.thresholds.to_json()
    assert calibrated.thresholds.user_calibrated
    guarantee = calibrated.thresholds.guarantee
    assert guarantee is not None
    assert (guarantee.grouped_by, guarantee.n_groups) == ("line", 66)
    assert calibrated.before["temperature"] == 0.5
    assert calibrated.after["ece"] < calibrated.before["ece"]
    assert calibrated.selective["novelty_auroc"] > 0.8
    assert calibrated.selective["coverage"] == guarantee.coverage
    assert calibrated.selective["selective_risk"] == guarantee.empirical_risk <= 0.05
    assert json.loads(json.dumps(calibrated.to_json()))["model"] == "mine"


def test_decisions_use_the_guarantee(calibrated: CalibrationResult) -> None:
    model = load(calibrated.bundle.path)
    (result,) = model.decide(model.predict_images(np.full((1, 16, 16, 3), COLORS["hat"], np.uint8)))
    assert result is not None
    assert result.decision == "accept"
    assert describe_limits(calibrated.thresholds).endswith("calibrated on your own photos.")


def test_calibration_is_idempotent(calibrated: CalibrationResult, shop: Catalogue, tmp_path: Path) -> None:
    """The old temperature has no effect, a bundle of the user's own can be replaced, and labels may be codes."""
    shutil.copytree(calibrated.bundle.path, tmp_path / "mine")
    text, codes = shop.table.read_text(encoding="utf-8"), "class,code\n"
    for number, name in enumerate(COLORS):
        text, codes = text.replace(f",{name},", f",C-{number},"), f"{codes}{name},c-{number}\n"
    coded, taxonomy = shop.table.with_name("coded.csv"), tmp_path / "codes.csv"
    coded.write_text(text, encoding="utf-8")
    taxonomy.write_text(codes, encoding="utf-8")
    mine = tmp_path / "mine"
    again = calibrate(str(mine), data=coded, out=mine, columns=COLUMNS, taxonomy=taxonomy)
    assert again.failures == ()
    assert again.after["temperature"] == pytest.approx(calibrated.after["temperature"], rel=1e-4)
    assert again.thresholds.min_probability == pytest.approx(calibrated.thresholds.min_probability, abs=1e-4)


def test_training_photos_are_excluded(shop: Catalogue, tmp_path: Path, color_bundle: Callable[..., Bundle]) -> None:
    generator, images = np.random.default_rng(1), []
    rows = shop.table.read_text(encoding="utf-8").splitlines()
    for name in ("a", "b", "c", "d"):
        noise = generator.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(noise).save(shop.table.parent / f"{name}.png")
        images.append(load_image(shop.table.parent / f"{name}.png", InputSpec("center_crop", 16, 16, 3)))
        if name == "d":  # a mirrored copy
            Image.fromarray(noise[:, ::-1]).save(shop.table.parent / "d.png")
        rows.append(f"{name}.png,hat,line 0")
    table = shop.table.parent / "more.csv"
    table.write_text("\n".join(rows), encoding="utf-8")
    hashes = to_bytes(dhash(np.stack(images)))
    model = color_bundle(tmp_path / "informed", COLORS, extras={TRAINING_HASHES_FILE: hashes})
    made = calibrate(str(model.path), data=table, out=tmp_path / "mine", columns=COLUMNS)
    assert made.n == PHOTOS
    assert made.warnings[-1].startswith("Excluded, because they are in informed's training set: 4.")
    assert made.bundle.optional_files[TRAINING_HASHES_FILE] == hashes
    few = tmp_path / "few.csv"
    few.write_text("\n".join([rows[0], *(f"{shop.table.parent}/{row}" for row in rows[-323:])]), encoding="utf-8")
    with pytest.raises(UsageError, match=r"few has 299 readable photos .* are in informed's training set: 4"):
        calibrate(str(model.path), data=few, out=tmp_path / "none", columns=COLUMNS)


def test_an_evaluation_on_the_calibration_photos_is_recognized(calibrated: CalibrationResult, shop: Catalogue) -> None:
    """Also if their table has another name."""
    table = shop.table.with_name("other.csv")
    shutil.copy(shop.table, table)
    results = evaluate([calibrated.bundle.path, shop.model.path], data=table, columns=COLUMNS)
    own, before = (one.to_json() for one in results)
    assert (own["n_calibrated_on"], before["n_calibrated_on"]) == (own["n"], 0)
    assert own["coverage"] == calibrated.selective["coverage"]


def test_a_copy_of_a_training_photo_is_excluded(
    shop: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although only its copy is recognized."""
    shutil.copy(shop.table.parent / "0.png", shop.table.parent / "0-copy.png")
    table = shop.table.with_name("with-copy.csv")
    table.write_text(f"{shop.table.read_text('utf-8')}\n0-copy.png,dress,line 0", encoding="utf-8")
    monkeypatch.setattr(Model, "was_trained_on", lambda _, images: np.arange(len(images)) == len(images) - 1)
    made = calibrate(str(shop.model.path), data=table, out=tmp_path / "mine", columns=COLUMNS)
    assert made.n == PHOTOS - 1


def test_missing_groups_give_a_warning(shop: Catalogue, tmp_path: Path) -> None:
    made = calibrate(str(shop.model.path), data=shop.table, out=tmp_path / "mine", columns=Columns("picture", "kind"))
    assert made.warnings[-1] == NO_GROUPS
    assert made.thresholds.guarantee is not None
    assert (made.thresholds.guarantee.grouped_by, made.thresholds.guarantee.n_groups) == ("photo", PHOTOS)


def test_unattainable_guarantee(shop: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its bundle goes to ``runs/``, like every one without ``out``; a second one is numbered."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "photo-calibrated").mkdir(parents=True)
    made = calibrate(str(shop.model.path), data=shop.table, columns=COLUMNS, risk=0.001)
    assert made.bundle.path.as_posix() == "runs/photo-calibrated-2"
    assert not made.guarantee_met
    assert re.search(r"of 0\.1 % on own\. With these 330 photos, at most .* % wrong .* \(--risk auto\)\.", made.unmet)
    assert made.selective["coverage"] == 0
    model = load(made.bundle.path)
    (result,) = model.decide(model.predict_images(np.full((1, 16, 16, 3), COLORS["hat"], np.uint8)))
    assert result is not None
    assert result.decision == "review"
    assert "at most 0.1 % errors" in result.reason


def test_risk_auto_takes_what_can_be_proven(shop: Catalogue, tmp_path: Path) -> None:
    made = calibrate(str(shop.model.path), data=shop.table, out=tmp_path / "mine", columns=COLUMNS, risk="auto")
    guarantee = made.thresholds.guarantee
    assert guarantee is not None
    assert guarantee.strictest is not None
    assert guarantee.is_strictest
    assert guarantee.risk == guarantee.strictest.risk
    assert guarantee.coverage >= 0.5
    assert made.thresholds.min_probability == guarantee.strictest.min_probability
    reread = bundle.open_bundle(made.bundle.path).metadata.thresholds["guarantee"]
    assert len(reread["provable"]) == len(guarantee.provable) > 5
    assert Thresholds.from_json(bundle.open_bundle(made.bundle.path).metadata.thresholds) == made.thresholds


def test_too_few_photos(shop: Catalogue, tmp_path: Path) -> None:
    few = shop.table.with_name("few.csv")
    few.write_text("\n".join(shop.table.read_text("utf-8").splitlines()[:281]), encoding="utf-8")
    with pytest.raises(UsageError, match=r"few has 280 readable photos .* needs 300 or more\. Review 20 more\.$"):
        calibrate(str(shop.model.path), data=few, out=tmp_path / "mine", columns=COLUMNS)
    assert not (tmp_path / "mine").exists()


def test_copies_do_not_count(shop: Catalogue, tmp_path: Path) -> None:
    """165 photos, each under two names and by two photographers, are 165 photos of 33 groups."""
    rows = ["picture,kind,line"]
    for number, row in enumerate(shop.table.read_text("utf-8").splitlines()[1:166]):
        name, kind, line = row.split(",")
        shutil.copy(shop.table.parent / name, shop.table.parent / f"again-{name}")
        rows += [row, f"again-{name},{'hat' if number < 2 else kind},copy of {line}"]
    table = shop.table.with_name("copied.csv")
    table.write_text("\n".join(rows), encoding="utf-8")
    with pytest.raises(UsageError, match=r"copied has 165 readable .* because they repeat others: 165 \(1 with anoth"):
        calibrate(str(shop.model.path), data=table, out=tmp_path / "mine", columns=COLUMNS)
    table.write_text("\n".join([*rows, *shop.table.read_text("utf-8").splitlines()[166:]]), encoding="utf-8")
    made = calibrate(str(shop.model.path), data=table, out=tmp_path / "mine", columns=COLUMNS)
    assert made.thresholds.guarantee is not None
    assert (made.n, made.thresholds.guarantee.n_groups) == (PHOTOS, 66)
    assert made.warnings == (
        COPIES.format(n=165, conflicting=" (1 with another label: 0.png, dress and again-0.png, hat)"),
    )


def test_unreadable_photos_are_named_and_the_others_used(shop: Catalogue, tmp_path: Path) -> None:
    (shop.table.parent / "broken.jpg").write_bytes(b"not an image")
    table = shop.table.with_name("with-broken.csv")
    table.write_text(shop.table.read_text("utf-8") + "\nbroken.jpg,hat,line 1\nlost.jpg,hat,line 1", encoding="utf-8")
    made = calibrate(str(shop.model.path), data=table, out=tmp_path / "mine", columns=COLUMNS)
    assert made.n == PHOTOS
    assert sorted(one.file.rpartition("/")[2] for one in made.failures) == ["broken.jpg", "lost.jpg"]


def test_bundled_models_are_not_overwritten(shop: Catalogue) -> None:
    with pytest.raises(UsageError, match="photo is in the folder of bundled models"):
        calibrate(str(shop.model.path), data=shop.table, out=bundle.BUNDLED_DIR / "photo", columns=COLUMNS)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("full", "other files than a bundle"),
        (".shop", "'.shop' is not a name for a bundle"),
        ("full/text", "is not a folder"),
    ],
)
def test_the_target_is_checked_first(shop: Catalogue, tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "text").touch()

    def fail(*_: object, **__: object) -> None:
        pytest.fail("photos were read")

    with pytest.raises(UsageError, match=message):
        calibrate(str(shop.model.path), data=shop.table, out=tmp_path / name, columns=COLUMNS, progress=fail)
    assert [one.name for one in tmp_path.rglob("*")] == ["full", "text"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("risk", one) for one in (math.nan, 0, "5 %")),
        *(("confidence_level", one) for one in (1, 0.5, 0.3, math.nan, "auto")),
    ],
)
def test_impossible_fractions(tmp_path: Path, name: str, value: Any) -> None:
    """Refused before the model and the photos are looked for."""
    with pytest.raises(UsageError, match=r"must be above 0(\.5)? and below 1"):
        calibrate("photo", data=tmp_path / "none.csv", **{name: value})
