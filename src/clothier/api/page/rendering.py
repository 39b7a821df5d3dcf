"""From templates to responses."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from fastapi.responses import HTMLResponse, RedirectResponse, Response
from markupsafe import Markup

from clothier.api.addresses import item_url, photo_url, segment
from clothier.api.page.assets import asset
from clothier.api.page.compression import VARY, compress
from clothier.api.page.visits import FIELD, HEADER, is_from_other_site, set_cookie
from clothier.api.settings import MIB
from clothier.report.formatting import format_percent
from clothier.report.jinja_environment import strict_environment
from clothier.untrusted import printable

if TYPE_CHECKING:
    import jinja2
    from starlette.requests import Request

    from clothier.api.page.visits import Visit

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",  # with no-referrer, forms would have the origin "null"
    "Vary": f"HX-Request, {VARY}",
}
HTMX = {
    "allowEval": False,
    "includeIndicatorStyles": False,
    "selfRequestsOnly": True,
    "historyCacheSize": 0,  # pages of a catalogue are not left in the browser's storage
    "defaultSettleDelay": 0,  # htmx's 20 ms: a key pressed in them sent the form as if there were no htmx
    "responseHandling": [
        {"code": "204", "swap": False},
        {"code": "[23]..", "swap": True},
        {"code": "[45]..", "swap": True, "error": True, "target": "#problem", "swapOverride": "innerHTML"},
    ],
}
"""Settings of htmx: nothing that the policy refuses, and errors are shown as a message."""

CURL = "curl"
CURL_WITH_KEY = """curl -H "Authorization: Bearer $KEY\""""


@dataclass(frozen=True, slots=True)
class Link:
    """An entry of the navigation."""

    title: str
    path: str


@cache
def jinja_env() -> jinja2.Environment:
    """Templates of ``api/page/templates/``, with the filters and names that they use."""
    environment = strict_environment("clothier.api.page")
    environment.filters.update(prose=_prose, percent=format_percent, number="{:,}".format, file_size=_file_size)
    environment.filters.update(lines=_lines, argument=_argument, segment=segment)
    environment.globals.update(asset=asset, photo_url=photo_url, item_url=item_url, htmx_config=HTMX)
    return environment


def render(request: Request, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """A page, or a fragment for htmx."""
    visit: Visit | None = getattr(request.state, "visit", None)
    needs_keys = request.app.state.services.settings.needs_keys
    text = jinja_env().get_template(template).render(
        **context,
        path=request.url.path,
        links=request.app.state.links,
        caller=visit.caller if visit else None,
        can_sign_out=visit is not None and visit.can_sign_out,
        token_headers={HEADER: visit.token} if visit else {},
        csrf_field=lambda: _hidden_field(visit),
        base_url=request.base_url,
        curl=CURL_WITH_KEY if needs_keys else CURL,
        reviewer_field={} if needs_keys else {"reviewer": "NAME"},  # a key has a name of its own
    )  # fmt: skip
    response = HTMLResponse(text, status, HEADERS)
    compress(request, response)
    if visit and visit.is_new and not is_from_other_site(request):
        set_cookie(request, response, visit.secret)
    return response


def is_htmx(request: Request) -> bool:
    """Whether a part of a page is wanted."""
    return request.headers.get("hx-request") == "true"


def redirect(request: Request, path: str) -> Response:
    """Continues at another page of this server, after a form."""
    if is_htmx(request):
        return Response(status_code=204, headers={"HX-Redirect": path})
    return RedirectResponse(path, 303)


def _prose(text: str) -> Markup:
    """A sentence of ours, whose `commands` are set as such; everything is escaped."""
    parts = printable(text).split("`")
    code = Markup("<code>{}</code>")
    return Markup().join(code.format(part) if index % 2 else part for index, part in enumerate(parts))


def _lines(text: str) -> Markup:
    """Several lines, of which each is shown as other texts are."""
    return Markup("\n").join(map(printable, text.split("\n")))


def _argument(value: Any) -> str:
    """``value`` as JSON, quoted for a shell: people copy commands, and the id of a photo may be a command, too."""
    return shlex.quote(json.dumps(value))


def _file_size(n: int) -> str:
    """``1 GiB`` or ``65 MiB``."""
    return f"{n / MIB / 1024:.3g} GiB" if n >= 1024 * MIB else f"{n / MIB:.3g} MiB"


def _hidden_field(visit: Visit | None) -> Markup:
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, visit.token if visit else "")
