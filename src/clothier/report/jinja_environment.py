"""How all HTML is made: strictly, and escaped."""

from __future__ import annotations

import jinja2

from clothier.untrusted import printable


def strict_environment(package: str, *, keep_trailing_newline: bool = False) -> jinja2.Environment:
    """An environment for the folder ``templates/`` of a package, for HTML and Markdown.

    An undefined name is an error. HTML is escaped in every file, and characters that are not printable are shown as
    escapes.
    """
    return jinja2.Environment(
        loader=jinja2.PackageLoader(package),
        autoescape=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=keep_trailing_newline,
    )
