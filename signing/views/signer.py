"""How a signer comes in: the link, the code, and the cookie. No account, no third party, nothing that a cache keeps.

The address of a link leads to whoever was asked, and a code by mail shows that it is they. Both become a cookie that
scripts cannot read, one for each signer and sent below /sign only, and lead to an address that holds no secret.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import cast
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.shortcuts import render
from django.urls import reverse

from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Problem
from hq.web.errors import answer, ask_to_wait
from hq.web.portal import own_context, public
from hq.web.request import identify, origin
from signing import selectors
from signing.actions import acts, door
from signing.actions.acts import Standing, actor_of
from signing.actions.door import SESSION_LIFE
from signing.actions.faults import LinkCannotBeOpened, TooManyCodes, WrongCode
from signing.actions.inbox import name_of
from signing.models import Agreement, Brand, Signer

# One cookie a signer, so that a second document takes nothing away from the first. The prefix needs HTTPS.
COOKIE = ("__Secure-" if settings.SECURE else "") + "hq-sign-"
BELOW = "/sign/"
HEADERS = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow"}
# No address goes anywhere. A page with a form names at least its origin, or the CSRF check must refuse the form.
SILENT, ORIGIN_ONLY = "no-referrer", "strict-origin"
READS = {"GET", "HEAD"}

View = Callable[..., HttpResponseBase]
READING = frozenset({"read", "sign", "look"})  # the phases in which the document is to be read
_gzip = GZipMiddleware(lambda _: HttpResponse())
State = Signer.State


@dataclass(frozen=True, slots=True)
class Here:
    """A signer in their browser, and what they were asked for."""

    standing: Standing
    signer: Signer
    agreement: Agreement
    owner: str  # the organization's name

    @property
    def phase(self) -> str:
        """What the page is: `read` before consent, `sign` after it, `look` for viewers, or what became of it."""
        agreement, signer = self.agreement, self.signer
        if signer.state in {State.DELEGATED, State.DECLINED}:
            return str(signer.state)
        if agreement.state in {Agreement.State.SIGNED, Agreement.State.SEALED}:
            return str(agreement.state)
        if agreement.state != Agreement.State.SENT:
            return str(agreement.state)
        if agreement.expires_at is None or agreement.expires_at <= now():
            return "expired"
        if not signer.acts:
            return "look"
        return {State.SIGNED: "waiting", State.CONSENTED: "sign"}.get(State(signer.state), "read")

    @property
    def may_keep(self) -> bool:
        """Whether the document is theirs to take along. What ended before they saw it, they do not see: it may have
        been withdrawn because it went to the wrong person.
        """
        if self.signer.state == State.DELEGATED:
            return False
        return self.phase not in {"voided", "expired", "declined"} or self.signer.viewed_at is not None

    @property
    def verb(self) -> str:
        return "Approve" if self.signer.kind == Signer.Kind.APPROVER else "Sign"

    @property
    def label(self) -> str:
        """The words of the button that signs. The chain says that it was these."""
        return f"{self.verb} “{self.agreement.title}”"


def note_seen(request: HttpRequest, here: Here) -> None:
    """The document is served, on the page or as a file: they have it before them."""
    if request.method == "GET" and here.phase in READING:
        with transaction.atomic(durable=True), tenant(here.agreement.organization_id):
            acts.view_document(here.standing)


def for_signers(*methods: str) -> Callable[[View], View]:
    """Neutral refusals and careful headers; the view opens the tenant itself."""

    def around(view: View) -> View:
        @wraps(view)
        def inner(request: HttpRequest, *args: str, **kwargs: str) -> HttpResponseBase:
            if request.method not in methods:
                response: HttpResponseBase = HttpResponse(status=405, headers={"Allow": ", ".join(methods)})
            else:
                response = _answered(view, request, args, kwargs)
            for name, value in HEADERS.items():
                response.headers[name] = value
            response.headers.setdefault("Referrer-Policy", SILENT)
            return _compressed(request, response)

        return own_context(public(inner))  # type: ignore[type-var]  # a view all the same

    return around


def _compressed(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Pages alone: a signer may be on a slow line. Nobody else chooses a word of them, their CSRF token is another one
    each time, and Django adds a length by chance, so sizes tell nothing (BREACH).
    """
    if isinstance(response, HttpResponse) and response.headers.get("Content-Type", "").startswith("text/html"):
        return _gzip.process_response(request, response)
    return response


def _answered(view: View, request: HttpRequest, args: tuple[str, ...], kwargs: dict[str, str]) -> HttpResponseBase:
    try:
        return view(request, *args, **kwargs)
    except LinkCannotBeOpened:
        return render(request, "signing/signer/dead.html", status=404)
    except Problem as problem:
        return answer(request, problem)


def page(request: HttpRequest, name: str, context: dict[str, object], refused: Problem | None = None) -> HttpResponse:
    """A page with a form; with what was wrong, its status too. `organization_id` is whose page it is."""
    organization_id = cast("UUID", context["organization_id"])
    with tenant(organization_id):
        brand = Brand.objects.filter(organization_id=organization_id).first()
    context = context | {"host": request.get_host(), "refused": refused, "brand": brand}
    response = render(request, f"signing/signer/{name}.html", context, status=refused.status if refused else 200)
    response.headers["Referrer-Policy"] = ORIGIN_ONLY
    ask_to_wait(response, refused.wait if refused else None)
    return response


def go(name: str, **named: object) -> HttpResponse:
    return HttpResponse(status=303, headers={"Location": reverse(name, kwargs=named)})


def keep_session(response: HttpResponse, about: UUID, token: str) -> HttpResponse:
    """Lax, not Strict: whoever comes back from the mail shall not have to show again who they are."""
    response.set_cookie(
        COOKIE + about.hex[-12:],
        token,
        max_age=int(SESSION_LIFE.total_seconds()),
        path=BELOW,
        secure=settings.SECURE,
        httponly=True,
        samesite="Lax",
    )
    return response


def session_token(request: HttpRequest, about: UUID) -> str:
    """What the browser holds for a signer, or for an organization's documents."""
    return request.COOKIES.get(COOKIE + about.hex[-12:], "")


def arrive(request: HttpRequest, signer_id: UUID) -> Here:
    """Who is in front of the page. Raises LinkCannotBeOpened."""
    standing = door.standing_of(
        session_token=session_token(request, signer_id), signer_id=signer_id, origin=origin(request)
    )
    owner = name_of(standing.organization_id)
    with tenant(standing.organization_id):
        signer = selectors.find_signer(standing.organization_id, signer_id)
        if signer is None:
            raise LinkCannotBeOpened
        identify(request, actor_of(signer.agreement, signer, standing))  # for the access log
        return Here(standing, signer, signer.agreement, owner)


@for_signers("GET", "HEAD", "POST")
def link(request: HttpRequest, token: str) -> HttpResponseBase:
    """Says who asks; only buttons do anything. Mail scanners follow addresses, they press nothing."""
    if request.method != "POST":
        return _offer(request, token)
    asked = request.POST.get("act", "")
    try:
        if asked == "send":
            door.send_code(token=token, origin=origin(request))
            return HttpResponse(status=303, headers={"Location": f"{request.path}?code=sent"})
        invited = door.look_at_link(token=token)
        made = door.enter(token=token, code=request.POST.get("code", ""), origin=origin(request))
    except (WrongCode, TooManyCodes) as refused:
        return _offer(request, token, refused)
    return keep_session(go("sign", signer_id=invited.signer.id), invited.signer.id, made)


def _offer(request: HttpRequest, token: str, refused: Problem | None = None) -> HttpResponse:
    invited = door.look_at_link(token=token)
    signer, agreement = invited.signer, invited.agreement
    owner = name_of(agreement.organization_id)
    typing = request.GET.get("code", "") or request.POST.get("act") == "enter"
    context: dict[str, object] = {
        "owner": owner,
        "organization_id": agreement.organization_id,
        "sender": agreement.created_by_label,
        "address": masked(signer.email),
        "expires_at": agreement.expires_at if agreement.state == Agreement.State.SENT else None,
        "by_code": signer.method != Signer.Method.LINK,
        "typing": bool(typing) and signer.method != Signer.Method.LINK,
        "gap": door.CODE_GAP,
        "minutes": int(door.CODE_LIFE.total_seconds() // 60),
        "here": request.path,
    }
    return page(request, "link", context, refused)


def masked(email: str) -> str:
    """Enough to know one's own address by, and too little to learn another's."""
    local, _, name = email.partition("@")
    return f"{local[:1]}•••@{name}"
