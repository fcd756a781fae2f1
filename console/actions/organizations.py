"""Making an organization for somebody, and suspending, closing and opening one: metadata only, never content.

Each is told in the trails of both sides, and to the organization's owners by mail.
"""

from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string

from audit.recorder import Target
from audit.tags import Tag
from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.lib.errors import Invalid
from tenants import actions as tenants
from tenants import selectors

READY, SUSPENDED, CLOSED = "READY", "SUSPENDED", "CLOSED"


class NameNotTyped(Invalid):
    """Type the organization's address as it stands, to be sure that it is this one."""


class NoReason(Invalid):
    """Say why. The owners read it, and both trails keep it."""


@transaction.atomic
def create_organization(*, actor: Actor, name: str, email: str, organization_id: UUID | None = None) -> UUID:
    """Make an organization whose owner is the person with this address, and mail them the way in.

    Who has an account or not, the operator does not learn. Raises OrganizationNameTaken, AlreadyMade.
    """
    gate.require(actor, Permission.OPERATOR_ORGANIZATIONS)
    owner = tenants.reclaim_person(email=email.strip().lower(), name="")
    organization = tenants.create_organization(
        person=owner,
        name=name,
        region=settings.REGION,
        origin=actor.origin,
        organization_id=organization_id,
        made_by=actor.id,
    )
    url = tenants.create_first_sign_in(person=owner) or f"{settings.BASE_URL}/o/{organization.slug}/"
    body = render_to_string("console/mail/made.txt", {"organization": name, "operator": actor.label, "url": url})
    message = EmailMessage(f"HQ: {name} is yours", body, to=[owner.email])
    transaction.on_commit(message.send, robust=True)
    tenants.record_for_deployment(
        actor,
        Tag.ORGANIZATION_CREATED,
        target=Target("organization", organization.id, name),
        after={"organization": str(organization.id), "region": organization.region, "owner": owner.email},
    )
    made: UUID = organization.id
    return made


@transaction.atomic
def suspend_organization(*, actor: Actor, organization_id: UUID, reason: str, typed: str) -> None:
    """Let nobody in, and no machine and no link. What is stored stays. Raises NameNotTyped, NotInThisState."""
    _require_typed(actor, organization_id, typed)
    _move(actor, organization_id, Tag.ORGANIZATION_SUSPENDED, reason, to=SUSPENDED)


@transaction.atomic
def resume_organization(*, actor: Actor, organization_id: UUID, reason: str) -> None:
    """Let everybody in again. Raises NotInThisState."""
    _move(actor, organization_id, Tag.ORGANIZATION_RESUMED, reason, only_from=SUSPENDED)


@transaction.atomic
def close_organization(*, actor: Actor, organization_id: UUID, reason: str, typed: str) -> None:
    """Close it: to its people it is not there. Nothing is erased by that. Raises NameNotTyped, NotInThisState."""
    _require_typed(actor, organization_id, typed)
    _move(actor, organization_id, Tag.ORGANIZATION_CLOSED, reason, to=CLOSED)


@transaction.atomic
def reopen_organization(*, actor: Actor, organization_id: UUID, reason: str) -> None:
    """Open a closed one. Raises NotInThisState."""
    _move(actor, organization_id, Tag.ORGANIZATION_REOPENED, reason, only_from=CLOSED)


def _require_typed(actor: Actor, organization_id: UUID, typed: str) -> None:
    if typed.strip() != selectors.get_for_operator(actor, organization_id).slug:
        raise NameNotTyped


def _move(actor: Actor, organization_id: UUID, tag: Tag, reason: str, *, to: str = READY, only_from: str = "") -> None:
    if not reason.strip():
        raise NoReason
    organization, before = tenants.move_organization(
        actor=actor, organization_id=organization_id, to=to, only_from=only_from
    )
    owners = selectors.list_owners(actor, organization_id)
    context = {"organization": organization.name, "state": to, "reason": reason.strip()}
    body = render_to_string("console/mail/state.txt", context)
    for email in owners:
        message = EmailMessage(f"HQ: {organization.name} is {_SAID[tag]}", body, to=[email])
        transaction.on_commit(message.send, robust=True)
    tenants.record_on_both_sides(
        actor,
        organization_id,
        tag,
        target=Target("organization", organization_id, organization.name),
        before={"state": before},
        after={"state": to},
        reason=reason.strip(),
    )
    if to != READY:
        # Nobody there could end it any more. After this transaction: see tenants.actions.chains.
        transaction.on_commit(
            lambda: tenants.end_support_in(actor=actor, organization_id=organization_id, how=_SAID[tag])
        )


_SAID = {
    Tag.ORGANIZATION_SUSPENDED: "suspended",
    Tag.ORGANIZATION_RESUMED: "open again",
    Tag.ORGANIZATION_CLOSED: "closed",
    Tag.ORGANIZATION_REOPENED: "open again",
}
