"""What somebody sees who was sent a link. No account, no third party, nothing that a cache or a search engine keeps.

The address of a link is the capability. Opening it moves the right into a cookie that scripts cannot read and that is
sent below /shared only, and leads to an address that holds no secret.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, wraps
from io import BytesIO

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse

from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.db.context import tenant
from hq.lib.errors import Invalid, NotFound, Problem
from hq.web import transfer
from hq.web.errors import MEDIA_TYPE, answer
from hq.web.portal import own_context, public
from hq.web.request import identify, origin
from sharing import actions, selectors
from sharing.actions.redemption import LinkCannotBeOpened
from sharing.actions.sessions import SessionEnded
from sharing.models import SESSION_LIFE, ShareLink
from sharing.selectors import SharedFile

# One cookie a link, so that opening a second one takes nothing away from the first. The prefix needs HTTPS.
COOKIE = ("__Secure-" if settings.SECURE else "") + "hq-shared-"
COOKIES_READ = 10
BELOW = "/shared"
HEADERS = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow"}
# No address goes anywhere. A page with a form names at least its origin: with `no-referrer` a browser says that the
# form comes from "null", which the CSRF check must refuse.
SILENT, ORIGIN_ONLY = "no-referrer", "strict-origin"

View = Callable[..., HttpResponseBase]


@dataclass(frozen=True, slots=True)
class Session:
    """What one cookie stands for."""

    actor: Actor
    link: ShareLink
    files: Sequence[SharedFile]

    @property
    def writable(self) -> bool:
        return gate.allows(self.actor, Permission.OBJECTS_WRITE)


def _for_recipients(view: View) -> View:
    """Neutral refusals and careful headers; the view opens the tenant itself."""

    @wraps(view)
    def inner(request: HttpRequest, *args: str, **kwargs: str) -> HttpResponseBase:
        try:
            response = view(request, *args, **kwargs)
        except (LinkCannotBeOpened, SessionEnded):
            response = _dead(request)
        except Problem as problem:
            response = answer(request, problem)
        for name, value in HEADERS.items():
            response.headers[name] = value
        response.headers.setdefault("Referrer-Policy", SILENT)
        return response

    return own_context(public(inner))  # type: ignore[type-var]


def _dead(request: HttpRequest) -> HttpResponse:
    """The one page for whatever cannot be opened; a script that sends a file gets the same words as a document."""
    if request.headers.get("Accept", "").startswith(MEDIA_TYPE):
        return answer(request, LinkCannotBeOpened())
    return render(request, "sharing/dead.html", status=404)


@_for_recipients
def link(request: HttpRequest, token: str) -> HttpResponseBase:
    """Says what a link would give; only the button opens it. Mail scanners follow addresses, they press nothing."""
    if request.method == "POST":
        return _open(request, token)
    if request.method not in {"GET", "HEAD"}:
        return HttpResponse(status=405, headers={"Allow": "GET, HEAD, POST"})
    offer = actions.look_at_link(token=token, origin=origin(request))
    context = {
        "link": offer.link,
        "files": offer.files,
        "owner": offer.organization_name,
        "host": request.get_host(),
        "fingerprint": bytes(offer.link.nonce_digest).hex(),
        "minutes": int(SESSION_LIFE.total_seconds() // 60),
        "address": origin(request).ip,
    }
    return _with_form(render(request, "sharing/offer.html", context))


def _with_form(response: HttpResponse) -> HttpResponse:
    response.headers["Referrer-Policy"] = ORIGIN_ONLY
    return response


def _open(request: HttpRequest, token: str) -> HttpResponse:
    redeemed = actions.redeem_share(token=token, origin=origin(request))
    identify(request, redeemed.actor)  # for the access log
    response = HttpResponse(status=303, headers={"Location": reverse("shared")})
    response.set_cookie(
        COOKIE + redeemed.actor.id.hex[-12:],
        redeemed.session_token,
        max_age=int(SESSION_LIFE.total_seconds()),
        path=BELOW,
        secure=settings.SECURE,
        httponly=True,
        samesite="Strict",
    )
    return response


def _sessions(request: HttpRequest) -> list[Session]:
    """Those of this browser that still work, the last opened first. Raises SessionEnded if none does."""
    tokens = [value for name, value in request.COOKIES.items() if name.startswith(COOKIE)][:COOKIES_READ]
    found = [session for token in tokens if (session := _session(request, token))]
    if not found:
        raise SessionEnded
    found.sort(key=lambda session: str(session.link.opened_at), reverse=True)
    identify(request, found[0].actor)  # for the access log
    return found


def _session(request: HttpRequest, token: str) -> Session | None:
    try:
        actor = actions.open_session(session_token=token, origin=origin(request))
    except SessionEnded:
        return None
    with tenant(actor.organization_id):
        link = selectors.get_opened(actor)
        return Session(actor, link, selectors.list_files(actor, [pin.path for pin in link.pins.all()]))


def _session_with(request: HttpRequest, path: str) -> Session:
    """The session that holds a path; where two do, the address names the link."""
    wanted = request.GET.get("link", "")
    holding = [session for session in _sessions(request) if path in (session.actor.pinned or ())]
    if not holding:
        raise NotFound
    chosen = next((session for session in holding if str(session.link.id) == wanted), holding[0])
    identify(request, chosen.actor)
    return chosen


@_for_recipients
def shared(request: HttpRequest) -> HttpResponseBase:
    """The files of every link that this browser opened in the last quarter of an hour."""
    if request.method not in {"GET", "HEAD"}:
        return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
    context = {"sessions": _sessions(request), "host": request.get_host()}
    return _with_form(render(request, "sharing/shared.html", context))


@_for_recipients
def shared_object(request: HttpRequest, path: str) -> HttpResponseBase:
    """One file: GET and HEAD download it, PUT and the form replace it if the link gives that."""
    if request.method not in {"GET", "HEAD", "PUT", "POST"}:
        return HttpResponse(status=405, headers={"Allow": "GET, HEAD, PUT, POST"})
    session = _session_with(request, path)
    still = partial(actions.still_given, session.actor)
    if request.method in {"GET", "HEAD"}:
        opened = actions.open_shared(actor=session.actor, path=path)
        return transfer.download(request, opened.described, opened.read, still)
    body = transfer.body(request, still) if request.method == "PUT" else _form_body(request)
    stored = actions.put_shared(actor=session.actor, path=path, body=body)
    if request.method == "PUT":
        return HttpResponse(status=201 if stored.created else 200, headers={"ETag": stored.version.etag})
    return redirect("shared")


def _form_body(request: HttpRequest) -> transfer.Body:
    """The file of a form that was sent without a script. It was read into memory, so it is small."""
    sent = request.FILES.get("file")
    if sent is None or sent.size is None:
        limit = settings.FILE_UPLOAD_MAX_MEMORY_SIZE // 1_000_000
        raise Invalid(f"Choose a file. Without scripts it has at most {limit} MB; nothing was kept.")
    source = BytesIO(sent.read())
    chunks = iter(lambda: source.read(transfer.READ_BYTES), b"")
    return transfer.Body(sent.size, None, transfer.media_type(sent.content_type or ""), chunks)
