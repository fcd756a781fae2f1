"""An operator's way into an organization: asked for, agreed to by another person, begun, and over (ACC-11).

Every step stands in the organization's trail and in the deployment's.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from audit.recorder import Target
from audit.tags import Tag
from hq.authz import gate
from hq.authz.actor import Actor, Origin, system_actor
from hq.authz.permissions import AuthMethod, Permission
from hq.db import lookups
from hq.db.context import tenant
from hq.db.models import PLATFORM_ID
from hq.lib.clock import now
from hq.lib.errors import Denied, Invalid, NotFound, Refused
from hq.lib.ids import new_id
from tenants import selectors
from tenants.actions.chains import record_on_both_sides
from tenants.actions.support_mail import tell_deciders, tell_operator
from tenants.models import AccessRequest, Membership, Organization, Policy, User
from tenants.selectors import Support

SHORTEST, LONGEST = 15, 480  # minutes
ANSWERED_WITHIN = timedelta(hours=24)
SESSION_KEY = "hq.support"  # in a session: which request was begun there, by the organization's address
OPEN = ("waiting", "approved", "active")


class NobodyToSupport(Refused):
    """This organization is being made, or is closed. Nobody can be let in now."""


class AlreadyAsked(Refused):
    """You have asked this organization already. Wait for the answer, or take the request back."""


class OwnRequest(Denied):
    """Nobody decides on their own request. Another person has to."""


class TheyDecide(Denied):
    """This organization decides for itself who comes in. Wait for its answer."""


class AlreadyAnswered(Refused):
    """This request was answered, taken back, or has lapsed meanwhile."""


class NotApproved(Refused):
    """This access cannot begin: nobody has agreed to it, or it was used, ended, or has lapsed."""


class MemberIsGone(Refused):
    """The person whose view was asked for is not a member. Ask again, as support or as somebody else."""


class AlreadyOver(Refused):
    """This access is over already."""


def request_support(
    *,
    actor: Actor,
    organization_id: UUID,
    reason: str,
    minutes: int,
    writes: bool = False,
    email: str = "",
    request_id: UUID | None = None,
) -> AccessRequest:
    """Ask to be let in: as support, or with the view of the member who has this address.

    Whether anybody has the address, the operator does not learn by asking: it is asked all the same.

    Raises:
        NotFound, NobodyToSupport, AlreadyAsked.
        Invalid: shorter than 15 minutes, longer than 8 hours, or without a reason.
    """
    gate.require(actor, Permission.OPERATOR_ACCESS)
    if not SHORTEST <= minutes <= LONGEST or not reason.strip():
        raise Invalid("Say why, and for how long: from 15 minutes to 8 hours.")
    at = now()
    with tenant(organization_id):
        organization = _organization(organization_id)
        if any(asked.state in OPEN for asked in AccessRequest.objects.filter(operator_id=actor.id, ended_at=None)):
            raise AlreadyAsked
        request = AccessRequest(
            id=request_id or new_id(),
            organization_id=organization_id,
            operator_id=actor.id,
            operator_label=actor.label,
            reason=reason.strip(),
            minutes=minutes,
            writes=writes,
            subject_id=_subject(organization_id, email),
            requested_at=at,
            answer_before=at + ANSWERED_WITHIN,
        )
        try:
            request.save(force_insert=True)
        except IntegrityError as error:
            raise AlreadyAsked from error
        tell_deciders(request, organization)
        told = {"minutes": minutes, "writes": writes, "as": "a member" if email else "support"}
        _record(actor, request, Tag.SUPPORT_REQUESTED, after=told, reason=request.reason)
    return request


def _organization(organization_id: UUID) -> Organization:
    """Raises NotFound, NobodyToSupport."""
    organization = Organization.objects.filter(pk=organization_id).first()
    if organization is None:
        raise NotFound
    if organization.state not in {Organization.State.READY, Organization.State.SUSPENDED}:
        raise NobodyToSupport
    return organization


def _subject(organization_id: UUID, email: str) -> UUID | None:
    """The membership at this address; an id that is nobody's where there is none; None where none is named."""
    if not email:
        return None
    rows = Membership.objects.filter(organization_id=organization_id, user__email=email.strip().lower())
    return rows.values_list("id", flat=True).first() or new_id()


@transaction.atomic
def approve_support(*, actor: Actor, request_id: UUID) -> AccessRequest:
    """Agree to a request. It may begin within a day from now. Raises as `refuse_support`."""
    return _decide(actor, request_id, approve=True)


@transaction.atomic
def refuse_support(*, actor: Actor, request_id: UUID) -> AccessRequest:
    """Say no. Raises NotFound, OwnRequest, TheyDecide, AlreadyAnswered."""
    return _decide(actor, request_id, approve=False)


def _decide(actor: Actor, request_id: UUID, *, approve: bool) -> AccessRequest:
    organization_id = _where_decided(actor, request_id)
    with tenant(organization_id):
        request = _locked(organization_id, request_id)
        by_operators = Organization.objects.get(pk=organization_id).support_by == Policy.Support.OPERATORS
        if request.operator_id == actor.id:
            raise OwnRequest
        if actor.organization_id == PLATFORM_ID and not by_operators:
            raise TheyDecide
        if request.state != "waiting":
            raise AlreadyAnswered
        at = now()
        request.approved, request.decided_at = approve, at
        request.decided_by_id, request.decided_by_label = actor.id, actor.label
        if approve:
            request.answer_before = at + ANSWERED_WITHIN
        request.save(update_fields=["approved", "decided_at", "decided_by_id", "decided_by_label", "answer_before"])
        tell_operator(request)
        _record(actor, request, Tag.SUPPORT_APPROVED if approve else Tag.SUPPORT_REFUSED)
    return request


def _where_decided(actor: Actor, request_id: UUID) -> UUID:
    """A person of the organization decides there; an operator wherever it was asked."""
    if actor.organization_id != PLATFORM_ID:
        gate.require(actor, Permission.SUPPORT_DECIDE)
        return actor.organization_id
    return selectors.get_access(actor, request_id).organization_id


def _locked(organization_id: UUID, request_id: UUID) -> AccessRequest:
    """The request, which nobody else changes until this transaction ends. Raises NotFound."""
    rows = AccessRequest.objects.select_for_update(no_key=True)
    request = rows.filter(organization_id=organization_id, pk=request_id).first()
    if request is None:
        raise NotFound
    return request


@transaction.atomic
def start_support(*, actor: Actor, request_id: UUID) -> Support:
    """Begin what was agreed to, once, for as long as was asked. The caller has asked for the operator's key just now.

    Raises NotFound, NobodyToSupport, NotApproved, MemberIsGone.
    """
    line = selectors.get_access(actor, request_id)
    with tenant(line.organization_id):
        request = _locked(line.organization_id, request_id)
        if request.operator_id != actor.id:
            raise NotFound
        _organization(line.organization_id)
        if request.state != "approved":
            raise NotApproved
        people = Membership.objects.filter(organization_id=line.organization_id)
        if request.subject_id and not people.filter(pk=request.subject_id).exists():
            raise MemberIsGone
        request.started_at = now()
        request.ends_at = request.started_at + timedelta(minutes=request.minutes)
        request.save(update_fields=["started_at", "ends_at"])
        _record(actor, request, Tag.SUPPORT_STARTED, after={"until": request.ends_at.isoformat(timespec="seconds")})
    found = selectors.find_support(actor.id, request_id)
    if found is None:  # no operator any more
        raise NotApproved
    return found


@transaction.atomic
def end_support(*, actor: Actor, request_id: UUID) -> AccessRequest:
    """Be done with an access or a request: the operator with their own, the organization with any in it.

    Raises NotFound, AlreadyOver.
    """
    theirs = actor.organization_id == PLATFORM_ID
    if theirs:
        organization_id = selectors.get_access(actor, request_id).organization_id
    else:
        gate.require(actor, Permission.SUPPORT_DECIDE)
        organization_id = actor.organization_id
    with tenant(organization_id):
        request = _locked(organization_id, request_id)
        if theirs and request.operator_id != actor.id:
            raise NotFound
        if request.state not in OPEN:
            raise AlreadyOver
        _end(actor, request, "the operator" if theirs else "the organization")
    return request


def end_support_of(*, actor: Actor, person_id: UUID, how: str, only: frozenset[UUID] | None = None) -> None:
    """End what an operator has open: all of it, or only these. Each in its own transaction, see `chains`."""
    for row in lookups.call("tenants_list_requests", None, None, person_id, None, True, 1000):
        if only is None or row["id"] in only:
            _end_one(actor, row["organization_id"], row["id"], how)


def end_support_of_session(session: Any, *, person: User, origin: Origin) -> None:
    """Who signs out is out of the organizations that let them in, too."""
    begun = frozenset(UUID(request_id) for request_id in session.get(SESSION_KEY, {}).values())
    if begun:
        actor = operator_actor(person, origin=origin)
        end_support_of(actor=actor, person_id=person.pk, how="signing out", only=begun)


def operator_actor(person: User, *, origin: Origin, permissions: frozenset[Permission] = frozenset()) -> Actor:
    """An operator in the operator's rooms: in no organization."""
    return Actor(
        organization_id=PLATFORM_ID,
        environment_id=PLATFORM_ID,
        home_environment_id=PLATFORM_ID,
        kind="operator",
        id=person.pk,
        person_id=person.pk,
        label=person.label,
        method=AuthMethod.SESSION,
        permissions=permissions,
        origin=origin,
    )


def end_support_in(*, actor: Actor, organization_id: UUID, how: str) -> None:
    """End all that is open in an organization that is shut: nobody there could end it any more."""
    with tenant(organization_id):
        open_ones = [request.pk for request in AccessRequest.objects.filter(ended_at=None) if request.state in OPEN]
    for request_id in open_ones:
        _end_one(actor, organization_id, request_id, how)


def settle_overdue_support() -> None:
    """Put down what ended by itself: accesses whose time is up, and requests that nobody answered or used."""
    for row in lookups.call("tenants_find_overdue_support"):
        system = system_actor(row["organization_id"])
        with transaction.atomic(), tenant(row["organization_id"]):
            request = _locked(row["organization_id"], row["request_id"])
            if request.ended_at is not None:
                continue
            if request.started_at is not None:
                _end(system, request, "time")
            elif request.state == "lapsed":
                request.ended_at = request.answer_before
                request.save(update_fields=["ended_at"])
                _record(system, request, Tag.SUPPORT_LAPSED)


def _end_one(actor: Actor, organization_id: UUID, request_id: UUID, how: str) -> None:
    with transaction.atomic(), tenant(organization_id):
        request = _locked(organization_id, request_id)
        if request.state in OPEN:
            _end(actor, request, how)


def _end(actor: Actor, request: AccessRequest, how: str) -> None:
    before = {"state": request.state}
    request.ended_at = request.ends_at if how == "time" else now()
    request.save(update_fields=["ended_at"])
    _record(actor, request, Tag.SUPPORT_ENDED, before=before, after={"ended_by": how})


def _record(actor: Actor, request: AccessRequest, tag: Tag, **said: Any) -> None:
    target = Target("support_request", request.id, str(request.operator_label))
    record_on_both_sides(actor, request.organization_id, tag, target=target, **said)
