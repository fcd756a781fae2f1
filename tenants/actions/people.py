"""Inviting, joining, changing roles, removing."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import IntegrityError, transaction
from django.template.loader import render_to_string

from audit import recorder
from audit.recorder import Target
from audit.tags import PersonTag, Tag
from hq.authz import gate
from hq.authz.actor import Actor, Origin
from hq.authz.permissions import AuthMethod, Permission
from hq.authz.roles import Role, may_assign
from hq.crypto import secrets
from hq.db import lookups
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Denied, NotFound, Refused
from hq.lib.ids import new_id
from jobs import actions as jobs
from keys import selectors as keys
from tenants import selectors
from tenants.actions.api_keys import end_api_keys_of
from tenants.actions.sign_in import reclaim_person
from tenants.models import Invitation, Membership, Organization, User
from tenants.registry import departures, role_changes
from tenants.selectors.doors import is_at

INVITATION_LIFE = timedelta(days=7)
MAIL = "tenants.mail_invitation"
TOKEN_PREFIX = "hqi_"
# Their words are the organization's, and anybody may make one: HQ must not carry any number of them to strangers.
SENT_MOST, SENT_WITHIN = 500, timedelta(days=1)


class RoleAboveYours(Denied):
    """Only an owner can give or take away this role."""


class LastOwner(Refused):
    """This is the last owner. Make somebody else an owner first."""


class AlreadyMember(Refused):
    """This person is a member already."""


class AlreadyInvited(Refused):
    """An invitation to this address is open. Revoke it before making another."""


class TooManyInvitations(Refused):
    """This organization has sent as many invitations as it may within a day. Send the others tomorrow."""


class AddressNotAllowed(Refused):
    """This organization takes in only people with addresses of its own domains. Its policy lists them."""


class BreakGlass(Refused):
    """This owner can come in when single sign-on fails. Name another one in the policy first."""


class InvitationNotYours(Denied):
    """This invitation is for another address. Sign in with the address that it was sent to."""


class NobodyJoins(Refused):
    """This organization is suspended. The invitation counts again once it is open."""


class InvitationEnded(Refused):
    """This invitation cannot be used any more. Ask the person who sent it for a new one."""


@dataclass(frozen=True, slots=True)
class MadeInvitation:
    """The invitation and its address, which is known only now."""

    invitation: Invitation
    url: str


def _may_assign(actor: Actor, role: Role) -> None:
    if not may_assign(actor.role, role):
        raise RoleAboveYours


def _require_address(organization: Organization, email: str) -> None:
    """By the same rule as at the door. Raises AddressNotAllowed."""
    if not is_at(email, organization.email_domains):
        raise AddressNotAllowed


def _email_index(organization_id: UUID, email: str) -> bytes:
    return keys.blind_index(organization_id, "invitation.email", email.strip().lower())


def invite_member(*, actor: Actor, email: str, role: Role, invitation_id: UUID | None = None) -> MadeInvitation:
    """Make an invitation bound to one address; a job mails it. The role may not stand above the inviter's."""
    gate.require(actor, Permission.MEMBERS_INVITE)
    _may_assign(actor, role)
    email = email.strip().lower()
    organization = Organization.objects.get(pk=actor.organization_id)
    _require_address(organization, email)
    if selectors.is_member(actor, email):
        raise AlreadyMember
    lately = Invitation.objects.filter(organization_id=actor.organization_id, created_at__gt=now() - SENT_WITHIN)
    if lately.count() >= SENT_MOST:
        raise TooManyInvitations
    token = secrets.random_token(TOKEN_PREFIX)
    invitation = Invitation(
        id=invitation_id or new_id(),
        organization_id=actor.organization_id,
        email=email,
        email_index=_email_index(actor.organization_id, email),
        role=role,
        token_digest=secrets.digest(token),
        unsent=token,
        invited_by_id=actor.person_id or actor.id,
        invited_by_label=actor.label,
        expires_at=now() + INVITATION_LIFE,
    )
    try:
        with transaction.atomic():
            selectors.expired_invitations(actor, _email_index(actor.organization_id, email)).update(revoked_at=now())
            invitation.save(force_insert=True)
    except IntegrityError as error:
        raise AlreadyInvited from error
    jobs.enqueue(MAIL, organization_id=actor.organization_id, payload={"invitation_id": invitation.id})
    recorder.record(
        actor,
        Tag.MEMBER_INVITED,
        target=Target("invitation", invitation.id, email),
        after={"role": role.value, "email": email},
    )
    return MadeInvitation(invitation, _address(token))


def _address(token: str) -> str:
    return f"{settings.BASE_URL}/invitations/{token}"


def invitation_mail(organization_id: UUID, invitation_id: UUID) -> EmailMessage | None:
    """The mail, or None where the invitation has ended meanwhile, or was mailed. In the organization's context."""
    rows = Invitation.objects.filter(organization_id=organization_id, pk=invitation_id, unsent__isnull=False)
    invitation = rows.first()
    if invitation is None or invitation.state != "open" or not _backed(invitation):
        return None
    organization = Organization.objects.get(pk=organization_id)
    if organization.state in Organization.SHUT:
        return None
    context = {
        "organization": organization.name,
        "inviter": invitation.invited_by_label,
        "url": _address(invitation.unsent or ""),
        "expires_at": invitation.expires_at,
    }
    body = render_to_string("tenants/mail/invitation.txt", context)
    return EmailMessage(f"HQ: {organization.name} invites you", body, to=[invitation.email or ""])


def forget_unsent(organization_id: UUID, invitation_id: UUID) -> None:
    """From now on only the hash of the link is kept. In the organization's context."""
    Invitation.objects.filter(organization_id=organization_id, pk=invitation_id).update(unsent=None)


def revoke_invitation(*, actor: Actor, invitation_id: UUID) -> None:
    """End an open invitation; its address opens nothing from now on."""
    gate.require(actor, Permission.MEMBERS_INVITE)
    invitation = selectors.get_invitation(actor, invitation_id, lock=True)
    if invitation.state != "open":
        raise InvitationEnded
    invitation.revoked_at = now()
    invitation.save(update_fields=["revoked_at"])
    recorder.record(actor, Tag.INVITATION_REVOKED, target=Target("invitation", invitation.id, invitation.email or ""))


def accept_invitation(*, person: User, token: str, origin: Origin) -> Organization:
    """Join by a mailed token. It counts once, for the verified address that it was sent to, and nobody else's."""
    found = lookups.one("tenants_find_invitation", secrets.digest(token))
    if found is None:
        raise NotFound
    try:
        return _accept(found, person, origin)
    except InvitationNotYours:
        recorder.record_person(
            PersonTag.INVITATION_REFUSED, person_id=person.pk, origin=origin, target_id=str(found["invitation_id"])
        )
        raise


def _accept(found: dict[str, Any], person: User, origin: Origin) -> Organization:
    with tenant(found["organization_id"]):
        invitation = Invitation.objects.select_for_update(no_key=True).get(pk=found["invitation_id"])
        if not secrets.equal(bytes(invitation.email_index), _email_index(found["organization_id"], person.email)):
            raise InvitationNotYours
        if invitation.state != "open" or not _backed(invitation):
            raise InvitationEnded
        organization = Organization.objects.get(pk=found["organization_id"])
        if organization.state in Organization.GONE:
            raise NotFound
        if organization.state == Organization.State.SUSPENDED:
            raise NobodyJoins
        _require_address(organization, person.email)
        invitation.accepted_at = now()
        invitation.save(update_fields=["accepted_at"])
        membership = Membership(
            organization_id=found["organization_id"],
            user=person,
            role=invitation.role,
            invited_by_id=invitation.invited_by_id,
        )
        try:
            with transaction.atomic():
                membership.save(force_insert=True)
        except IntegrityError as error:
            raise AlreadyMember from error
        belonging = selectors.find_belonging(person.id, organization.slug)
        if belonging is None:
            raise NotFound
        recorder.record(
            belonging.actor(person, method=AuthMethod.SESSION, origin=origin),
            Tag.MEMBER_JOINED,
            target=Target("member", membership.id, person.label),
            after={"role": invitation.role, "email": person.email},
        )
    return organization


def _backed(invitation: Invitation) -> bool:
    """True while who sent it is in and may give this role: one sent at the moment of their removal is no way back."""
    members = Membership.objects.filter(organization_id=invitation.organization_id, user__is_active=True)
    inviter = members.filter(user_id=invitation.invited_by_id).first()
    return inviter is not None and may_assign(Role(inviter.role), Role(invitation.role))


def _end_invitations_of(membership: Membership, role: Role | None) -> None:
    """Revoke what somebody sent who has this role from now on, or none, and could not send it any more."""
    beyond = [other.value for other in Role if not may_assign(role, other)]
    sent = Invitation.objects.filter(organization_id=membership.organization_id, invited_by_id=membership.user_id)
    sent.filter(accepted_at=None, revoked_at=None, role__in=beyond).update(revoked_at=now())


def add_member(*, actor: Actor, email: str, name: str, role: Role) -> Membership:
    """Make the person with this address a member, as the organization's own directory says. No invitation, no consent.

    The caller has made sure that the address is at a domain of the organization. There is no way here for people.

    Raises:
        AlreadyMember: who they are, the caller can look up.
        Denied, RoleAboveYours, AddressNotAllowed.
    """
    gate.require(actor, Permission.MEMBERS_INVITE)
    if actor.method is not AuthMethod.DIRECTORY:
        raise Denied("People are invited; only a directory adds them.")
    _may_assign(actor, role)
    email = email.strip().lower()
    _require_address(Organization.objects.get(pk=actor.organization_id), email)
    person = reclaim_person(email=email, name=name)
    membership = Membership(organization_id=actor.organization_id, user=person, role=role)
    try:
        with transaction.atomic():
            membership.save(force_insert=True)
    except IntegrityError as error:
        raise AlreadyMember from error
    recorder.record(
        actor,
        Tag.MEMBER_JOINED,
        target=Target("member", membership.id, person.label),
        after={"role": role.value, "email": email},
    )
    return membership


def _keep_an_owner(actor: Actor, membership: Membership) -> None:
    """Refuse to lose the last owner, or the one who can come in without single sign-on.

    The organization's row is locked, so that two owners cannot go at once.
    """
    organization = Organization.objects.select_for_update(no_key=True).get(pk=actor.organization_id)
    if organization.break_glass_id == membership.user_id:
        raise BreakGlass
    others = Membership.objects.filter(organization_id=actor.organization_id, role=Role.OWNER).exclude(pk=membership.pk)
    if membership.role == Role.OWNER and not others.exists():
        raise LastOwner


def change_role(*, actor: Actor, member_id: UUID, role: Role) -> Membership:
    """Give a member another role. Neither the old nor the new one may stand above the actor's."""
    gate.require(actor, Permission.MEMBERS_CHANGE_ROLE)
    membership = selectors.get_member(actor, member_id, lock=True)
    before = Role(membership.role)
    _may_assign(actor, before)
    _may_assign(actor, role)
    if role is Role.SERVICE_ACCOUNT:
        raise RoleAboveYours("A person cannot be a service account.")
    if before == role:
        return membership
    if role is not Role.OWNER:
        _keep_an_owner(actor, membership)
    membership.role = role
    membership.save(update_fields=["role"])
    _end_invitations_of(membership, role)
    for look in role_changes():
        look(actor, membership.id, role)
    recorder.record(
        actor,
        Tag.MEMBER_ROLE_CHANGED,
        target=Target("member", membership.id, membership.user.label),
        before={"role": before.value},
        after={"role": role.value},
    )
    return membership


def remove_member(*, actor: Actor, member_id: UUID) -> None:
    """End a membership, and with it groups, rules, API keys, links and open invitations of the person, in one act.

    Their sessions find nothing here with the very next request. Keys of service accounts that they were shown go on
    working; the trail names them, as who removes by a directory or over /v1 sees no page that does. A directory also
    removes owners, whoever set it up: who has left must be out. The last owner and the break-glass owner stay.
    """
    gate.require(actor, Permission.MEMBERS_REMOVE)
    membership = selectors.get_member(actor, member_id, lock=True)
    if actor.method is not AuthMethod.DIRECTORY:
        _may_assign(actor, Role(membership.role))
    before = {"role": membership.role, "email": membership.user.email}
    label = membership.user.label
    known = [key.name for key in selectors.list_known_to(actor, membership.user_id)]
    keys = end_membership(actor, membership)
    recorder.record(
        actor,
        Tag.MEMBER_REMOVED,
        target=Target("member", member_id, label),
        before=before | {"keys": keys},
        after={"knows_keys": known} if known else None,
    )


def end_membership(actor: Actor, membership: Membership) -> list[str]:
    """End it with what stands on it; the names of the API keys. In the transaction of who removes or erases somebody.

    Raises LastOwner, BreakGlass.
    """
    _keep_an_owner(actor, membership)
    keys = end_api_keys_of(actor, membership.user_id)
    _end_invitations_of(membership, None)
    for end in departures():
        end(actor, membership.id)
    membership.delete()
    return keys
