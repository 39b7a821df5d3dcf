"""The templates' environment: nothing missing is passed over, nothing foreign is taken for markup."""

from __future__ import annotations

import jinja2
import pytest

from clothier.report.jinja_env import jinja_env


def test_a_missing_name_is_a_fault() -> None:
    with pytest.raises(jinja2.UndefinedError, match="'garment' is undefined"):
        jinja_env().from_string("{{ garment }}").render()


def test_names_are_escaped_and_figures_become_words() -> None:
    page = jinja_env().from_string("{{ name }}: {{ n | number }}").render(name="<b>bag", n=70_000)
    assert page == "&lt;b&gt;bag: 70,000"
