"""``/study``: reports and maps of the folder of runs, and nothing else of the disk."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import pytest

from clothier.api.page.reports import SANDBOX

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.testclient import TestClient

    from tests.api.conftest import OpenClient


@pytest.fixture
def client(open_client: OpenClient, tmp_path: Path) -> TestClient:
    run = tmp_path / "runs" / "study-fast"
    run.mkdir(parents=True)
    for name in ("report.html", "map.html", "study.json", "secret.txt"):
        (run / name).write_text(name)
    (tmp_path / "runs" / "unfinished").mkdir()
    (tmp_path / "report.html").write_text("outside")
    (tmp_path / "runs" / "odd").mkdir()
    (tmp_path / "runs" / "odd" / "report.html").symlink_to("x" * 300)  # an error even to look at, as without permission
    return open_client(runs=tmp_path / "runs")


def test_runs_with_a_report_are_listed_and_served(client: TestClient) -> None:
    page = client.get("/study").text
    assert 'href="/study/study-fast/map.html"' in page
    assert "unfinished" not in page
    for file in ("report.html", "map.html"):
        answer = client.get(f"/study/study-fast/{file}")
        assert (answer.text, answer.headers["Content-Security-Policy"]) == (file, SANDBOX)


def test_names_of_runs_and_tables_of_reports_are_links_that_work(client: TestClient, tmp_path: Path) -> None:
    run = tmp_path / "runs" / "lr 0.1 #2 50%?"
    run.mkdir()
    (run / "report.html").write_text('<a href="audit.csv">All findings</a>')
    (run / "audit.csv").write_text("index,finding\n")
    addresses = re.findall(r'href="(/study/[^"]*/report.html)"', client.get("/study").text)
    assert [client.get(one).status_code for one in addresses] == [200] * 2
    (table,) = (urljoin(one, "audit.csv") for one in addresses if "lr" in one)
    answer = client.get(table)
    assert answer.text == "index,finding\n"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="audit.csv"'
    assert client.get("/study/study-fast/audit.csv").status_code == 404


@pytest.mark.parametrize(
    "path",
    ["study-fast/secret.txt", "..%2f/report.html", "%2e%2e/report.html", "unfinished/report.html", "%00/map.html",
     "study-fast/..%2f..%2freport.html"],
)  # fmt: skip
def test_nothing_else_is_served(client: TestClient, path: str) -> None:
    assert client.get(f"/study/{path}").status_code == 404


def test_without_runs_the_page_says_how_to_make_them(open_client: OpenClient, tmp_path: Path) -> None:
    assert "<code>clothier study</code>" in open_client(runs=tmp_path / "nothing").get("/study").text
