"""Uploads in parts from the browser: the same verbs as over /v1, asked by the page's own script."""

from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.http import HttpResponse, JsonResponse
from django.views.decorators.http import require_POST
from rest_framework import serializers

from hq.authz import gate
from hq.authz.permissions import Permission
from hq.db.context import tenant
from hq.lib.errors import Invalid
from hq.web.api import Input
from hq.web.middleware import csp_to
from hq.web.portal import own_context
from hq.web.request import TenantRequest
from vault import actions
from vault.actions import Arrived
from vault.models import EMBEDDED
from vault.serializers import PartsInput, UploadInput, address_body, arrived_body


class BeginInput(UploadInput):
    # The person knows that what arrived before is of another file.
    fresh = serializers.BooleanField(default=False)


class WhichInput(Input):
    id = serializers.UUIDField()


class WhichPartsInput(PartsInput):
    id = serializers.UUIDField()


def _asked(kind: type[Input], request: TenantRequest) -> dict[str, Any]:
    """What the script sent. Raises Denied before it looks at anything, Invalid."""
    with tenant(request.actor.organization_id):
        gate.reach(request.actor, Permission.OBJECTS_WRITE)
    try:
        body = kind(data=orjson.loads(request.body))
    except orjson.JSONDecodeError:
        raise Invalid("This is no JSON.") from None
    if not body.is_valid():
        field, faults = next(iter(body.errors.items()))
        raise Invalid(f"{field}: {faults[0]}")
    return dict(body.validated_data)


def let_parts_travel(request: TenantRequest, page: HttpResponse) -> HttpResponse:
    """The page, whose script may send to the store's own origin too, where parts go there and not to HQ."""
    if settings.STORE != EMBEDDED and (origin := actions.origin_of_parts(actor=request.actor)):
        page["Content-Security-Policy"] = csp_to(origin)
    return page


def _told(found: Arrived, status: int = 200) -> HttpResponse:
    return JsonResponse(arrived_body(found), status=status)


def _now(request: TenantRequest, upload_id: UUID) -> Arrived:
    return actions.look_at_upload(actor=request.actor, upload_id=upload_id)


@own_context
@require_POST
def begin(request: TenantRequest, **where: str) -> HttpResponse:
    """Go on with the open upload of the same file, or begin one."""
    asked = _asked(BeginInput, request)
    fresh = asked.pop("fresh")
    found = None if fresh else actions.find_upload_again(actor=request.actor, **asked)
    if found is not None:
        return _told(found)
    upload = actions.begin_upload(actor=request.actor, **asked)
    return _told(_now(request, upload.id), status=201)


@own_context
@require_POST
def parts(request: TenantRequest, **where: str) -> HttpResponse:
    """Addresses of some parts. HQ's own are given as this page reaches them."""
    asked = _asked(WhichPartsInput, request)
    signed = actions.address_parts(actor=request.actor, upload_id=asked["id"], parts=asked["parts"])
    items = [address_body(one) for one in signed]
    for item in items:
        item["url"] = item["url"].removeprefix(settings.BASE_URL)
    return JsonResponse({"items": items})


@own_context
@require_POST
def state(request: TenantRequest, **where: str) -> HttpResponse:
    """How far one is."""
    return _told(_now(request, _asked(WhichInput, request)["id"]))


@own_context
@require_POST
def complete(request: TenantRequest, **where: str) -> HttpResponse:
    """Make the next version of it."""
    upload = actions.complete_upload(actor=request.actor, upload_id=_asked(WhichInput, request)["id"])
    return _told(_now(request, upload.id))


@own_context
@require_POST
def give_up(request: TenantRequest, **where: str) -> HttpResponse:
    """Keep nothing of it."""
    actions.give_up_upload(actor=request.actor, upload_id=_asked(WhichInput, request)["id"])
    return HttpResponse(status=204)
