"""The Jinja environment of all pages and of the model card."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import jinja2
from markupsafe import Markup

from clothier.report import formatting
from clothier.report.captioned_figure import inline_svg
from clothier.report.figures.comparison import comparison_summary, mcnemar_summary
from clothier.report.reference_study import REFERENCE_URL
from clothier.report.style import DARK, LIGHT

if TYPE_CHECKING:
    from clothier.report.captioned_figure import CaptionedFigure


@cache
def jinja_env() -> jinja2.Environment:
    """Templates of ``report/templates/``. An undefined name is an error; HTML is escaped, Markdown is not."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("clothier.report"),
        autoescape=jinja2.select_autoescape(("html.j2", "css.j2"), default_for_string=True),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        percent=formatting.format_percent,
        points=formatting.format_points,
        duration=formatting.format_duration,
        number=formatting.format_count,
        rows=formatting.flatten,
        cell=lambda text: text.replace("|", r"\|"),
    )
    environment.globals.update(
        inline_svg=_inline_svg,
        comparison_summary=comparison_summary,
        mcnemar_summary=mcnemar_summary,
        light=LIGHT,
        dark=DARK,
        reference_url=REFERENCE_URL,
    )
    return environment


def _inline_svg(captioned: CaptionedFigure, name: str) -> Markup:
    return Markup(inline_svg(captioned, name))  # noqa: S704  # our own SVG, its alt text is quoted
