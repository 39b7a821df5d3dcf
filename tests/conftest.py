"""What every test lives by: its own cache, two threads for torch, and no skip where none is allowed."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

HERE = Path(__file__).parent
Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)
NO_SKIP = bool(os.environ.get("CLOTHIER_NO_SKIP"))  # the CI's: there a skip is a failure


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what lies in ``tests/journey``."""
    for item in items:
        if HERE / "journey" in item.path.parents:
            item.add_marker(pytest.mark.journey)


def pytest_collection_finish() -> None:
    """Gives torch two threads, if any test has loaded it: the same everywhere, whatever the machine."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(2)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turns a skipped test into a failed one under CLOTHIER_NO_SKIP."""
    return _unskipped((yield), item.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turns a file that skips itself into an error under CLOTHIER_NO_SKIP."""
    return _unskipped((yield), collector.nodeid)


def _unskipped(report: Report, name: str) -> Report:
    if NO_SKIP and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{name} was skipped, and CLOTHIER_NO_SKIP is set. {reason}"
    return report


@pytest.fixture(scope="session")
def session_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that starts empty and is shared by this session's tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _own_cache(request: pytest.FixtureRequest, session_cache: Path) -> Iterator[None]:
    """Keeps quick tests out of the user's cache; journeys use it, so as not to fetch the data every time."""
    with pytest.MonkeyPatch.context() as patch:
        if request.node.get_closest_marker("journey") is None:
            patch.setenv("CLOTHIER_CACHE", str(session_cache))
        yield
