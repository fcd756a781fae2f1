"""The edge's own pages on an artifact's host: a link that is looked at and opened, a password that is asked for.

Only a POST that comes from the host itself opens anything: mail scanners and previews of messengers only look. What is
refused is refused in the same words, whatever the reason.
"""

from collections.abc import Mapping
from urllib.parse import quote

from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.core.handlers.wsgi import WSGIRequest
from django.template.loader import render_to_string
from django.utils.http import url_has_allowed_host_and_scheme

from artifacts import actions
from artifacts.actions.links import OPEN_PATH
from artifacts.selectors import Site
from edge import cookies, hosts
from edge.answers import OWN_POLICY, Answer, Asked, Headers, text
from hq.authz.actor import Origin
from hq.lib.errors import Problem, TooMany
from hq.web.request import origin

BELOW = "/_hq/"
PASSWORD_PATH, STYLE_PATH = "/_hq/password", "/_hq/style.css"
BODY_MOST = 16 * 1024
STYLE = "edge/style.css"
_FORM = "application/x-www-form-urlencoded"


class _NotOurForm(Problem):
    """This form was sent from somewhere else. Open the address again and try from there."""

    status = 403


def answer(site: Site, asked: Asked) -> Answer:
    """Whatever is asked below /_hq/."""
    if asked.path == STYLE_PATH and asked.method != "POST":
        style = render_to_string(STYLE)
        return _page(200, style, ("Content-Type", "text/css; charset=utf-8"), keep="public, max-age=300")
    if not site.protected:
        return text(404)
    try:
        return _at_the_door(site, asked)
    except actions.LinkCannotBeOpened:
        return _html(404, "edge/dead.html", site)
    except TooMany as problem:
        seconds = int(problem.wait or 0) + 1
        page = _html(429, "edge/wait.html", site, {"problem": problem, "seconds": seconds})
        page.headers.append(("Retry-After", str(seconds)))
        return page


def _at_the_door(site: Site, asked: Asked) -> Answer:
    posted = asked.method == "POST"
    if asked.path == OPEN_PATH:
        return _open(site, asked) if posted else _offer(site, asked)
    if asked.path == PASSWORD_PATH and site.by_password:
        return _enter(site, asked) if posted else _ask(site, 200, "/")
    return text(404)


def closed(site: Site, asked: Asked) -> Answer:
    """For who has not come in: the form where there is a password, else the way to a link."""
    if asked.method == "POST":
        return text(403, b"Open this address in a browser first.\n")
    if site.by_password:
        return _ask(site, 403, asked.path.encode("latin-1").decode("utf-8", "replace"))
    return _html(403, "edge/link_needed.html", site)


def _offer(site: Site, asked: Asked) -> Answer:
    token = _request(asked).GET.get("t", "")
    offer = actions.look_at_link(site=site, token=token, origin=origin_of(asked))
    context = {
        "offer": offer,
        "token": token,
        "action": OPEN_PATH,
        "address": origin_of(asked).ip,
        "hours": cookies.LONGEST // 3600,
    }
    return _html(200, "edge/offer.html", site, context)


def _open(site: Site, asked: Asked) -> Answer:
    token = _form(site, asked).get("t", "")
    opened_at = actions.open_link(site=site, token=token, origin=origin_of(asked))
    return _let_in(cookies.mint(site, opened_at), "/")


def _ask(site: Site, status: int, wanted: str, wrong: str = "") -> Answer:
    return _html(status, "edge/password.html", site, {"next": _own(wanted), "wrong": wrong, "action": PASSWORD_PATH})


def _enter(site: Site, asked: Asked) -> Answer:
    form = _form(site, asked)
    wanted = _own(form.get("next", "/"))
    try:
        actions.enter_password(site=site, password=form.get("password", ""), origin=origin_of(asked))
    except actions.WrongPassword as problem:
        return _ask(site, 403, wanted, str(problem))
    return _let_in(cookies.mint(site), wanted)


def _let_in(values: dict[str, str], where: str) -> Answer:
    headers: Headers = [
        ("Location", quote(where)),
        ("Content-Length", "0"),
        ("Cache-Control", "no-store"),
        ("Referrer-Policy", "no-referrer"),
    ]
    return Answer(303, [*headers, *cookies.headers(values)])


def _own(wanted: str) -> str:
    """A path of this host to go on to, or its first page: nobody is sent elsewhere, nor to a page of ours."""
    if not url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) or not wanted.startswith("/"):
        return "/"
    return "/" if wanted.startswith(BELOW) else wanted


def _request(asked: Asked) -> WSGIRequest:
    return WSGIRequest(asked.environ)


def origin_of(asked: Asked) -> Origin:
    """Address, agent and id of a request, as the portal tells them."""
    return origin(_request(asked))


def _form(site: Site, asked: Asked) -> Mapping[str, str]:
    """The fields of a small form that this very host has shown. Raises _NotOurForm, Problem."""
    said = asked.header("HTTP_ORIGIN")
    if (said and said not in hosts.origins_of(site.label)) or asked.header("HTTP_SEC_FETCH_SITE") not in {
        "",
        "same-origin",
    }:
        raise _NotOurForm
    length = asked.environ.get("CONTENT_LENGTH") or "0"
    if (
        not length.isdecimal()
        or int(length) > BODY_MOST
        or asked.environ.get("CONTENT_TYPE", "").partition(";")[0] != _FORM
    ):
        raise _NotOurForm
    try:
        return _request(asked).POST.dict()
    except (BadRequest, RequestDataTooBig, SuspiciousOperation, OSError):
        raise _NotOurForm from None


def _html(status: int, template: str, site: Site, context: Mapping[str, object] | None = None) -> Answer:
    page = render_to_string(template, {"site": site, "style": STYLE_PATH, **(context or {})})
    return _page(status, page, ("Content-Type", "text/html; charset=utf-8"))


def _page(status: int, page: str, kind: tuple[str, str], keep: str = "no-store") -> Answer:
    """A page with a form names its origin: with `no-referrer` a browser says that the form comes from "null"."""
    body = page.encode()
    headers: Headers = [
        kind,
        ("Content-Length", str(len(body))),
        ("Cache-Control", keep),
        ("Content-Security-Policy", OWN_POLICY),
        ("Referrer-Policy", "strict-origin"),
    ]
    return Answer(status, headers, [body])
