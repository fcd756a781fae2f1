"""What anybody may ask of logs: the newest checkpoint of one, a cosignature, and what a mail's link leads to."""

from collections.abc import Callable
from functools import wraps
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from evidence import selectors
from evidence.actions.mailing import confirm_witness, look_at_invitation, stop_witness
from evidence.actions.witnessing import OtherSize, add_checkpoint
from hq.crypto.transparency import MAX_BYTES
from hq.lib.errors import Problem
from hq.web.portal import public

KEPT_SECONDS = 10
NOTE = "text/plain; charset=utf-8"
# As with every link that is a capability: kept by nobody, and named to nobody but our own form.
_HEADERS = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow", "Referrer-Policy": "strict-origin"}

View = Callable[..., HttpResponse]


def in_plain_text(view: View) -> View:
    """Refusals as a line of text, for programs that know no other."""

    @wraps(view)
    def answered(request: HttpRequest, **named: str | UUID) -> HttpResponse:
        try:
            return view(request, **named)
        except OtherSize as refused:
            return HttpResponse(f"{refused.size}\n", status=refused.status, content_type="text/x.tlog.size")
        except Problem as refused:
            return HttpResponse(f"{refused}\n", status=refused.status, content_type=NOTE)

    return answered


@public
@require_safe
@in_plain_text
def checkpoint(request: HttpRequest, environment_id: UUID, log: str) -> HttpResponse:
    """The newest checkpoint of a log (C2SP tlog-checkpoint). One that is not there is as one of somebody else."""
    note = selectors.published_note(environment_id, log)
    return _note(note)


@public
@csrf_exempt
@require_POST
@in_plain_text
def submit(request: HttpRequest) -> HttpResponse:
    """Another log asks for a cosignature (C2SP tlog-witness, add-checkpoint)."""
    return HttpResponse(add_checkpoint(request.read(MAX_BYTES + 1)), content_type=NOTE)


@public
@require_safe
@in_plain_text
def witnessed(request: HttpRequest, origin_hash: str) -> HttpResponse:
    """The newest checkpoint that HQ cosigned of somebody's log, for monitors."""
    return _note(selectors.witnessed_note(origin_hash))


@public
@require_http_methods(["GET", "HEAD", "POST"])
def mail_witness(request: HttpRequest, token: str) -> HttpResponse:
    """Agree to be sent checkpoints, or to be sent no more. Only the button does either."""
    organization, row = look_at_invitation(token)
    act = request.POST.get("act")
    if act == "confirm":
        confirm_witness(token)
        organization, row = look_at_invitation(token)
    if act == "stop":
        stop_witness(token)
    context = {"organization": organization, "witness": row, "stopped": act == "stop"}
    response = render(request, "evidence/mail_witness.html", context)
    for name, value in _HEADERS.items():
        response[name] = value
    return response


def _note(note: str) -> HttpResponse:
    return HttpResponse(
        note,
        content_type=NOTE,
        headers={"Cache-Control": f"public, max-age={KEPT_SECONDS}", "Access-Control-Allow-Origin": "*"},
    )
