"""The pages of a signer who has shown who they are: read, agree to sign electronically, sign, and what became of it."""

from collections.abc import Callable, Mapping
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from hq.db.context import tenant
from hq.lib.errors import Denied, Invalid, Problem, Refused
from signing import consents, selectors
from signing.actions import acts, passkeys
from signing.actions.values import HOWS
from signing.models import Agreement, Signer
from signing.views.signer import READING, Here, arrive, for_signers, go, note_seen, page
from signing.views.signer_form import sheet_of, signature_of, values_of, values_sent

# What the page says where nothing is to be done.
HEADINGS = {
    "waiting": "You have signed",
    "signed": "Everybody has signed; the document is being sealed",
    "sealed": "Everybody has signed",
    "declined": "Somebody has declined",
    "delegated": "You have handed this on",
    "expired": "The time to sign is over",
    "voided": "This was withdrawn by its sender",
}
HOW_WORDS = {"typed": "Type it", "drawn": "Draw it", "uploaded": "Upload a picture"}


@for_signers("GET", "HEAD")
def read(request: HttpRequest, signer_id: UUID) -> HttpResponseBase:
    """The document, with what is to be done now; or what became of it."""
    here = arrive(request, signer_id)
    response = show(request, here)
    note_seen(request, here)
    return response


def show(
    request: HttpRequest,
    here: Here,
    *,
    refused: Problem | None = None,
    sent: Mapping[str, str] | None = None,
) -> HttpResponse:
    """The one page of a signer, as it is in its phase."""
    if here.phase not in READING:
        return page(request, "state", _common(here) | {"heading": _heading(here)}, refused)
    sheet = sheet_of(here, sent, refused if isinstance(refused, Invalid) else None)
    context = _common(here) | {
        "sheet": sheet,
        "signs": here.signer.kind == Signer.Kind.SIGNER,
        "consent": consents.current(here.agreement.language),
        "hows": [(how, HOW_WORDS[how]) for how in HOWS],
        "may_use_passkey": here.standing.method != Signer.Method.LINK,
        "needs_passkey": here.signer.method == Signer.Method.PASSKEY,
        "kept": request.GET.get("kept", ""),
    }
    return page(request, "read", context, refused)


def _heading(here: Here) -> str:
    if here.phase == "waiting" and here.signer.kind == Signer.Kind.APPROVER:
        return "You have approved"
    if here.signer.state == Signer.State.DECLINED:
        return "You have declined"
    return HEADINGS[here.phase]


def _common(here: Here) -> dict[str, object]:
    with tenant(here.agreement.organization_id):
        others = selectors.list_signers(here.agreement)
    return {
        "here": here,
        "owner": here.owner,
        "agreement": here.agreement,
        "signer": here.signer,
        "phase": here.phase,
        "people": others,
        "waits_for": [one for one in others if one.acts and not one.is_done],
        "is_pdf": here.agreement.source == Agreement.Source.PDF,
        "base": settings.BASE_URL,
        "organization_id": here.agreement.organization_id,
    }


@for_signers("POST")
def consent(request: HttpRequest, signer_id: UUID) -> HttpResponseBase:
    """The tick and the button, with the SHA-256 of the words that stood there."""
    here = arrive(request, signer_id)
    if not request.POST.get("agree"):
        fault = Invalid(errors=[{"pointer": "/agree", "detail": "Tick that you agree, or decline."}])
        return show(request, here, refused=fault)
    named = request.POST.get("sha256", "")
    return acted(request, here, lambda: acts.give_consent(here.standing, sha256=named))


@for_signers("POST")
def keep(request: HttpRequest, signer_id: UUID) -> HttpResponseBase:
    """Finish later: what was typed in stays."""
    here = arrive(request, signer_id)
    values = values_sent(here, request)
    done = acted(request, here, lambda: acts.keep_values(here.standing, values=values))
    if done.status_code == 303:
        done.headers["Location"] += "?kept=1"
    return done


@for_signers("POST")
def sign(request: HttpRequest, signer_id: UUID) -> HttpResponseBase:
    """The signature; where a passkey signs too, what it is to sign is kept first."""
    here = arrive(request, signer_id)
    values, signature = values_sent(here, request), signature_of(request)
    if here.signer.method == Signer.Method.PASSKEY or request.POST.get("with") == "passkey":
        return acted(
            request,
            here,
            lambda: passkeys.prepare_signing(here.standing, values=values, signature=signature),
            to="sign_passkey",
        )
    return acted(
        request,
        here,
        lambda: acts.sign_agreement(here.standing, values=values, signature=signature, label=here.label),
    )


@for_signers("GET", "HEAD", "POST")
def passkey(request: HttpRequest, signer_id: UUID) -> HttpResponseBase:
    """What was kept is signed by the signer's own key, which is made first where there is none yet."""
    here = arrive(request, signer_id)
    if request.method != "POST":
        return _ask(request, here)
    answer = request.POST.get("credential", "")
    makes = request.POST.get("act") == "create"
    try:
        if makes:
            _act(here, lambda: passkeys.add_passkey(here.standing, answer=answer))
        else:
            _act(here, lambda: passkeys.sign_with_passkey(here.standing, answer=answer, label=here.label))
    except passkeys.PasskeyRefused as refused:
        return _ask(request, here, refused)
    except (Refused, Invalid) as refused:
        return show(request, arrive(request, signer_id), refused=refused)
    return go("sign_passkey" if makes else "sign", signer_id=signer_id)


def _ask(request: HttpRequest, here: Here, refused: Problem | None = None) -> HttpResponse:
    asked: list[passkeys.Asked] = []
    another = "another" in request.GET
    try:
        _act(here, lambda: asked.append(passkeys.ask_passkey(here.standing, another=another)))
    except (Refused, Invalid) as problem:
        return show(request, here, refused=problem)
    context = _common(here) | {"asked": asked[0], "faults": bool(refused)}
    return page(request, "passkey", context, refused)


@for_signers("GET", "HEAD", "POST")
def decline(request: HttpRequest, signer_id: UUID) -> HttpResponseBase:
    """They will not sign, and say why."""
    here = arrive(request, signer_id)
    if request.method != "POST":
        return _small(request, here, "decline")
    reason = request.POST.get("reason", "")
    return acted(
        request, here, lambda: acts.decline_agreement(here.standing, reason=reason), again=_again(request, "decline")
    )


@for_signers("GET", "HEAD", "POST")
def delegate(request: HttpRequest, signer_id: UUID) -> HttpResponseBase:
    """Somebody else signs in their place."""
    here = arrive(request, signer_id)
    if request.method != "POST":
        return _small(request, here, "delegate")
    given = {name: request.POST.get(name, "") for name in ("name", "email", "reason")}
    return acted(
        request, here, lambda: acts.delegate_signing(here.standing, **given), again=_again(request, "delegate")
    )


def _small(request: HttpRequest, here: Here, name: str, refused: Problem | None = None) -> HttpResponse:
    if here.phase not in READING or not here.signer.acts:
        return show(request, here)
    faults = {one["pointer"][1:]: one["detail"] for one in getattr(refused, "errors", ())}
    return page(request, name, _common(here) | {"faults": faults, "sent": request.POST}, refused)


def _again(request: HttpRequest, name: str) -> Callable[[Here, Problem], HttpResponse]:
    return lambda here, refused: _small(request, here, name, refused)


def acted(
    request: HttpRequest,
    here: Here,
    act: Callable[[], object],
    *,
    to: str = "sign",
    again: Callable[[Here, Problem], HttpResponse] | None = None,
) -> HttpResponse:
    """Do it in one transaction, and go on; or the page again, with what was wrong and what was sent."""
    try:
        _act(here, act)
    except Invalid as refused:
        return again(here, refused) if again else show(request, here, refused=refused, sent=_sent(request))
    except (Refused, Denied) as refused:
        return show(request, arrive(request, here.signer.id), refused=refused)
    return go(to, signer_id=here.signer.id)


def _act(here: Here, act: Callable[[], object]) -> None:
    with transaction.atomic(durable=True), tenant(here.agreement.organization_id):
        act()


def _sent(request: HttpRequest) -> dict[str, str]:
    known = {"how", "text", "initials", "strokes"}
    fields = {f"field-{number}": value for number, value in values_of(request).items()}
    return fields | {name: request.POST[name] for name in known if name in request.POST}
