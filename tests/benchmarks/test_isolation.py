"""A process of its own: what is set there stays there, and what fails there is told here."""

from __future__ import annotations

import os

import pytest

from benchmarks.isolation import run_in_subprocess
from clothier.errors import UsageError
from clothier.taxonomy import FASHION_MNIST_CLASSES

NAME = "CLOTHIER_TEST_VARIABLE"


def test_function_runs_in_another_process() -> None:
    assert run_in_subprocess(os.getpid) != os.getpid()
    assert run_in_subprocess(max, FASHION_MNIST_CLASSES) == max(FASHION_MNIST_CLASSES)


def test_the_environment_is_the_new_process_and_ours_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "before")
    assert run_in_subprocess(os.getenv, NAME, environment={NAME: "within"}) == "within"
    assert os.environ[NAME] == "before"
    monkeypatch.delenv(NAME)
    assert run_in_subprocess(os.getenv, NAME, environment={NAME: "within"}) == "within"
    assert NAME not in os.environ


def test_errors_propagate_and_the_environment_is_restored() -> None:
    with pytest.raises(UsageError, match=r"^too few$"):
        run_in_subprocess(_fail, "too few", environment={NAME: "within"})
    assert NAME not in os.environ


def _fail(sentence: str) -> None:
    raise UsageError(sentence)
