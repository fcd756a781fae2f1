"""The trail over /v1."""

from typing import Any, Final, cast

from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audit import actions, selectors
from audit.forms import FilterForm
from audit.models import AccessEntry, AuditEvent
from audit.selectors import Filters
from audit.tags import Log
from audit.verify import Verdict
from hq.lib.errors import Invalid
from hq.web.api import Endpoint, number_cursor, page, page_arguments, uuid_cursor
from hq.web.request import TenantRequest

_PAGING: Final = frozenset({"cursor", "limit"})

COMMON = [
    *(OpenApiParameter(name, str) for name in ("actor_id", "ip", "request_id", "cursor")),
    OpenApiParameter("limit", int),
    *(
        OpenApiParameter(name, str, description=text)
        for name, text in (
            ("since", "A time, such as 2026-11-22T09:00:00Z."),
            ("until", "A time; what happened then is left out."),
            ("day", "A date, such as 2026-11-22, instead of both."),
        )
    ),
]


def event_body(event: AuditEvent) -> dict[str, Any]:
    """One event as integrators see it. Hashes are hex; `document` is the exact text that is hashed."""
    detail = event.detail or {}
    return {
        "id": event.id,
        "index": event.index,
        "at": event.at,
        "tag": event.tag,
        "actor": {
            "kind": event.actor_kind,
            "id": event.actor_id,
            "label": detail.get("actor", ""),
            "method": event.method,
        },
        "target": {"kind": event.target_kind, "id": event.target_id, "label": detail.get("target", "")},
        "ip": event.ip,
        "request_id": event.request_id,
        "before": detail.get("before"),
        "after": detail.get("after"),
        "reason": detail.get("reason", ""),
        "previous": bytes(event.previous).hex(),
        "hash": bytes(event.hash).hex(),
        "document": event.document().decode(),
    }


class Party(serializers.Serializer[Any]):
    kind = serializers.CharField()
    id = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # the body's word; DRF's own attribute is not used


class RequestParty(serializers.Serializer[Any]):
    kind = serializers.CharField()
    id = serializers.UUIDField(allow_null=True)
    label = serializers.CharField()  # type: ignore[assignment]  # the body's word; DRF's own attribute is not used
    method = serializers.CharField()


class EventBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    index = serializers.IntegerField()
    at = serializers.DateTimeField()
    tag = serializers.CharField()
    actor = Party()
    target = Party()
    ip = serializers.IPAddressField(allow_null=True)
    request_id = serializers.CharField()
    before = serializers.DictField(allow_null=True)
    after = serializers.DictField(allow_null=True)
    reason = serializers.CharField()
    previous = serializers.CharField()
    hash = serializers.CharField()
    document = serializers.CharField(help_text="The RFC 8785 text whose SHA-256, after `previous`, is `hash`.")


class EventList(serializers.Serializer[Any]):
    items = EventBody(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class FirstBad(serializers.Serializer[Any]):
    index = serializers.IntegerField()
    reason = serializers.CharField()


class VerdictBody(serializers.Serializer[Any]):
    verified = serializers.BooleanField()
    length = serializers.IntegerField()
    head = serializers.CharField(help_text="SHA-256 of the newest event that fits, hex.")
    first_bad = FirstBad(allow_null=True)


class RequestBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    at = serializers.DateTimeField()
    actor = RequestParty(help_text="Kind and method are empty where nobody was known.")
    verb = serializers.CharField(help_text="The HTTP method.")
    route = serializers.CharField(help_text="The address as HQ's own routes have it, without ids.")
    status = serializers.IntegerField()
    ip = serializers.IPAddressField(allow_null=True)
    user_agent = serializers.CharField()
    request_id = serializers.CharField()
    duration_ms = serializers.IntegerField()


class RequestList(serializers.Serializer[Any]):
    items = RequestBody(many=True)
    next_cursor = serializers.CharField(allow_null=True)


def request_body(entry: AccessEntry) -> dict[str, Any]:
    """One request as integrators see it."""
    detail = entry.detail or {}
    plain = ("id", "at", "verb", "route", "status", "ip", "request_id", "duration_ms")
    return {
        **{name: getattr(entry, name) for name in plain},
        "actor": {
            "kind": entry.actor_kind,
            "id": entry.actor_id,
            "label": detail.get("actor", ""),
            "method": entry.method,
        },
        "user_agent": detail.get("user_agent", ""),
    }


def filters_of(request: Request) -> Filters:
    """What the query asks for. Raises Invalid."""
    form = FilterForm(request.query_params)
    if not form.is_valid():
        raise Invalid(
            errors=[{"pointer": f"/{name}", "detail": str(faults[0])} for name, faults in form.errors.items()]
        )
    return form.filters()


class Searched(Endpoint):
    """A log that can be searched: searching the trail is in the trail, as it is from the explorer's page."""

    def asked(self, request: Request) -> Filters:
        """What the query asks for, noted for the access log. Raises Invalid."""
        filters = filters_of(request)
        words = {name: str(value) for name, value in request.query_params.items() if value and name not in _PAGING}
        if words:
            cast("TenantRequest", self.plain).searched = words
        return filters


class Events(Searched):
    """The administrative trail of an environment, newest first."""

    @extend_schema(
        operation_id="list_audit_events",
        responses=EventList,
        parameters=[*COMMON, OpenApiParameter("tag", str), OpenApiParameter("target_id", str)],
    )
    def get(self, request: Request, **_: Any) -> Response:
        filters = self.asked(request)
        cursor, limit = page_arguments(request)
        rows = selectors.list_events(self.actor, filters, before=number_cursor(cursor), limit=limit)
        return page(rows, limit, event_body, lambda event: str(event.index))


class EventItem(Endpoint):
    """One event, by its place in the chain."""

    @extend_schema(operation_id="get_audit_event", responses=EventBody)
    def get(self, request: Request, index: int, **_: Any) -> Response:
        return Response(event_body(selectors.get_event_at(self.actor, index)))


class Requests(Searched):
    """The access log of an environment, newest first: who asked for what, and with what outcome. Refusals too."""

    @extend_schema(
        operation_id="list_audit_requests",
        responses=RequestList,
        parameters=[*COMMON, OpenApiParameter("outcome", str, enum=["done", "refused"])],
    )
    def get(self, request: Request, **_: Any) -> Response:
        filters = self.asked(request)
        cursor, limit = page_arguments(request)
        rows = selectors.list_access(self.actor, filters, before=uuid_cursor(cursor), limit=limit)
        return page(rows, limit, request_body, lambda row: str(row.id))


class VerifyChain(Endpoint):
    """Checks the whole administrative log and names the first event that does not fit (AUD-3)."""

    @extend_schema(operation_id="verify_audit_chain", responses=VerdictBody)
    def get(self, request: Request, **_: Any) -> Response:
        return Response(_verdict_body(actions.verify_chain(actor=self.actor)))


class VerifyRequests(Endpoint):
    """Checks the whole access log and names the first request that does not fit."""

    @extend_schema(operation_id="verify_audit_requests", responses=VerdictBody)
    def get(self, request: Request, **_: Any) -> Response:
        return Response(_verdict_body(actions.verify_chain(actor=self.actor, log=Log.ACCESS)))


def _verdict_body(verdict: Verdict) -> dict[str, Any]:
    bad = None if verdict.ok else {"index": verdict.first_bad, "reason": verdict.reason}
    return {"verified": verdict.ok, "length": verdict.length, "head": verdict.head.hex(), "first_bad": bad}


routes = [
    path("audit/events", Events.as_view()),
    path("audit/events/<int:index>", EventItem.as_view()),
    path("audit/requests", Requests.as_view()),
    path("audit/admin/verify-chain", VerifyChain.as_view()),
    path("audit/access/verify-chain", VerifyRequests.as_view()),
]
