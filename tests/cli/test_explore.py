"""``clothier explore``: its arguments and table over a fake workflow; then the real one on unusual data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from clothier import atomic
from clothier.data import idx_files
from clothier.data.columns import Columns
from tests.synthetic import draw_garments, write_idx

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import CliResult, FakeWorkflows

    Runner = Callable[..., CliResult]


@pytest.fixture
def change_result(fake_workflows: FakeWorkflows) -> Callable[..., None]:
    """Changes parts of what the exploration found, or of its audit."""
    file = fake_workflows.results["explore"].path / "explore.json"

    def change(audit: dict[str, Any] | None = None, **parts: Any) -> None:
        content = json.loads(file.read_text())
        content |= {**parts, "audit": {**content["audit"], **(audit or {})}}
        atomic.write_json(file, content)

    return change


class TestCommand:
    def test_defaults(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        assert run("explore").code == 0
        assert fake_workflows.only_call == {"columns": Columns(), "map": "pixels", "audit": "duplicates"}

    def test_every_option_is_passed_on(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        words = "explore --out o --data d --any-idx --seed 5 --map cnn --perplexity 12.5 --audit labels --json"
        words += " --file-column image --label-column class --group-column product"
        assert run(*words.split()).json["report"] == "runs/explore/report.html"
        columns = Columns(file="image", label="class", group="product")
        given = {"out": Path("o"), "data": Path("d"), "columns": columns, "any_idx": True}
        assert fake_workflows.only_call == {**given, "seed": 5, "map": "cnn", "perplexity": 12.5, "audit": "labels"}

    def test_table(self, run: Runner, fake_workflows: FakeWorkflows) -> None:
        lines = run("explore").lines
        assert "Class Train Test" in lines
        assert "Bag 6,000 900" in lines
        assert lines[-7:] == [
            "Pixels: 50.2 % empty (level 0); mean level 72.9 of 255, standard deviation 90.0",
            "PCA of 12,000: 84 of 784 components keep 90 % of the variance, 187 keep 95 %",
            "Mean |r| of two dimensions: 0.214 before PCA, 0.000 after",
            "Audit: 7 of 900 test images are in the training set; 5 outliers; 1 findings in audit.csv",
            "fashion-cnn: 93.55 % ± 0.25 on all test images, 93.40 % ± 0.26 without those",
            "Map of 900 images in 31 s: 10-NN accuracy 83.75 %, 100-NN 81.56 % (two principal components 52.97 %)",
            "Report: runs/explore/report.html",
        ]

    def test_suspected_label_errors(self, run: Runner, change_result: Callable[..., None]) -> None:
        change_result(audit={"labels": {"train": {"issues": 738}}})
        lines = run("explore", "--audit", "labels").lines
        assert "Labels: 738 suspected label errors among 12,000 training images" in lines

    def test_without_map_and_reference_model(self, run: Runner, change_result: Callable[..., None]) -> None:
        change_result(map=None, audit={"reference_model": None})
        printed = run("explore", "--map", "none").stdout
        assert "Map of" not in printed
        assert "fashion-cnn" not in printed

    def test_failed_images_are_named(self, run: Runner, change_result: Callable[..., None]) -> None:
        error = {"code": "not-an-image", "message": "bad.png is not an image."}
        change_result(failures=[{"file": "bad.png", "error": error}])
        ended = run("explore", "--json")
        assert (ended.code, ended.stderr) == (3, "bad.png is not an image.\n")
        assert ended.json["failures"][0]["file"] == "bad.png"


def idx_folder(folder: Path, images: np.ndarray, labels: np.ndarray, classes: int = 3) -> Path:
    """An IDX data set whose test split equals its training split."""
    for file in (idx_files.TRAIN_IMAGES, idx_files.TEST_IMAGES):
        write_idx(folder / file, images)
    for file in (idx_files.TRAIN_LABELS, idx_files.TEST_LABELS):
        write_idx(folder / file, labels.astype(np.uint8))
    atomic.write_text(folder / idx_files.CLASSES_FILE, "".join(f"garment {k}\n" for k in range(classes)))
    return folder


def random_images(n: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(n).integers(0, 256, (n, *shape), dtype=np.uint8)


class TestBadData:
    """An error message, an exit code, and no output folder."""

    def error_message(self, run: Runner, tmp_path: Path, data: Path) -> str:
        ended = run("explore", "--data", str(data), "--any-idx", "--map", "none", "--out", str(tmp_path / "out"))
        assert (ended.code, ended.stdout, ended.stderr.count("\n")) == (4, "", 1)
        assert not (tmp_path / "out").exists()
        return ended.stderr

    def test_constant_pixels(self, run: Runner, tmp_path: Path) -> None:
        data = idx_folder(tmp_path / "garments", np.full((9, 8, 8), 7, np.uint8), np.arange(9) % 3)
        assert "all 9 images" in self.error_message(run, tmp_path, data)

    def test_one_class_only(self, run: Runner, tmp_path: Path) -> None:
        data = idx_folder(tmp_path / "garments", random_images(9, 8, 8), np.ones(9))
        assert "garment 1" in self.error_message(run, tmp_path, data)

    def test_one_class_folder(self, run: Runner, tmp_path: Path) -> None:
        data = photos(tmp_path / "photos", {"coat": 6})
        assert f"{data} has 1 class folder" in self.error_message(run, tmp_path, data)

    def test_nan(self, run: Runner, tmp_path: Path) -> None:
        data = idx_folder(tmp_path / "garments", random_images(9, 8, 8), np.arange(9) % 3)
        floats = np.full((9, 8, 8), np.nan, ">f4")
        header = bytes((0, 0, 0x0D, 3)) + np.array(floats.shape, ">u4").tobytes()
        file = data / idx_files.TRAIN_IMAGES
        file.write_bytes(header + floats.tobytes())
        assert self.error_message(run, tmp_path, data).startswith(f"Error: {file} ")

    def test_perplexity_too_large_for_the_data(self, run: Runner, tmp_path: Path) -> None:
        data = idx_folder(tmp_path / "garments", random_images(9, 8, 8), np.arange(9) % 3)
        words = ("--data", str(data), "--any-idx", "--perplexity", "30", "--out", str(tmp_path / "out"))
        ended = run("explore", *words)
        assert ended.code == 2
        assert "perplexity 30" in ended.stderr.splitlines()[-1]
        assert "1 to 5.66667" in ended.stderr.splitlines()[-1]
        assert not (tmp_path / "out").exists()

    def test_unknown_map(self, run: Runner) -> None:
        ended = run("explore", "--map", "umap")
        assert ended.code == 2
        assert "'umap'" in ended.stderr
        assert "pixels, cnn, none" in ended.stderr


def photos(folder: Path, classes: dict[str, int]) -> Path:
    """A folder of images with a subfolder for each class."""
    drawn = draw_garments(sum(classes.values()), 0).images
    names = [(name, index) for name, count in classes.items() for index in range(count)]
    for image, (name, index) in zip(drawn, names, strict=True):
        (folder / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(255 - image).resize((60, 80)).save(folder / name / f"{index}.png")
    return folder


@pytest.mark.slow
class TestUnusualData:
    """Explored without an error; what cannot be drawn is left out."""

    def explore(self, run: Runner, tmp_path: Path, data: Path, *words: str, code: int = 0) -> dict[str, object]:
        ended = run("explore", "--data", str(data), "--map", "none", "--out", str(tmp_path / "out"), "--json", *words)
        assert ended.code == code, ended.stderr
        found: dict[str, object] = ended.json
        return found

    # fewer images than components; a class without any; too few for a scatter
    @pytest.mark.parametrize(("n", "side", "classes"), [(30, 32, 3), (29, 5, 30), (2, 28, 2)])
    def test_any_size_and_number_of_classes(self, run: Runner, tmp_path: Path, n: int, side: int, classes: int) -> None:
        data = idx_folder(tmp_path / "garments", random_images(n, side, side), np.arange(n) % classes, classes)
        found: Any = self.explore(run, tmp_path, data, "--any-idx")
        assert found["pca"]["dimensions"] == side * side
        assert len(found["classes"]["train"]) == classes
        assert len(found["pixels"]["per_class"]) == min(n, classes)

    def test_table_of_photos_with_a_broken_file(self, run: Runner, tmp_path: Path) -> None:
        folder = photos(tmp_path / "photos", {"coat": 5, "boot": 5, "$5 <b>bag": 5})
        (folder / "coat" / "broken.png").write_bytes(b"not an image")
        rows = [f"{file.relative_to(folder)},{file.parent.name},{file.stem}\n" for file in folder.rglob("*.png")]
        atomic.write_text(folder / "shop.csv", "".join(["image,label,product\n", *rows]))
        words = ("--file-column", "image", "--group-column", "product")
        found: Any = self.explore(run, tmp_path, folder / "shop.csv", *words, code=3)
        assert found["classes"]["train"] == {"$5 <b>bag": 4, "boot": 4, "coat": 4}
        assert [Path(one["file"]).name for one in found["failures"]] == ["broken.png"]
        page = (tmp_path / "out" / "report.html").read_text()
        assert "<b>bag" not in page
        assert f"clothier explore --data {folder / 'shop.csv'} --file-column image --group-column product" in page

    def test_table_of_a_real_result(self, run: Runner, tmp_path: Path) -> None:
        data = idx_folder(tmp_path / "garments", random_images(30, 8, 8), np.arange(30) % 3)
        words = ("--data", str(data), "--any-idx", "--perplexity", "5", "--out", str(tmp_path / "out"))
        lines = run("explore", *words).lines
        assert "garment 1 10 10" in lines
        starts = ("Pixels: ", "PCA of 30: ", "Mean |r| ", "Audit: 30 of 30 test images", "Map of 60 images", "Report: ")
        for start, line in zip(starts, lines[-len(starts) :], strict=True):
            assert line.startswith(start)
