"""Under CLOTHIER_NO_SKIP, as in CI, whatever would be skipped fails."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"
TESTS = {
    "test_skipped.py": "import pytest\ndef test_it(): pytest.skip('no browser')\n",
    "test_marked.py": "import pytest\n@pytest.mark.skipif(True, reason='no browser')\ndef test_it(): ...\n",
    "test_file.py": "import pytest\npytest.importorskip('no_such_module')\n",
    "test_expected.py": "import pytest\n@pytest.mark.xfail(strict=True)\ndef test_it(): assert False\n",
}


def run(folder: Path, *arguments: str, **environment: str) -> str:
    """What a pytest in ``folder`` prints."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("CLOTHIER_", "PYTEST_"))}
    options = ["-q", "-p", "no:cacheprovider", "--override-ini=markers=slow", "--rootdir", str(folder)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *arguments, str(folder)],
        check=False,
        cwd=folder,
        env={**plain, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environment},  # plug-ins take a second to import
        capture_output=True,
        text=True,
    )
    return done.stdout


@pytest.fixture
def skipping(tmp_path: Path) -> Path:
    """A folder of tests that are skipped."""
    shutil.copy(CONFTEST, tmp_path)
    for name, text in TESTS.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_skips_are_skips(skipping: Path) -> None:
    assert "3 skipped, 1 xfailed" in run(skipping)


def test_skips_are_failures(skipping: Path) -> None:
    printed = run(skipping, "--continue-on-collection-errors", CLOTHIER_NO_SKIP="1")
    reasons = [line for line in printed.splitlines() if "was skipped, and CLOTHIER_NO_SKIP is set." in line]
    for kind in ("skipped", "marked", "file"):
        assert any(f"test_{kind}.py" in line for line in reasons), kind
    assert "1 failed, 1 xfailed, 2 errors" in printed, "a mark skips while setting up, a file while collecting"


def test_photos_may_be_absent_unless_required(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/test_photos.py").write_text("def test_it(photos): ...\n")
    shutil.copy(CONFTEST, tmp_path / "deep")
    for environment, closing in (
        ({}, "1 skipped"),
        ({"CLOTHIER_NO_SKIP": "1"}, "1 xfailed"),
        ({"CLOTHIER_NO_SKIP": "1", "CLOTHIER_PHOTOS": "/nowhere"}, "1 error"),
    ):
        assert closing in run(tmp_path / "deep", **environment)
