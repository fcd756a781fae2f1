"""All documents of an address in one organization: the address, a code by mail, the list."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from hq.lib.errors import Invalid
from hq.web.request import origin
from signing.actions import door, inbox
from signing.actions.faults import LinkCannotBeOpened, TooManyCodes, WrongCode
from signing.views.signer import for_signers, go, keep_session, page, session_token


@for_signers("GET", "HEAD", "POST")
def documents(request: HttpRequest, organization_id: UUID) -> HttpResponseBase:
    """Who comes with a session sees the list; everybody else is asked for an address, then for the code."""
    owner = inbox.name_of(organization_id)
    if request.method == "POST":
        return _posted(request, organization_id, owner)
    try:
        found = _inbox(request, organization_id)
    except LinkCannotBeOpened:
        return _asking(request, organization_id, owner, "")
    return page(request, "documents", {"owner": owner, "rows": found.rows, "organization_id": organization_id})


def _posted(request: HttpRequest, organization_id: UUID, owner: str) -> HttpResponse:
    email, came_from = request.POST.get("email", "").strip(), origin(request)
    coded = request.POST.get("act") == "enter"
    try:
        if not coded:
            inbox.ask_for_documents(organization_id=organization_id, email=email, origin=came_from)
            return _asking(request, organization_id, owner, email)
        code = request.POST.get("code", "")
        token = inbox.enter_inbox(organization_id=organization_id, email=email, code=code, origin=came_from)
    except (WrongCode, TooManyCodes, Invalid) as refused:
        # An address that is none has no code to be typed in.
        asked_again = coded and not isinstance(refused, Invalid)
        return _asking(request, organization_id, owner, email if asked_again else "", refused=refused, typed=email)
    return keep_session(go("signer_documents", organization_id=organization_id), organization_id, token)


def _asking(
    request: HttpRequest,
    organization_id: UUID,
    owner: str,
    email: str,
    *,
    refused: WrongCode | TooManyCodes | Invalid | None = None,
    typed: str = "",
) -> HttpResponse:
    context: dict[str, object] = {
        "owner": owner,
        "organization_id": organization_id,
        "email": email,
        "typed": typed,
        "gap": door.CODE_GAP,
        "minutes": int(door.CODE_LIFE.total_seconds() // 60),
    }
    return page(request, "documents_code" if email else "documents_ask", context, refused)


@for_signers("POST")
def open_document(request: HttpRequest, organization_id: UUID, signer_id: UUID) -> HttpResponseBase:
    """From the list to one document: who showed that the address is theirs shows nothing again."""
    found = _inbox(request, organization_id)
    token = inbox.open_from_inbox(inbox=found, signer_id=signer_id, origin=origin(request))
    return keep_session(go("sign", signer_id=signer_id), signer_id, token)


def _inbox(request: HttpRequest, organization_id: UUID) -> inbox.Inbox:
    token = session_token(request, organization_id)
    return inbox.open_inbox(organization_id=organization_id, session_token=token)
