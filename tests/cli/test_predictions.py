"""The table of predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from rich.console import Console

from clothier.cli import predictions
from clothier.types import ClassProbability, FailedInput, Prediction

if TYPE_CHECKING:
    from clothier.types import Decision

TOP = (ClassProbability("boot", 0.9), ClassProbability("sandal", 0.08))


def make_prediction(
    file: str, decision: Decision | None = "accept", reason: str = "it is sure", **more: Any
) -> Prediction:
    return Prediction(file, TOP, decision, reason, "photo", **more)


def rendered_lines(
    *results: Prediction | FailedInput, width: int = 100, color: bool = False, soft_wrap: bool = False
) -> list[str]:
    system: Literal["standard"] | None = "standard" if color else None
    console = Console(width=width, highlight=False, markup=False, force_terminal=color, color_system=system)
    with console.capture() as capture:
        console.print(predictions.predictions_table([one.to_json() for one in results]), soft_wrap=soft_wrap)
    return capture.get().splitlines()


def test_first_class_has_the_decision_in_its_color() -> None:
    lines = rendered_lines(
        make_prediction("a.jpg"), make_prediction("b.jpg", "review"), make_prediction("c.jpg", "reject"), color=True
    )
    found = {file: next(line for line in lines if file in line) for file in ("a.jpg", "b.jpg", "c.jpg")}
    assert "\x1b[1;32maccept" in found["a.jpg"]
    assert "\x1b[1;33mreview" in found["b.jpg"]
    assert "\x1b[1;31mreject" in found["c.jpg"]
    assert all("accept" not in line for line in lines if "sandal" in line)


def test_long_lines_are_whole_in_a_pipe_and_wrapped_on_a_terminal() -> None:
    reason, limits = "because " * 40 + "end", "guaranteed " * 40 + "end"
    one = make_prediction("a.jpg", reason=reason, limits=limits)
    piped = rendered_lines(one, soft_wrap=True)
    assert piped[0].strip() == ""
    assert piped[1] == f" photo: 1 of 1 accepted. {limits}"
    assert f"  photo: {reason}" in piped
    shown = " ".join(line.strip() for line in rendered_lines(one))
    assert f"photo: 1 of 1 accepted. {limits}" in shown
    assert f"photo: {reason}" in shown


def test_column_of_codes_is_optional() -> None:
    assert not any("Code" in line for line in rendered_lines(make_prediction("a.jpg")))
    lines = rendered_lines(
        make_prediction("a.jpg", code="FOOT"),
        make_prediction("b.png"),
        FailedInput("c.jpg", "empty", "c.jpg is empty."),
    )
    assert any(line.split()[-1:] == ["FOOT"] for line in lines if "a.jpg" in line)
    assert any("could not be read" in line for line in lines if "c.jpg" in line)


def test_notes_and_inputs_that_could_not_be_saved() -> None:
    noted = make_prediction("a.jpg", notes=("The color profile is damaged and was ignored.",))
    lines = rendered_lines(noted, FailedInput("c.jpg", "not-saved", "no space"))
    assert any("a.jpg: The color profile is damaged and was ignored." in line for line in lines)
    assert any("could not be saved" in line for line in lines if "c.jpg" in line)


def test_long_reasons_are_wrapped_between_words() -> None:
    reason = "its probability is below the threshold at which few of the accepted tags are wrong, so review it"
    lines = rendered_lines(make_prediction("a.jpg", reason=reason), width=60)
    assert max(map(len, lines)) <= 60
    assert f"photo: {reason}" in " ".join(" ".join(lines).split())


def test_shared_reason_is_printed_once() -> None:
    lines = rendered_lines(
        *(make_prediction(f"{name}.jpg", reason="Same.") for name in "abc"), make_prediction("d.jpg", reason="Other.")
    )
    assert [line.strip() for line in lines if "photo:" in line] == [
        "a.jpg and 2 more: photo: Same.",
        "d.jpg: photo: Other.",
    ]
