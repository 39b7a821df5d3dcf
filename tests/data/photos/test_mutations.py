"""300 of the 10,000 mutated files of ``make soak``."""

from tests.soak.photos import MAX_MEMORY, MAX_SECONDS, Outcome, mutate, originals, run


def test_each_mutated_file_gives_an_answer_or_a_named_error() -> None:
    outcomes = run(range(300))
    assert [one for one in outcomes if not one.is_good] == []
    assert {one.outcome for one in outcomes} >= {"image", "truncated", "too-large", "not-an-image"}


def test_mutations_are_the_same_every_time_and_cover_all_formats() -> None:
    assert mutate(41) == mutate(41)
    assert {name.split("-")[0] for name in originals()} >= {"png", "jpeg", "webp", "avif", "tiff", "bmp", "gif"}


def test_limits() -> None:
    assert Outcome("a", "image", 0.1, 10**8).is_good
    assert not Outcome("a", "image", MAX_SECONDS, 0).is_good
    assert not Outcome("a", "truncated", 0.1, MAX_MEMORY).is_good
    assert not Outcome("a", "ZeroDivisionError()").is_good
