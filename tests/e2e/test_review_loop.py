"""The whole loop with the real commands: tag, review, export, calibrate, promote, tag again."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from clothier.catalogue.review import Judgment, queue, review
from clothier.store import open_store
from tests.color_photos import COLORS, save_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clothier.bundle import Bundle

pytestmark = pytest.mark.slow

N_PHOTOS, N_REVIEWED = 420, 330
SIDE = 64


def write_catalogue(folder: Path) -> dict[str, str]:
    """Noisy photos of three colors, two a product; the class of each. A tenth is nearer to another color than its own.

    Noise, because photos of one color each would all be copies of each other.
    """
    rng, truth, lines = np.random.default_rng(0), {}, ["sku,file,style"]
    names = list(COLORS)
    (folder / "images").mkdir(parents=True)
    for number in range(N_PHOTOS):
        name = names[number // 2 % 3]
        other = names[(number // 2 + 1) % 3]
        share = rng.uniform(0.45, 0.65) if number % 10 == 0 else rng.uniform(0, 0.4)
        color = (1 - share) * np.array(COLORS[name]) + share * np.array(COLORS[other])
        pixels = color + rng.normal(0, 40, (SIDE, SIDE, 1)) + rng.normal(0, 10, (SIDE, SIDE, 3))
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(folder / "images" / f"{number:03}.png")
        truth[f"A{number:03}"] = name
        lines.append(f"A{number:03},{number:03}.png,S{number // 2}")
    (folder / "catalogue.csv").write_text("\n".join(lines))
    return truth


def clothier(folder: Path, *words: str, lines: str | None = None) -> Any:
    command = [sys.executable, "-m", "clothier", *words, "--json"]
    done = subprocess.run(command, cwd=folder, input=lines, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def rows(path: Path) -> dict[str, dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return {one["item_id"]: one for one in csv.DictReader(file)}


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_the_loop(
    engine: str, tmp_path: Path, color_bundle: Callable[..., Bundle], request: pytest.FixtureRequest
) -> None:
    store = request.getfixturevalue("postgresql_url") if engine == "postgresql" else str(tmp_path / "tags.db")
    truth = write_catalogue(tmp_path)
    save_model(tmp_path / "colors", color_bundle, min_probability=0.999)
    words = ["tag", "catalogue.csv", "--store", store, "-o", "tags.csv", "--id-column", "sku"]
    words += ["--product-column", "style"]
    first = clothier(tmp_path, *words, "--model", "colors")
    assert (first["computed"], first["failed"]) == (N_PHOTOS, 0)
    before = rows(tmp_path / "tags.csv")

    with open_store(store) as opened:
        ten = [one.item_id for one in queue(opened, limit=10, order="random").items]
    lines = "\n".join(truth[one] for one in ten)
    done = clothier(tmp_path, "review", "--store", store, "--random", "--reviewer", "anna", lines=f"{lines}\n")
    assert sum(done["counts"].values()) == 10
    with open_store(store) as opened:
        rest = [one.item_id for one in queue(opened, limit=N_REVIEWED - 10, order="random").items]
        assert review(opened, [Judgment(one, truth[one]) for one in rest], "bob").n == N_REVIEWED - 10
    found = clothier(tmp_path, "review", "--store", store, "--stats")
    assert (found["n_reviewed"], found["reviewers"]) == (N_REVIEWED, {"bob": N_REVIEWED - 10, "anna": 10})

    exported = clothier(tmp_path, "review", "--store", store, "--export", "corrections.csv")
    assert (exported["n"], exported["failures"]) == (N_REVIEWED, [])
    options = ("--data", "corrections.csv", "--group-column", "product", "--risk", "0.1", "--out", "models/shop")
    calibrated = clothier(tmp_path, "calibrate", "colors", *options)
    assert calibrated["n"] == N_REVIEWED
    assert calibrated["guarantee_met"]
    assert calibrated["guarantee"]["grouped_by"] == "product"
    models = clothier(tmp_path, "models", "--store", store, "--promote", "models/shop", "--by", "anna")
    assert [(one["name"], one["status"]) for one in models["versions"]] == [
        ("shop", "current"),
        ("colors", "candidate"),
    ]

    again = clothier(tmp_path, *words)
    assert (again["model"], again["computed"]) == ("shop", 0)
    after = rows(tmp_path / "tags.csv")
    for name, row in after.items():
        if name in (*ten, *rest):
            assert (row["class"], row["decision"]) == (truth[name], "accept")
        else:
            assert (row["model"], row["reviewed_by"]) == ("shop", "")
            assert row["thresholds"] != before[name]["thresholds"]
    assert {row["product_class"] for row in after.values()} == set(COLORS), "products vote, whatever the model's name"
    assert clothier(tmp_path, "index", store, "-o", "catalogue.index")["model"] == "shop", "the promoted model"
    (found,) = clothier(tmp_path, "similar", "images/000.png", "--index", "catalogue.index", "--top", "3")
    assert [set(one) for one in found["neighbours"]] == [{"item_id", "file", "score"}] * 3
    assert "A000" not in {one["item_id"] for one in found["neighbours"]}
    assert clothier(tmp_path, "drift", "--store", store)["weeks"][0]["n"] == N_PHOTOS
    check = clothier(tmp_path, "review", "--store", store, "--stats", "--share-accepted", "1")["guarantee"]
    assert (check["model"], check["risk"], check["n"], check["status"]) == ("shop", 0.1, 0, "open")

    with open_store(store) as opened:
        new = [one.item_id for one in queue(opened, limit=1000, order="random").items]
        review(opened, [Judgment(one, truth[one]) for one in new], "anna")
    check = clothier(tmp_path, "review", "--store", store, "--stats", "--share-accepted", "1")["guarantee"]
    assert check["n"] == check["n_sampled"] > 0
    back = clothier(tmp_path, "models", "--store", store, "--roll-back", "--by", "anna")
    assert {one["status"] for one in back["versions"]} == {"retired", "candidate"}
