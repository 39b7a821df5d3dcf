"""The workflows that only remember are called as the real ones can be."""

from __future__ import annotations

import inspect
import sys
from dataclasses import fields
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from clothier.workflows import train, tune

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import FakeWorkflows

NAMES = {
    "data": ["prepare"],
    "train": ["train", "resume", "options_from_config"],
    "evaluate": ["evaluate"],
    "calibrate": ["calibrate"],
    "compare": ["compare"],
    "explore": ["explore"],
    "predict": ["predict"],
    "study": ["study", "resume_study"],
    "tune": ["tune", "resume_tune"],
}
REAL: dict[str, Callable[..., object]] = {
    name: getattr(import_module(f"clothier.workflows.{module}"), name)
    for module, names in NAMES.items()
    for name in names
}


@pytest.mark.parametrize(("module", "name"), [(module, name) for module, names in NAMES.items() for name in names])
def test_each_takes_what_the_real_one_takes(workflows: FakeWorkflows, module: str, name: str) -> None:
    fake = inspect.signature(getattr(sys.modules[f"clothier.workflows.{module}"], name)).parameters
    real = inspect.signature(REAL[name]).parameters
    for parameter in fake.values():
        assert parameter.name in real
        taken = real[parameter.name].kind
        assert taken in (parameter.kind, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        if parameter.default is not inspect.Parameter.empty:
            assert parameter.default == real[parameter.name].default
    needed = {one.name for one in real.values() if one.default is inspect.Parameter.empty}
    assert needed <= set(fake)


@pytest.mark.parametrize("real", [train.TrainOptions, tune.TuneOptions], ids=lambda one: one.__name__)
def test_options(workflows: FakeWorkflows, real: Any) -> None:
    module = real.__name__.removesuffix("Options").lower()
    fake = getattr(sys.modules[f"clothier.workflows.{module}"], real.__name__)
    assert [(one.name, one.default) for one in fields(fake)] == [(one.name, one.default) for one in fields(real)]
