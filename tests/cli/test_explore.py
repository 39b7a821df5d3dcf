"""``clothier explore``: what it asks of its workflow and shows of the answer; then the real one on odd data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from clothier import atomic
from clothier.data import idx, idx_files
from clothier.data.synthetic import draw_garments

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import CliResult, FakeWorkflows

    Runner = Callable[..., CliResult]


class TestCommand:
    def test_defaults(self, run: Runner, workflows: FakeWorkflows) -> None:
        assert run("explore").code == 0
        nothing = {"out": None, "data": None, "any_idx": False}
        assert workflows.only_call == {**nothing, "seed": 0, "map": "pixels", "perplexity": None, "audit": "duplicates"}

    def test_every_option_arrives(self, run: Runner, workflows: FakeWorkflows) -> None:
        words = "explore --out o --data d --any-idx --seed 5 --map cnn --perplexity 12.5 --audit labels --json"
        assert run(*words.split()).json["report"] == "runs/explore/report.html"
        given = {"out": Path("o"), "data": Path("d"), "any_idx": True}
        assert workflows.only_call == {**given, "seed": 5, "map": "cnn", "perplexity": 12.5, "audit": "labels"}

    def test_table(self, run: Runner, workflows: FakeWorkflows) -> None:
        lines = [" ".join(line.split()) for line in run("explore").stdout.splitlines()]
        assert "Class Train Test" in lines
        assert "Bag 6,000 900" in lines
        assert "Pixels: 50.2 % black; grey levels 72.9 ± 90.0 of 255" in lines
        assert "PCA of 12,000: 84 of 784 components keep 90 % of the variance, 187 keep 95 %" in lines
        assert "Mean |r| of two dimensions: 0.214 before, 0.000 after" in lines
        assert (
            "Audit: 7 of 900 test pictures repeat a training picture; 5 pictures stand out; 1 findings in audit.csv"
            in lines
        )
        assert "fashion-cnn: 93.55 % ± 0.25 on all test pictures, 93.40 % ± 0.26 without those" in lines
        assert (
            "Map of 900 in 31 s: 10 neighbours 83.75 % right, 100 neighbours 81.56 % (two principal components 52.97 %)"
            in lines
        )
        assert "Report: runs/explore/report.html" in lines

    def test_label_audit_is_printed(self, run: Runner, workflows: FakeWorkflows) -> None:
        workflows.explore_result["audit"] = {**workflows.explore_result["audit"], "labels": {"train": {"issues": 738}}}
        assert "Labels: 738 of 12,000 training labels are doubted" in run("explore", "--audit", "labels").stdout

    def test_table_without_map_and_classifier(self, run: Runner, workflows: FakeWorkflows) -> None:
        workflows.explore_result.update(map=None, audit={**workflows.explore_result["audit"], "reference_model": None})
        said = run("explore", "--map", "none").stdout
        assert "Map of" not in said
        assert "fashion-cnn" not in said

    def test_pictures_that_failed_are_named(self, run: Runner, workflows: FakeWorkflows) -> None:
        error = {"code": "not-a-picture", "message": "bad.png is not a picture."}
        workflows.explore_result["failures"] = [{"file": "bad.png", "error": error}]
        ending = run("explore", "--json")
        assert ending.code == 3
        assert ending.json["failures"][0]["file"] == "bad.png"
        assert ending.stderr == "bad.png is not a picture.\n"


def idx_folder(folder: Path, images: np.ndarray, labels: np.ndarray, classes: int = 3) -> Path:
    """An IDX data set whose two parts are the same."""
    for file in (idx_files.TRAIN_IMAGES, idx_files.TEST_IMAGES):
        idx.write_idx(folder / file, images)
    for file in (idx_files.TRAIN_LABELS, idx_files.TEST_LABELS):
        idx.write_idx(folder / file, labels.astype(np.uint8))
    atomic.write_text(folder / idx_files.CLASSES_FILE, "".join(f"garment {k}\n" for k in range(classes)))
    return folder


def random_images(n: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(n).integers(0, 256, (n, *shape), dtype=np.uint8)


class TestBadData:
    """One sentence each, an exit code, and nothing left behind."""

    def error_message(self, run: Runner, tmp_path: Path, data: Path) -> str:
        ending = run("explore", "--data", str(data), "--any-idx", "--map", "none", "--out", str(tmp_path / "out"))
        assert (ending.code, ending.stdout) == (4, "")
        assert not (tmp_path / "out").exists()
        return ending.stderr.replace(str(data), "DATA").replace(data.name, "DATA")

    def test_constant_pixels(self, run: Runner, tmp_path: Path) -> None:
        data = idx_folder(tmp_path / "garments", np.full((9, 8, 8), 7, np.uint8), np.arange(9) % 3)
        assert self.error_message(run, tmp_path, data) == (
            "Error: all 9 images are the same: pixels that never change have no components. Check the data.\n"
        )

    def test_one_class_only(self, run: Runner, tmp_path: Path) -> None:
        data = idx_folder(tmp_path / "garments", random_images(9, 8, 8), np.ones(9))
        assert "all 9 training images of DATA are of one class, garment 1;" in self.error_message(run, tmp_path, data)

    def test_one_class_folder(self, run: Runner, tmp_path: Path) -> None:
        photos(tmp_path / "photos", {"coat": 6})
        assert self.error_message(run, tmp_path, tmp_path / "photos") == (
            "Error: DATA has 1 class folder; two or more are needed, each with the pictures of one class.\n"
        )

    def test_nan(self, run: Runner, tmp_path: Path) -> None:
        data = idx_folder(tmp_path / "garments", random_images(9, 8, 8), np.arange(9) % 3)
        floats = np.full((9, 8, 8), np.nan, ">f4")
        header = bytes((0, 0, 0x0D, 3)) + np.array(floats.shape, ">u4").tobytes()
        (data / idx_files.TRAIN_IMAGES).write_bytes(header + floats.tobytes())
        said = self.error_message(run, tmp_path, data)
        assert said.startswith(f"Error: DATA/{idx_files.TRAIN_IMAGES} ")
        assert said.count("\n") == 1

    def test_a_perplexity_too_large_for_the_data(self, run: Runner, tmp_path: Path) -> None:
        data = idx_folder(tmp_path / "garments", random_images(9, 8, 8), np.arange(9) % 3)
        words = ("--data", str(data), "--any-idx", "--perplexity", "30", "--out", str(tmp_path / "out"))
        ending = run("explore", *words)
        assert ending.code == 2
        assert ending.stderr.splitlines()[-1] == (
            "Error: the perplexity 30 does not suit 18 pictures; 1 to 5.66667 can be taken (a third of the others at "
            "most). Give another, or more pictures."
        )
        assert not (tmp_path / "out").exists()

    def test_a_kind_of_map_that_does_not_exist(self, run: Runner) -> None:
        ending = run("explore", "--map", "umap")
        assert ending.code == 2
        assert ending.stderr == "Error: 'umap' is not a kind of map; known: pixels, cnn, none.\n"


def photos(folder: Path, classes: dict[str, int]) -> Path:
    """A folder of pictures, a subfolder a class."""
    drawn = draw_garments(sum(classes.values()), 0).images
    names = [(name, place) for name, count in classes.items() for place in range(count)]
    for image, (name, place) in zip(drawn, names, strict=True):
        (folder / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(255 - image).resize((60, 80)).save(folder / name / f"{place}.png")
    return folder


class TestOddData:
    """Explored without failing; what cannot be drawn is left out."""

    def explored(self, run: Runner, tmp_path: Path, data: Path, *words: str, code: int = 0) -> dict[str, object]:
        ending = run("explore", "--data", str(data), "--map", "none", "--out", str(tmp_path / "out"), "--json", *words)
        assert ending.code == code, ending.stderr
        found: dict[str, object] = ending.json
        return found

    # fewer pictures than components; a class without any; too few for a scatter
    @pytest.mark.parametrize(("n", "side", "classes"), [(30, 32, 3), (29, 5, 30), (2, 28, 2)])
    def test_any_size_any_number_of_classes(self, run: Runner, tmp_path: Path, n: int, side: int, classes: int) -> None:
        data = idx_folder(tmp_path / "garments", random_images(n, side, side), np.arange(n) % classes, classes)
        found: Any = self.explored(run, tmp_path, data, "--any-idx")
        assert found["pca"]["dimensions"] == side * side
        assert len(found["classes"]["train"]) == classes
        assert len(found["pixels"]["per_class"]) == min(n, classes)

    def test_five_photos_a_class_one_of_them_more_and_broken(self, run: Runner, tmp_path: Path) -> None:
        folder = photos(tmp_path / "photos", {"coat": 5, "boot": 5, "$5 <b>bag": 5})
        (folder / "coat" / "broken.png").write_bytes(b"no picture")
        found: Any = self.explored(run, tmp_path, folder, code=3)
        assert found["classes"]["train"] == {"$5 <b>bag": 4, "boot": 4, "coat": 4}
        assert [Path(one["file"]).name for one in found["failures"]] == ["broken.png"]
        assert "<b>bag" not in (tmp_path / "out" / "report.html").read_text()
