"""Label Studio's annotations as reviews: the real command on a real store."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from clothier.catalogue.review import Filter, correct
from clothier.cli.main import main
from clothier.store import open_store
from clothier.store.schema import RUNS
from clothier.workflows.export import export
from clothier.workflows.review import accept_matching
from tests.stored_items import AT, fill_store, item, item_row

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def store_file(tmp_path: Path) -> Path:
    """Three hats and a dress, and the tasks that they make in Label Studio."""
    rows = [item_row(f"i{number}", **{"class": "hat"}) for number in range(3)]
    with open_store(tmp_path / "tags.db") as opened:
        fill_store(opened, *rows, item_row("a"), source=str(tmp_path))
        opened.write(lambda connection: connection.execute(update(RUNS).values(finished_at=AT)))
    return tmp_path / "tags.db"


def annotation(label: str | None, number: int = 1, **values: Any) -> dict[str, Any]:
    result = [] if label is None else [{"from_name": "class", "type": "choices", "value": {"choices": [label]}}]
    at = f"2026-11-30T10:00:0{number}.5Z"
    return {"id": number, "completed_by": 7, "was_cancelled": False, "updated_at": at, "result": result, **values}


def task(item_id: str, *annotations: dict[str, Any]) -> dict[str, Any]:
    return {"id": 12, "data": {"image": "/a.jpg", "item_id": item_id}, "annotations": list(annotations)}


class Run:
    """Reads tasks into a store, as the command does it."""

    def __init__(self, store: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.store, self.file, self._capsys = store, store.with_name("annotations.json"), capsys

    def __call__(self, *tasks: Any, code: int = 0) -> dict[str, Any]:
        self.file.write_text(json.dumps(list(tasks)))
        assert main(["review", "--store", str(self.store), "--import", str(self.file), "--json"]) == code
        shown = self._capsys.readouterr()
        self.err = shown.err
        return json.loads(shown.out) if shown.out else {}

    def said(self) -> dict[str, tuple[str | None, str]]:
        with open_store(self.store) as opened:
            rows = [item(opened, one) for one in ("i0", "i1", "i2", "a")]
        return {one["item_id"]: (one["reviewed_class"], one["reviewed_by"]) for one in rows if one["review_id"]}


@pytest.fixture
def run(store_file: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(store_file, capsys)


def test_annotations_are_reviews_by_their_annotators_and_read_twice_they_are_the_same(run: Run) -> None:
    ada = {"id": 3, "email": "ada@example.com", "first_name": "Ada", "last_name": "L"}
    tasks = (
        task("i0", annotation("coat")),
        task("i1", annotation("none of the classes", completed_by=ada), annotation("dress", 0, completed_by={"id": 9})),
        task("i2", annotation("hat", was_cancelled=True)),
        task("a", annotation("Dress", 1), annotation("coat", 0, ground_truth=True), annotation("hat", 0)),
    )
    found = run(*tasks)
    assert (found["annotations"], found["reviewed"], found["skipped"], found["already_known"]) == (7, 4, 1, 0)
    assert (found["reviewers"], found["disagreements"]) == (
        {"annotator 7": 2, "annotator 9": 1, "ada@example.com": 1},
        1,
    )
    assert run.said() == {
        "i0": ("coat", "annotator 7"),
        "i1": (None, "ada@example.com"),
        "a": ("coat", "annotator 7"),
    }, "the last annotation counts, and ground truth above all"
    with open_store(run.store) as opened:
        before = opened.history("i1")
    again = run(*tasks)
    assert (again["reviewed"], again["already_known"]) == (0, 4)
    with open_store(run.store) as opened:
        assert opened.history("i1") == before


def test_a_later_export_adds_what_is_new_and_leaves_what_was_corrected_here(run: Run, store_file: Path) -> None:
    run(task("i0", annotation("coat")), task("i1", annotation("coat")))
    accept_matching(store_file, "bo", Filter(decision="accept"), 10)
    found = run(task("i0", annotation("dress", 2)), task("i1", annotation("coat")), task("i2", annotation("coat")))
    assert (found["reviewed"], found["already_known"]) == (2, 1)
    assert {name: label for name, (label, _) in run.said().items()} == {
        "i0": "dress", "i1": "coat", "i2": "coat", "a": "dress",
    }  # fmt: skip


def test_another_known_annotation_counts_now(run: Run, store_file: Path) -> None:
    ids, other = ("i0", "i1", "i2"), annotation("hat", 2, completed_by=9)
    run(*(task(one, annotation("coat", 1), other) for one in ids))
    assert run.said() == dict.fromkeys(ids, ("hat", "annotator 9"))
    with open_store(store_file) as opened:
        correct(opened, {"i2": None}, "dress", "bo")
    truth, again = annotation("coat", 1, ground_truth=True), annotation("coat", 3)
    later = task("i0", truth, other), task("i1", again, other), task("i2", truth, other)
    found = run(*later)
    assert (found["reviewed"], found["already_known"], found["reviewers"]) == (2, 4, {"annotator 7": 2})
    assert run.said() == {"i0": ("coat", "annotator 7"), "i1": ("coat", "annotator 7"), "i2": ("dress", "bo")}
    assert (run(*later)["reviewed"], run.said()["i0"]) == (0, ("coat", "annotator 7"))
    early = task("i0", truth, other, annotation("dress", 0, completed_by=8))
    assert (run(early)["reviewed"], run.said()["i0"]) == (2, ("coat", "annotator 7")), "a new one that does not count"


def test_the_last_annotation_by_time_whatever_its_zone(run: Run) -> None:
    times = {"coat": "2026-11-30T12:00:00+02:00", "dress": "2026-11-30T10:00:00.5Z", "hat": "2026-11-30T10:00:00Z"}
    run(task("i0", *(annotation(name, updated_at=at, completed_by=name) for name, at in times.items())))
    assert run.said() == {"i0": ("dress", "dress")}


def test_json_min_and_regions(run: Run) -> None:
    rectangle = {"type": "rectanglelabels", "from_name": "box", "value": {"x": 1, "rectanglelabels": ["coat"]}}
    flat = {"id": 1, "annotation_id": 4, "annotator": 7, "updated_at": "2026", "item_id": "i0", "class": "dress"}
    boxes = [{"x": 1, "rectanglelabels": ["coat"]}, {"x": 5, "rectanglelabels": ["coat"]}]
    found = run(flat, {**flat, "item_id": "i1", "class": None, "box": boxes})
    assert (found["reviewed"], found["failures"]) == (2, [])
    run(task("i2", annotation(None, result=[rectangle, rectangle])))
    assert {name: label for name, (label, _) in run.said().items()} == {"i0": "dress", "i1": "coat", "i2": "coat"}


def test_what_cannot_be_used_is_named_and_the_rest_is_read(run: Run) -> None:
    two = [{"value": {"choices": ["hat"]}}, {"value": {"choices": ["coat"]}}]
    found = run(
        task("i0", annotation("coat")),
        task("elsewhere", annotation("coat"), annotation("hat", completed_by=8)),
        task("i1", annotation("sock")),
        task("i2", annotation(None), annotation(None, result=two)),
        {"id": 99, "data": {"image": "x.jpg"}, "annotations": [annotation("coat")]},
        code=3,
    )
    assert (found["reviewed"], found["unknown_items"], len(found["failures"])) == (1, ["elsewhere"], 5)
    for part in ("1 photos are not in this store", "elsewhere", "'sock'", "task 99", "no class", "several classes"):
        assert part in run.err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("{}", "is not a list of tasks"),
        ("[[1]]", "is not a list of tasks"),
        ('[{"data": 1}]', "not one of Label Studio"),
        ('[{"data": {}, "annotations": [3]}]', "not one of Label Studio"),
        ("[]", "has no annotations"),
    ],
)
def test_other_files(content: str, message: str, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run.file.write_text(content)
    assert main(["review", "--store", str(run.store), "--import", str(run.file)]) == 4
    assert message in capsys.readouterr().err


def test_the_tasks_that_are_exported_are_understood(run: Run, tmp_path: Path) -> None:
    export(run.store, tmp_path / "tasks.json", format="label-studio")
    tasks = json.loads((tmp_path / "tasks.json").read_text())
    annotated = [{**one, "annotations": [annotation(None, result=one["predictions"][0]["result"])]} for one in tasks]
    assert run(*annotated)["reviewed"] == 4
    assert {label for label, _ in run.said().values()} == {"hat", "dress"}
