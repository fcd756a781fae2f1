"""One delivery: what was sent, what came back, how it was signed; sending it again, and sending a test."""

import json
from typing import Any
from uuid import UUID

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseClientRefresh

from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.web.portal import tell, to
from hq.web.request import TenantRequest
from webhooks import actions, selectors
from webhooks.models import Delivery
from webhooks.selectors import Sent
from webhooks.views import recipes, told
from webhooks.views.preview import pretty

BODY_FILE = "body.json"
OFTEN, SELDOM = 2, 30  # seconds between two looks: at one on its way, and at one that waits to be tried again


def delivery(request: TenantRequest, id: UUID, delivery_id: UUID, **where: str) -> HttpResponse:
    """Every attempt, the exact request, and what was signed."""
    sent = selectors.get_delivery(request.actor, id, delivery_id)
    context = {**_attempts(request, sent, where), **_request(request.actor, sent, where)}
    return render(request, "webhooks/delivery.html", context)


def attempts(request: TenantRequest, id: UUID, delivery_id: UUID, **where: str) -> HttpResponse:
    """The attempts alone, for the page that asks again. Once there is another one the whole page is old."""
    sent = selectors.get_delivery(request.actor, id, delivery_id)
    if not request.headers.get("HX-Request"):
        return to("webhooks:delivery", where, id=id, delivery_id=delivery_id)
    context = _attempts(request, sent, where)
    if context["stamp"] != request.GET.get("seen"):
        return HttpResponseClientRefresh()
    return render(request, "webhooks/_tries.html", context)


def _attempts(request: TenantRequest, sent: Sent, where: dict[str, str]) -> dict[str, Any]:
    """What was tried, newest first, and whether more is to come.

    `after` in the address is how many attempts there were when it was sent again by hand: one more ends the waiting.
    """
    row, count = sent.delivery, len(sent.attempts)
    asked = request.GET.get("after", "")
    after = asked if asked.isascii() and asked.isdigit() and len(asked) <= 5 else ""
    again = bool(after) and count <= int(after)
    return {
        "endpoint": row.endpoint,
        "delivery": row,
        "tries": [told.of(each) for each in reversed(sent.attempts)],
        "again": again,
        "after": after,
        "running": again or row.state == Delivery.State.PENDING,
        "every": OFTEN if again or not count else SELDOM,
        "stamp": f"{row.state}.{count}",
        "here": reverse("webhooks:delivery", kwargs={**where, "id": row.endpoint_id, "delivery_id": row.id}),
    }


def _request(actor: Actor, sent: Sent, place: dict[str, Any]) -> dict[str, Any]:
    """The request as it was sent last, and as it is easy to read. Before the first attempt there is only its body."""
    document = json.loads(sent.body)
    context = {"pretty": pretty(sent.body), "raw": sent.body, "base": sent.base}
    if gate.allows(actor, Permission.AUDIT_READ):
        context["event_url"] = reverse("audit_event", kwargs={**place, "index": document["data"]["index"]})
    if not sent.headers:
        return context
    lines = [f"{name}: {value}" for name, value in sent.headers.items()]
    return context | {
        "head": "\n".join([f"POST {sent.delivery.endpoint.url}", *lines]),
        "by_hand": recipes.by_hand(sent.headers["webhook-id"], int(sent.headers["webhook-timestamp"]), BODY_FILE),
    }


def body(request: TenantRequest, id: UUID, delivery_id: UUID, **_: str) -> HttpResponse:
    """The very bytes, to check them elsewhere."""
    sent = selectors.get_delivery(request.actor, id, delivery_id)
    answer = HttpResponse(sent.body, content_type="application/json")
    answer["Content-Disposition"] = f'attachment; filename="{BODY_FILE}"'
    return answer


@require_POST
def replay(request: TenantRequest, id: UUID, delivery_id: UUID, **where: str) -> HttpResponse:
    """Once more, by hand. Goes back to where its result will appear."""
    row = actions.replay_delivery(actor=request.actor, endpoint_id=id, delivery_id=delivery_id)
    tell(request, "It is being sent again. The answer appears here.", where)
    here = reverse("webhooks:delivery", kwargs={**where, "id": id, "delivery_id": delivery_id})
    return HttpResponseRedirect(f"{here}?after={row.attempts}")


@require_POST
def send_test(request: TenantRequest, id: UUID, **where: str) -> HttpResponse:
    """Go where its result will appear."""
    sent = actions.send_test(actor=request.actor, endpoint_id=id)
    tell(request, "A test is on its way. The answer appears here.", where)
    return to("webhooks:delivery", where, id=id, delivery_id=sent.id)
