"""POST /v1/classify: results as ``clothier predict --json`` prints them, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clothier.api.job_worker import ServedModel
from clothier.api.photo_queue import PhotoQueue
from clothier.catalogue.rules import TaggingRules
from clothier.inference import load
from tests.color_photos import draw

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.testclient import TestClient

    from clothier.bundle import Bundle
    from tests.api.conftest import OpenClient

FORM = "multipart/form-data; boundary=b"


def part(content: bytes, name: str = "a.png", field: str = "files") -> bytes:
    head = f'--b\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'
    return head.encode() + content + b"\r\n"


def test_results_are_those_of_predict(client: TestClient, model_path: Path, tmp_path: Path) -> None:
    paths = [draw(tmp_path / f"{name}.png", name) for name in ("dress", "hat", "skirt")]
    answer = client.post("/v1/classify", files=[("files", (str(one), one.read_bytes())) for one in paths])
    assert answer.status_code == 200
    model = load(model_path)
    alone = [model.predict([one])[0].to_json() for one in paths]  # rounding depends on the photos beside it
    assert list(map(list, answer.json()["results"])) == list(map(list, alone)), "in the same order"
    assert answer.json()["results"] == alone
    assert answer.json()["model"]["digest"] == model.digest
    assert answer.headers["Clothier-Model"].startswith("colors; digest=")
    assert answer.headers["Clothier-Thresholds"] == answer.json()["model"]["thresholds"]


def test_the_number_of_classes(client: TestClient, photo: bytes) -> None:
    answer = client.post("/v1/classify?top=1", files={"files": photo})
    assert len(answer.json()["results"][0]["top"]) == 1


def test_codes_of_a_taxonomy(open_client: OpenClient, tmp_path: Path, photo: bytes) -> None:
    taxonomy = tmp_path / "codes.toml"
    taxonomy.write_text('[codes]\ndress = "D1"\nhat = "H1"\nskirt = "S1"\n')
    answer = open_client(taxonomy=taxonomy).post("/v1/classify", files={"files": photo})
    assert answer.json()["results"][0]["code"] == "D1"


def test_a_file_that_is_no_image_is_an_entry(client: TestClient, photo: bytes) -> None:
    files = [("files", ("a.png", photo)), ("files", ("b.txt", b"text")), ("files", ("c.jpg", b""))]
    answer = client.post("/v1/classify", files=files)
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [one.get("error", {}).get("code") for one in results] == [None, "not-an-image", "empty"]
    assert results[1]["file"] == "b.txt"
    assert results[0]["class"] == "dress"


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "<script>alert(1)</script>", "nul\0.png", "n" * 400, "C:\\a.png", "ä\u202e.png"]
)
def test_names_are_repeated_as_text_and_reach_no_disk(
    client: TestClient, photo: bytes, name: str, tmp_path: Path
) -> None:
    before = sorted(tmp_path.rglob("*"))
    answer = client.post("/v1/classify", files={"files": (name, photo)})
    assert answer.status_code == 200
    (result,) = answer.json()["results"]
    assert result["class"] == "dress"
    assert len(result["file"]) <= 300
    assert "\0" not in result["file"]
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("content_type", "body", "status", "code"),
    [
        ("application/json", b"{}", 415, "not-a-form"),
        ("", b"x", 415, "not-a-form"),
        ("multipart/form-data", b"x", 400, "invalid-form"),
        (FORM, b"", 400, "invalid-form"),
        (FORM, b"nonsense", 400, "invalid-form"),
        (FORM, b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n", 400, "invalid-form"),
        (FORM, b'--b\r\nContent-Disposition: form-data; name="files"\r\n\r\ntext\r\n--b--\r\n', 400, "no-files"),
        (FORM, part(b"x", field="photos") + b"--b--\r\n", 400, "no-files"),
        (FORM, 65 * part(b"x") + b"--b--\r\n", 400, "invalid-form"),
        (FORM, b"--b\r\nA: " + 100_000 * b"a" + b"\r\n\r\n\r\n--b--\r\n", 400, "invalid-form"),
        (FORM + "\xff; charset=nonsense", part(b"x") + b"--b--\r\n", 400, "invalid-form"),
    ],
)
def test_bad_forms(client: TestClient, content_type: str, body: bytes, status: int, code: str, photo: bytes) -> None:
    headers = {"Content-Type": content_type.encode("latin-1")}
    answer = client.post("/v1/classify", content=body, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:clothier:problem:{code}")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert client.post("/v1/classify", files={"files": photo}).status_code == 200


@pytest.mark.parametrize("end", [b"", b"--b", b"--b\r\n", b'--b\r\nContent-Disposition: form-data; name="files"; file'])
def test_a_form_that_ends_early_is_refused_whole(client: TestClient, photo: bytes, end: bytes) -> None:
    answer = client.post("/v1/classify", content=part(photo) + part(photo) + end, headers={"Content-Type": FORM})
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:clothier:problem:invalid-form")
    assert "boundary" in answer.json()["detail"]


@pytest.mark.parametrize("top", ["0", "21", "x", "", "1e9", "%00"])
def test_bad_numbers_of_classes(client: TestClient, photo: bytes, top: str) -> None:
    answer = client.post(f"/v1/classify?top={top}", files={"files": photo})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "query.top"


def test_a_body_that_says_it_is_too_large(open_client: OpenClient, photo: bytes) -> None:
    client = open_client(limits={"upload_bytes": 1000})
    answer = client.post("/v1/classify", files={"files": 2000 * b"x"})
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:clothier:problem:too-large")
    assert client.post("/v1/classify", files={"files": photo}).status_code == 200


def test_a_body_that_is_larger_than_it_says(open_client: OpenClient) -> None:
    def stream():
        yield part(2000 * b"x")

    client = open_client(limits={"upload_bytes": 1000})
    answer = client.post("/v1/classify", content=stream(), headers={"Content-Type": FORM})
    assert answer.status_code == 413


def test_uploads_beyond_the_memory_for_all(open_client: OpenClient, photo: bytes) -> None:
    client = open_client(limits={"upload_bytes": 1000, "held_bytes": 1500})
    guard = client.app.middleware_stack
    while type(guard).__name__ != "BodyGuard":
        guard = guard.app
    guard.held = 1400
    answer = client.post("/v1/classify", files={"files": 600 * b"x"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert guard.held == 1400, "what was refused is not held"
    guard.held = 0
    assert client.post("/v1/classify", files={"files": photo}).status_code == 200


def test_a_full_queue(open_client: OpenClient, photo: bytes) -> None:
    client = open_client(limits={"waiting_photos": 2})
    answer = client.post("/v1/classify", files=3 * [("files", photo)])
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:clothier:problem:busy")
    assert int(answer.headers["Retry-After"]) >= 1
    assert client.post("/v1/classify", files=2 * [("files", photo)]).status_code == 200


def test_an_answer_that_takes_too_long(open_client: OpenClient, photo: bytes) -> None:
    client = open_client(limits={"answer_seconds": 0})
    answer = client.post("/v1/classify", files={"files": photo})
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:clothier:problem:too-slow")


def test_an_answer_names_the_model_that_classified(
    client: TestClient,
    photo: bytes,
    tmp_path: Path,
    color_bundle: Callable[..., Bundle],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    services, run = client.app.state.services, PhotoQueue._run
    before = services.rules.model
    other = load(color_bundle(tmp_path / "other", {"coat": (0, 0, 0), "gown": (9, 9, 9)}).path)

    async def promote_meanwhile(*arguments: Any) -> Any:
        services.served = ServedModel("other", TaggingRules(other), None)
        return await run(*arguments)

    monkeypatch.setattr(PhotoQueue, "_run", promote_meanwhile)
    answer = client.post("/v1/classify", files={"files": photo})
    (result,) = answer.json()["results"]
    assert (answer.json()["model"]["digest"], result["model"], result["class"]) == (before.digest, before.name, "dress")
    assert answer.headers["Clothier-Model"] == f"{before.name}; digest={before.digest[:16]}"
    assert client.get("/healthz").headers["Clothier-Model"].startswith(f"{other.name};")
