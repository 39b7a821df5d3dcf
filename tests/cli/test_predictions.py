"""The table of what a model says of pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from rich.console import Console

from clothier.cli import predictions
from clothier.types import ClassProbability, FailedInput, Prediction

if TYPE_CHECKING:
    from clothier.types import Decision

TOP = (ClassProbability("boot", 0.9), ClassProbability("sandal", 0.08))


def make_prediction(
    file: str, decision: Decision | None = "accept", reason: str = "it is sure", **more: str
) -> Prediction:
    return Prediction(file, TOP, decision, reason, "photo", **more)


def rendered_lines(*results: Prediction | FailedInput, width: int = 100, colour: bool = False) -> list[str]:
    system: Literal["standard"] | None = "standard" if colour else None
    console = Console(width=width, highlight=False, markup=False, force_terminal=colour, color_system=system)
    with console.capture() as capture:
        console.print(predictions.predictions_table(results))
    return capture.get().splitlines()


def test_the_decision_stands_beside_the_first_class_in_its_colour() -> None:
    lines = rendered_lines(
        make_prediction("a.jpg"), make_prediction("b.jpg", "review"), make_prediction("c.jpg", "reject"), colour=True
    )
    found = {file: next(line for line in lines if file in line) for file in ("a.jpg", "b.jpg", "c.jpg")}
    assert "\x1b[1;32maccept" in found["a.jpg"]
    assert "\x1b[1;33mreview" in found["b.jpg"]
    assert "\x1b[1;31mreject" in found["c.jpg"]
    assert all("accept" not in line for line in lines if "sandal" in line)


def test_codes_have_a_column_where_there_are_any() -> None:
    assert not any("Code" in line for line in rendered_lines(make_prediction("a.jpg")))
    lines = rendered_lines(
        make_prediction("a.jpg", code="FOOT"),
        make_prediction("b.png"),
        FailedInput("c.jpg", "empty", "c.jpg is empty."),
    )
    assert any(line.split()[-1:] == ["FOOT"] for line in lines if "a.jpg" in line)
    assert any("could not be read" in line for line in lines if "c.jpg" in line)


def test_long_reasons_are_wrapped_between_words() -> None:
    reason = "its probability is below that from where on it is promised that few of the accepted tags are wrong"
    lines = rendered_lines(make_prediction("a.jpg", reason=reason), width=60)
    assert max(map(len, lines)) <= 60
    assert f"photo: {reason}." in " ".join(" ".join(lines).split())


def test_a_reason_of_several_pictures_is_given_once() -> None:
    lines = rendered_lines(
        *(make_prediction(f"{name}.jpg", reason="same") for name in "abc"), make_prediction("d.jpg", reason="other")
    )
    assert [line.strip() for line in lines if "photo:" in line] == [
        "a.jpg and 2 more: photo: same.",
        "d.jpg: photo: other.",
    ]
