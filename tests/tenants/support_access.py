"""Support access in a few words: an operator who asks, somebody who agrees, and a browser that is inside."""

from typing import Any
from uuid import UUID

from audit.models import AuditEvent
from hq.authz.permissions import Permission
from hq.db.context import tenant
from hq.db.models import PLATFORM_ID
from tenants import actions
from tenants.models import AccessRequest, User
from tests.factories import ORIGIN, Place
from tests.operators import Desk, desk_of, make_operator

REASON = "Case 4471: the upload that stops"


def at_the_desk(person: User) -> Any:
    """The actor of an operator in the operator's rooms."""
    may = frozenset({Permission.OPERATOR_ACCESS, Permission.OPERATOR_ORGANIZATIONS, Permission.OPERATOR_JOBS})
    return actions.operator_actor(person, origin=ORIGIN, permissions=may)


def ask(place: Place, operator: User, *, reason: str = REASON, minutes: int = 60, **more: Any) -> AccessRequest:
    actor = at_the_desk(operator)
    return actions.request_support(actor=actor, organization_id=place.id, reason=reason, minutes=minutes, **more)


def approve(place: Place, request: AccessRequest) -> AccessRequest:
    with tenant(place.id):
        return actions.approve_support(actor=place.actor(), request_id=request.id)


def change(place: Place, request_id: UUID, **columns: Any) -> None:
    with tenant(place.id):
        assert AccessRequest.objects.filter(pk=request_id).update(**columns) == 1


def state(place: Place, request_id: UUID) -> str:
    with tenant(place.id):
        return AccessRequest.objects.get(pk=request_id).state


def inside(place: Place, operator: User | None = None, **more: Any) -> tuple[Desk, AccessRequest]:
    """An operator who was let in: their browser, and the request."""
    operator = operator or make_operator()
    request = approve(place, ask(place, operator, **more))
    desk = desk_of(operator)
    answer = desk.post(f"/operator/access/{request.id}/start")
    assert answer.status_code == 302, answer.content
    assert answer["Location"] == f"/o/{place.slug}/"
    return desk, request


def told(organization_id: UUID) -> list[tuple[str, str]]:
    """What a trail says of support: tag and actor."""
    with tenant(organization_id):
        rows = AuditEvent.objects.filter(target_kind="support_request").order_by("index")
        return [(row.tag, row.actor_label) for row in rows]


def both_trails(place: Place) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    return told(place.id), told(PLATFORM_ID)
