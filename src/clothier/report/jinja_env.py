"""How every page is set: one environment of templates, in which a name that is missing is a fault."""

from __future__ import annotations

import jinja2

from clothier.report import formatting


def jinja_env() -> jinja2.Environment:
    """Templates of ``report/templates/``, everything escaped, with the filters that turn figures into words."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("clothier.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        percent=formatting.format_percent,
        points=formatting.format_points,
        duration=formatting.format_duration,
        number=formatting.format_count,
        rows=formatting.flatten,
    )
    return environment
