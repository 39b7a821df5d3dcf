"""Templates fail on undefined names and escape HTML, but not Markdown."""

from __future__ import annotations

import jinja2
import pytest

from clothier.report.jinja_env import jinja_env


def test_an_undefined_name_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError, match="'name' is undefined"):
        jinja_env().from_string("{{ name }}").render()


def test_html_is_escaped_and_numbers_are_formatted() -> None:
    page = jinja_env().from_string("{{ name }}: {{ n | number }}").render(name="<b>bag", n=70_000)
    assert page == "&lt;b&gt;bag: 70,000"
