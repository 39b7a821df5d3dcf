"""The real data from the real package source, as a fresh machine gets them."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clothier.data import debian
from clothier.data.photos import load_image
from clothier.data.release import FASHION_MNIST
from clothier.data.sources import load_fashion_mnist, open_dataset
from clothier.types import InputSpec

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(debian.missing_tools()), reason="this system has no apt-get, so no Debian package"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The four files as the Debian package holds them."""
    kept = tmp_path_factory.mktemp("debian")
    with debian.unpack_package(FASHION_MNIST.debian_package) as root:
        for path in (root / FASHION_MNIST.system_dir.relative_to("/")).iterdir():
            path.rename(kept / path.name)
    return kept


def test_two_fresh_processes_at_once_both_get_the_data(tmp_path: Path) -> None:
    code = "from clothier.data.sources import fetch\nfound = fetch()\nprint(found.source, found.folder)"
    environment = {**os.environ, "CLOTHIER_CACHE": str(tmp_path)}
    processes = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    answers = [process.communicate(timeout=500)[0].split() for process in processes]
    places = {
        "system": FASHION_MNIST.system_dir,
        "debian": tmp_path / "fashion-mnist",
        "cache": tmp_path / "fashion-mnist",
    }
    assert all(process.returncode == 0 for process in processes)
    assert all(places[source] == Path(place) for source, place in answers)


def test_the_package_is_todays_release(folder: Path) -> None:
    dataset = load_fashion_mnist(folder)
    assert dataset.train.class_counts(10).tolist() == [6000] * 10
    assert dataset.test.class_counts(10).tolist() == [1000] * 10
    assert dataset.test.labels[:5].tolist() == [9, 2, 1, 1, 6]
    assert open_dataset(folder, any_idx=True).digest == dataset.digest


def test_every_test_picture_as_a_png_is_itself_to_a_model(folder: Path, tmp_path: Path) -> None:
    for number, view in enumerate(load_fashion_mnist(folder).test.images[:500]):
        path = tmp_path / f"{number}.png"
        Image.fromarray(view).save(path)
        assert np.array_equal(load_image(path, InputSpec()), view)
