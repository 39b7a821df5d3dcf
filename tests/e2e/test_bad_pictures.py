"""What people hand in by mistake or in malice, through the real command line: each named, the rest goes on, exit 3."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable

    from clothier.bundle import Bundle

pytestmark = pytest.mark.slow

COLORS = {"dress": (230, 20, 20), "hat": (20, 20, 230)}
TAKEN = ("animated.gif", "mislabelled.png", "dress.jpg")
REFUSED = {
    "truncated.jpg": "truncated",
    "empty.jpg": "empty",
    "text.jpg": "not-an-image",
    "one.png": "too-small",
    "claims.png": "too-large",
    "bomb.png": "too-large",
    "secret.jpg": "not-readable",
    "missing.jpg": "not-found",
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    red = Image.new("RGB", (80, 60), COLORS["dress"])
    red.save(folder / "dress.jpg")
    red.save(folder / "mislabelled.png", "JPEG")
    red.resize((1, 1)).save(folder / "one.png")
    red.save(folder / "animated.gif", save_all=True, append_images=[Image.new("RGB", (80, 60), COLORS["hat"])] * 3)
    noise = np.random.default_rng(0).integers(0, 256, (90, 90, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "truncated.jpg")
    (folder / "truncated.jpg").write_bytes((folder / "truncated.jpg").read_bytes()[:3000])
    (folder / "empty.jpg").touch()
    (folder / "text.jpg").write_text("a dress, honestly")
    (folder / "claims.png").write_bytes(black_png(30_000, rows=1))
    (folder / "bomb.png").write_bytes(black_png(20_000, rows=20_000))
    unreadable(folder / "secret.jpg")
    return folder


def black_png(side: int, rows: int) -> bytes:
    """A square PNG of one bit a pixel, of which only ``rows`` are there."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    pixels = zlib.compress(bytes((1 + side // 8) * rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def unreadable(path: Path) -> None:
    """A file that may not be read; root may read all but what the kernel refuses."""
    if os.geteuid() == 0:
        path.symlink_to("/proc/self/mem")
    else:
        path.touch(0o000)


def clothier(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "clothier", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, color_bundle: Callable[..., Bundle]) -> Path:
    return color_bundle(tmp_path_factory.mktemp("bundles") / "colors", COLORS).path


@pytest.mark.parametrize("of_photos", [True, False], ids=["a model of photos", "fashion-cnn"])
def test_predict(pictures: Path, model: Path, tmp_path: Path, of_photos: bool) -> None:
    names = [*REFUSED, *TAKEN]
    chosen = model if of_photos else "fashion-cnn"
    files = [pictures / name for name in names]
    ended = clothier("predict", *files, "--model", chosen, "--save-inputs", tmp_path, "--json")
    assert ended.returncode == 3, ended.stderr
    answers = json.loads(ended.stdout)
    assert [one["file"] for one in answers] == [str(file) for file in files]
    codes = {Path(one["file"]).name: one["error"]["code"] for one in answers if "error" in one}
    assert codes == REFUSED
    lines = ended.stderr.splitlines()
    assert [next(name for name in names if name in line) for line in lines] == list(REFUSED), "a sentence for each"
    assert "Traceback" not in ended.stderr
    assert len(list(tmp_path.iterdir())) == len(TAKEN)
    if of_photos:
        assert {one["class"] for one in answers if "error" not in one} == {"dress"}, "of an animation the first frame"


def test_nothing_but_bad_pictures(pictures: Path) -> None:
    ended = clothier("predict", pictures / "empty.jpg", pictures / "missing.jpg")
    assert ended.returncode == 3
    assert ended.stdout.count("could not be read") == 2


def test_evaluate(pictures: Path, model: Path) -> None:
    rows = [f"{name},dress" for name in (*REFUSED, *TAKEN)]
    (pictures / "table.csv").write_text("\n".join(["file,label", *rows]))
    ended = clothier("evaluate", model, "--data", pictures / "table.csv", "--json")
    assert ended.returncode == 3, ended.stderr
    (found,) = json.loads(ended.stdout)
    assert (found["n"], found["accuracy"]) == (len(TAKEN), 1.0)
    codes = {Path(one["file"]).name: one["error"]["code"] for one in found["failures"]}
    assert codes == REFUSED
    assert all(name in ended.stderr for name in REFUSED)


def test_tag(pictures: Path, model: Path, tmp_path: Path) -> None:
    """Each bad picture is a row among good ones, in a folder, a table and a ZIP file."""
    good = pictures / "good"
    good.mkdir()
    for number in range(200):
        Image.new("RGB", (40, 40), (230, number % 200, 20)).save(good / f"{number}.png")
    names = [*REFUSED, *TAKEN, *(f"good/{number}.png" for number in range(200))]
    (pictures / "list.csv").write_text("\n".join(["file", *names]))
    with zipfile.ZipFile(tmp_path / "pictures.zip", "w") as archive:
        for name in names:
            if name not in ("missing.jpg", "secret.jpg"):
                archive.write(pictures / name, name)
    absent = {pictures: {"missing.jpg"}, tmp_path / "pictures.zip": {"missing.jpg", "secret.jpg"}}
    for source in (pictures, pictures / "list.csv", tmp_path / "pictures.zip"):
        ended = clothier("tag", source, "-o", tmp_path / "tags.jsonl", "--model", model, "--json")
        assert ended.returncode == 3, ended.stderr
        found = [json.loads(line) for line in (tmp_path / "tags.jsonl").read_text().splitlines()]
        codes = {one["file"]: one["error_code"] for one in found if one["error_code"]}
        assert codes == {name: code for name, code in REFUSED.items() if name not in absent.get(source, ())}
        assert {one["file"] for one in found if one["class"]} == {*TAKEN, *names[-200:]}
