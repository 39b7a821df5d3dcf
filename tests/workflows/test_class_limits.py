"""A catalogue's own limits for classes, from the command to the tags."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import pytest

from clothier.catalogue import review
from clothier.catalogue.class_limits import NO_LIMIT, class_limits, limits_for, set_class_limits
from clothier.catalogue.versions import promote, register
from clothier.cli.main import main
from clothier.errors import UnknownNameError
from clothier.inference import load
from clothier.selective.thresholds import RiskGuarantee, Thresholds
from clothier.store import open_store
from clothier.workflows.models import list_models
from clothier.workflows.tag import tag
from tests.color_photos import COLORS, draw_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clothier.bundle import Bundle

GUARANTEE = RiskGuarantee(
    risk=0.05, confidence_level=0.95, empirical_risk=0.03, coverage=0.7, n=400, n_accepted=281, n_groups=31,
    grouped_by="product", method="cluster bootstrap",
)  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, color_bundle: Callable[..., Bundle]) -> Path:
    """Accepts from 40 %, so everything."""
    thresholds = Thresholds(min_probability=0.4, guarantee=GUARANTEE).to_json()
    return color_bundle(tmp_path_factory.mktemp("bundles") / "colors", COLORS, thresholds=thresholds).path


class Catalogue:
    """Six photos, the store of their tags, and the model."""

    def __init__(self, folder: Path, model: Path) -> None:
        self.photos, self.store, self.output = draw_folder(folder / "photos"), folder / "tags.db", folder / "tags.csv"
        self.model = model
        self.decisions = self.tag()

    def tag(self) -> dict[str, str]:
        self.result = tag(self.photos, self.output, store=self.store, model=self.model)
        with self.output.open() as file:
            self.rows = list(csv.DictReader(file))
        return {one["file"]: one["decision"] for one in self.rows}

    def limit(self, *limits: str, code: int = 0) -> None:
        words = [word for one in limits for word in ("--accept-from", one)]
        assert main(["models", "--store", str(self.store), "--by", "Ada", *words, "--json"]) == code


@pytest.fixture
def catalogue(tmp_path: Path, model: Path) -> Catalogue:
    return Catalogue(tmp_path, model)


def test_limits_are_applied_to_stored_outputs_and_taken_away_again(
    catalogue: Catalogue, capsys: pytest.CaptureFixture[str]
) -> None:
    before, version = catalogue.decisions, catalogue.rows[0]["thresholds"]
    assert set(before.values()) == {"accept"}
    catalogue.limit("Dress=never", "hat=0.41")
    shown = json.loads(capsys.readouterr().out)["class_limits"]
    assert [(one["class"], one["min_probability"], one["actor"]) for one in shown] == [
        ("dress", None, "Ada"), ("hat", 0.41, "Ada"),
    ]  # fmt: skip
    found = catalogue.tag()
    assert catalogue.result.computed == 0, "without the model"
    classes = {one["file"]: one["class"] for one in catalogue.rows}
    assert {classes[name] for name, one in found.items() if one == "review"} == {"dress"}
    assert {classes[name] for name, one in found.items() if one == "accept"} == {"hat", "skirt"}
    reasons = {one["class"]: one["reason"] for one in catalogue.rows}
    assert reasons["dress"] == "Review: dress is always reviewed in this catalogue."
    assert catalogue.rows[0]["thresholds"] != version
    assert "never dress; hat from 41 %" in str(catalogue.result.limits)
    catalogue.limit("dress=model", "hat=model")
    assert catalogue.tag() == before
    assert (catalogue.rows[0]["thresholds"], catalogue.result.computed) == (version, 0)
    with open_store(catalogue.store) as store:
        assert class_limits(store) == []


def test_a_model_that_spells_a_class_otherwise(
    catalogue: Catalogue, tmp_path: Path, color_bundle: Callable[..., Bundle]
) -> None:
    colors = {name.title(): color for name, color in COLORS.items()}
    other = color_bundle(tmp_path / "title", colors, thresholds=Thresholds(min_probability=0.4).to_json()).path
    catalogue.limit("hat=never")
    with open_store(catalogue.store) as store:
        assert limits_for(store, load(catalogue.model)) == {"hat": None}
        assert limits_for(store, load(other)) == {"Hat": None}
        promote(store, register(store, str(other), load(other)), "Ada")
        set_class_limits(store, {"hat": NO_LIMIT}, "Ada")
        assert class_limits(store) == []


def test_the_guarantee_is_checked_on_what_is_accepted_now(catalogue: Catalogue) -> None:
    with open_store(catalogue.store) as store:
        review.accept(store, {one["item_id"]: None for one in catalogue.rows}, "Ada")
        assert review.statistics(store, share_accepted=1).guarantee.n == 5
        set_class_limits(store, {"dress": None}, "Ada")
    catalogue.tag()
    with open_store(catalogue.store) as store:
        check = review.statistics(store, share_accepted=1).guarantee
    assert (check.risk, check.n, check.thresholds) == (0.05, 0, catalogue.rows[0]["thresholds"])
    (version,) = list_models(catalogue.store).versions
    assert version.n_tags == 5, "they are the model's, with limits"


@pytest.mark.parametrize(
    ("limit", "message"),
    [("sock=0.9", "'sock' is not a class"), ("dress", "is not CLASS=P"), ("dress=2", "from 0 to 1")],
)
def test_what_is_no_limit(limit: str, message: str, catalogue: Catalogue, capsys: pytest.CaptureFixture[str]) -> None:
    catalogue.limit(limit, code=2)
    assert message in capsys.readouterr().err


def test_an_unknown_class_sets_nothing(catalogue: Catalogue) -> None:
    limits: dict[str, Any] = {"dress": 0.9, "sock": 0.9}
    with open_store(catalogue.store) as store:
        with pytest.raises(UnknownNameError):
            set_class_limits(store, limits, "Ada")
        assert class_limits(store) == []
