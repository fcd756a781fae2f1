"""What somebody sees who was sent a link. No account, no third party, nothing that a cache or a search engine keeps.

The address of a link is the capability. Opening it moves the right into a cookie that scripts cannot read and that is
sent below /shared only, and leads to an address that holds no secret.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, wraps
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.db.context import tenant
from hq.lib.errors import NotFound, Problem
from hq.web import transfer
from hq.web.errors import MEDIA_TYPE, answer, ask_to_wait
from hq.web.portal import own_context, public
from hq.web.request import identify, origin
from sharing import actions, selectors
from sharing.actions.guesses import PasswordNeeded, TooManyPasswords, WrongPassword
from sharing.actions.redemption import LinkCannotBeOpened
from sharing.actions.sessions import SessionEnded
from sharing.models import SESSION_LIFE, ShareLink
from sharing.selectors import Pinned, SharedFile
from sharing.views.forms_sent import sent_by_form
from sharing.views.telling import may, what

# One cookie a link, so that opening a second one takes nothing away from the first. The prefix needs HTTPS.
COOKIE = ("__Secure-" if settings.SECURE else "") + "hq-shared-"
COOKIES_READ = 10
BELOW_SHOWN = 200  # of what lies below folders; the archive and the API give the rest
BELOW = "/shared"
HEADERS = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow"}
# No address goes anywhere. A page with a form names at least its origin: with `no-referrer` a browser says that the
# form comes from "null", which the CSRF check must refuse.
SILENT, ORIGIN_ONLY = "no-referrer", "strict-origin"

# Whatever it is, a browser saves it and runs nothing of it.
_SAVED = {"Content-Security-Policy": transfer.SANDBOX, "X-Content-Type-Options": "nosniff"}

View = Callable[..., HttpResponseBase]


@dataclass(frozen=True, slots=True)
class Session:
    """What one cookie stands for."""

    actor: Actor
    link: ShareLink
    pinned: Sequence[Pinned]
    below: Sequence[SharedFile]

    @property
    def files(self) -> list[Pinned | SharedFile]:
        """What can be downloaded, and the chosen files that are not there yet."""
        return [*self.replaceable, *self.below[:BELOW_SHOWN]]

    @property
    def more(self) -> bool:
        return len(self.below) > BELOW_SHOWN

    @property
    def some(self) -> bool:
        """Whether there is anything to download."""
        return any(one.size is not None for one in self.files)

    @property
    def replaceable(self) -> list[Pinned]:
        return [one for one in self.pinned if not one.is_folder]

    @property
    def folders(self) -> list[Pinned]:
        return [one for one in self.pinned if one.is_folder]

    @property
    def what(self) -> str:
        return what([one.path for one in self.pinned])

    @property
    def writable(self) -> bool:
        return gate.allows(self.actor, Permission.OBJECTS_WRITE)


def for_recipients(view: View) -> View:
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

    return own_context(public(inner))  # type: ignore[type-var]  # a view all the same


def _dead(request: HttpRequest) -> HttpResponse:
    """The one page for whatever cannot be opened; a script that sends a file gets the same words as a document."""
    if request.headers.get("Accept", "").startswith(MEDIA_TYPE):
        return answer(request, LinkCannotBeOpened())
    return render(request, "sharing/dead.html", status=404)


@for_recipients
def link(request: HttpRequest, token: str) -> HttpResponseBase:
    """Says what a link would give; only the button opens it. Mail scanners follow addresses, they press nothing."""
    if request.method == "POST":
        try:
            return _open(request, token)
        except (PasswordNeeded, WrongPassword, TooManyPasswords) as refused:
            return _offer(request, token, refused)
    if request.method not in {"GET", "HEAD"}:
        return HttpResponse(status=405, headers={"Allow": "GET, HEAD, POST"})
    return _offer(request, token)


def _offer(request: HttpRequest, token: str, refused: Problem | None = None) -> HttpResponse:
    """The page before opening; again, with what was wrong with the password."""
    offer = actions.look_at_link(token=token, origin=origin(request))
    context = {
        "link": offer.link,
        "pinned": offer.pinned,
        "what": what(offer.paths),
        "can": may(offer.paths, write=offer.link.permission == ShareLink.Level.WRITE),
        "guarded": offer.guarded,
        "owner": offer.organization_name,
        "host": request.get_host(),
        "fingerprint": bytes(offer.link.nonce_digest).hex(),
        "minutes": int(SESSION_LIFE.total_seconds() // 60),
        "address": origin(request).ip,
        "refused": refused,
    }
    page = with_form(render(request, "sharing/offer.html", context, status=refused.status if refused else 200))
    ask_to_wait(page, refused.wait if refused else None)
    return page


def with_form(response: HttpResponse) -> HttpResponse:
    response.headers["Referrer-Policy"] = ORIGIN_ONLY
    return response


def _open(request: HttpRequest, token: str) -> HttpResponse:
    redeemed = actions.redeem_share(token=token, password=request.POST.get("password", ""), origin=origin(request))
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
        pinned = selectors.list_pinned(actor, [pin.path for pin in link.pins.all()])
        return Session(actor, link, pinned, selectors.list_below(actor, limit=BELOW_SHOWN))


def _session_with(request: HttpRequest, path: str) -> Session:
    """The session that holds a path; where two do, the address names the link."""
    wanted = request.GET.get("link", "")
    holding = [session for session in _sessions(request) if gate.gives(session.actor.pinned or (), path)]
    if not holding:
        raise NotFound
    chosen = next((session for session in holding if str(session.link.id) == wanted), holding[0])
    identify(request, chosen.actor)
    return chosen


@for_recipients
def shared(request: HttpRequest) -> HttpResponseBase:
    """The files of every link that this browser opened in the last quarter of an hour."""
    if request.method not in {"GET", "HEAD"}:
        return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
    context = {"sessions": _sessions(request), "host": request.get_host()}
    return with_form(render(request, "sharing/shared.html", context))


@for_recipients
def shared_object(request: HttpRequest, path: str) -> HttpResponseBase:
    """One file: GET and HEAD download it, PUT and the form replace it if the link gives that."""
    if request.method not in {"GET", "HEAD", "PUT", "POST"}:
        return HttpResponse(status=405, headers={"Allow": "GET, HEAD, PUT, POST"})
    session = _session_with(request, path)
    still = partial(actions.still_given, session.actor)
    if request.method in {"GET", "HEAD"}:
        opened = actions.open_shared(actor=session.actor, path=path)
        return transfer.download(request, opened.described, opened.read, still)
    if request.method == "POST":
        for name, body in sent_by_form(request):
            actions.put_shared(actor=session.actor, path=_below(path, name), body=body)
        return redirect("shared")
    body = transfer.body(request, still)
    stored = actions.put_shared(actor=session.actor, path=_below(path, request.GET.get("name", "")), body=body)
    return HttpResponse(status=201 if stored.created else 200, headers={"ETag": stored.version.etag})


def _below(path: str, name: str) -> str:
    """Where a file goes: to the path, or where that is a folder, below it under its own name."""
    return path + name if path.endswith("/") else path


@for_recipients
def archive(request: HttpRequest, link_id: UUID) -> HttpResponseBase:
    """All of a link's files as one zip, written while it is sent. How long it will be is not known before."""
    if request.method not in {"GET", "HEAD"}:
        return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
    actor = _session_of(request, link_id).actor
    pieces = actions.archive_of(actor=actor, still=partial(actions.still_given, actor))
    headers = {"Content-Disposition": f'attachment; filename="shared-{link_id.hex[-6:]}.zip"'} | _SAVED
    if request.method == "HEAD":
        return HttpResponse(headers=headers, content_type="application/zip")
    return StreamingHttpResponse(pieces, headers=headers, content_type="application/zip")


@for_recipients
def receipt(request: HttpRequest, link_id: UUID) -> HttpResponseBase:
    """What was there when the link was opened, signed, with its place in the trail."""
    if request.method not in {"GET", "HEAD"}:
        return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
    name, file = actions.receipt_of_mine(actor=_session_of(request, link_id).actor)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'} | _SAVED
    return HttpResponse(file, headers=headers, content_type="application/json")


def _session_of(request: HttpRequest, link_id: UUID) -> Session:
    """The session of one link. Raises SessionEnded."""
    chosen = next((session for session in _sessions(request) if session.link.id == link_id), None)
    if chosen is None:
        raise SessionEnded
    identify(request, chosen.actor)
    return chosen
