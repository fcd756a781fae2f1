"""People as the directory sends them: whoever is active there is a member here, whoever is not is out at once (ACC-12).

The directory gives and takes memberships of accounts at domains that the organization has verified. It never changes or
deletes an account, and an account never changes hands: with another address another account comes in.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F

from directory.models import ScimGroup, ScimUser
from directory.selectors import scim as selectors
from directory.selectors.domains import is_at_verified
from directory.selectors.scim import EMAIL, EXTERNAL_ID, USER_NAME, groups_of, index_of
from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.authz.roles import Role
from hq.db.fields import CannotBeSealed
from hq.db.locks import hold
from hq.lib.canonical import NotCanonical, canonical
from hq.lib.clock import now
from hq.lib.errors import Invalid, NotFound, PreconditionFailed, Refused
from tenants import actions as tenants
from tenants import selectors as places
from tenants.selectors.people import find_member

NAME_LENGTH = 320
EMAILS_MOST = 20
ATTRIBUTES_MOST = 32 * 1024


class DomainNotVerified(Invalid):
    """HQ takes people only at verified domains. Verify the domain of this address in HQ first, under Single sign-on."""


class NoAddress(Invalid):
    """Send an e-mail address, as the primary one of emails or as userName: HQ finds the account by it."""


class TooMuchSaid(Invalid):
    """HQ keeps at most 32 KiB of attributes and 20 addresses of one person, and names of 1 to 320 characters."""


class AlreadyInDirectory(Refused):
    """Another entry of the directory has this userName, or the account with this address."""


class PeopleChanged(Refused):
    """Somebody is being removed in HQ at this moment. Send it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the directory says of one person: `address` in its one spelling, and all the rest in `attributes`."""

    user_name: str
    address: str
    name: str
    active: bool
    external_id: str | None
    emails: Sequence[str]
    attributes: dict[str, Any]


def take_turn(organization_id: UUID) -> None:
    """Until this transaction ends nothing else changes what this organization's directory keeps.

    A directory sends its changes side by side, and each one reads a whole group before it writes it.
    """
    hold(f"hq.scim:{organization_id}")


def add_scim_user(*, actor: Actor, entry: Entry) -> ScimUser:
    """Keep a person; one who is active becomes a member, or is the member that the address has already.

    Raises DomainNotVerified, TooMuchSaid, CannotBeSealed, AlreadyInDirectory.
    """
    gate.require(actor, Permission.MEMBERS_INVITE)
    _check(entry)
    _require_domain(actor, entry.address)
    at = now()
    user = ScimUser(organization_id=actor.organization_id, created_at=at, modified_at=at, **_columns(actor, entry))
    with _once():
        user.save(force_insert=True)
    if entry.active:
        _join(actor, user, entry)
    return user


def change_scim_user(*, actor: Actor, user_id: UUID, entry: Entry, expected: str | None = None) -> ScimUser:
    """Keep what the directory says now. `expected` is the version it must still have.

    Inactive ends the membership, with sessions, keys and links; active begins a new one. Another address is another
    account: the membership of the former one ends, and that of the other begins, as if the person had been taken out
    and put in. Nothing of the former account passes over.

    Raises what adding raises, NotFound, PreconditionFailed, and Refused for an owner who must stay.
    """
    gate.require(actor, Permission.MEMBERS_CHANGE_ROLE)
    _check(entry)
    user = _locked(actor, user_id, expected)
    moved = entry.address != user.address
    if moved or (entry.active and not user.active):
        _require_domain(actor, entry.address)
    if user.active and (moved or not entry.active):
        _leave(actor, user)
    if moved:
        user.person_id = None
    for name, value in _columns(actor, entry).items():
        setattr(user, name, value)
    user.version += 1
    user.modified_at = now()
    with _once():
        user.save()
    if entry.active and not user.active:
        _join(actor, user, entry)
    return user


def remove_scim_user(*, actor: Actor, user_id: UUID, expected: str | None = None) -> None:
    """Forget a person of the directory, and end the membership. The account stays: it belongs to the person.

    Raises NotFound, PreconditionFailed, and Refused for an owner who must stay.
    """
    gate.require(actor, Permission.MEMBERS_REMOVE)
    user = _locked(actor, user_id, expected)
    if user.active:
        _leave(actor, user)
    places_of_user = ScimGroup.objects.filter(organization_id=actor.organization_id, members__user=user)
    places_of_user.update(version=F("version") + 1, modified_at=now())
    user.delete()


def note_departure(actor: Actor, membership_id: UUID) -> None:
    """Called when a member is removed, whoever does it: the directory reads that the person is not active any more."""
    rows = ScimUser.objects.filter(organization_id=actor.organization_id, membership=membership_id)
    rows.update(membership=None, version=F("version") + 1, modified_at=now())


def settle_roles(actor: Actor, users: Sequence[ScimUser]) -> None:
    """Give these members the role that their groups in the directory give. Owners keep theirs."""
    roles = selectors.get_roles(actor)
    groups = groups_of(actor, [user.pk for user in users]) if roles.by_group else {}
    for user in users:
        role = roles.of([name for _, name in groups.get(user.pk, [])])
        if role is not None and user.membership_id is not None:
            _give_role(actor, user.membership_id, role)


def lock_members(actor: Actor, users: Sequence[ScimUser]) -> None:
    """In order of their ids, before anything else: whoever removes a member locks it first and records it last.

    Raises PeopleChanged.
    """
    for membership_id in sorted(user.membership_id for user in users if user.membership_id):
        try:
            places.get_member(actor, membership_id, lock=True)
        except NotFound:
            raise PeopleChanged from None


def _give_role(actor: Actor, membership_id: UUID, role: Role) -> None:
    member = places.get_member(actor, membership_id, lock=True)
    if member.role not in {role, Role.OWNER}:
        tenants.change_role(actor=actor, member_id=membership_id, role=role)


def _join(actor: Actor, user: ScimUser, entry: Entry) -> None:
    roles = selectors.get_roles(actor)
    groups = groups_of(actor, [user.pk]).get(user.pk, [])
    role = roles.of([name for _, name in groups])
    member = find_member(actor, entry.address)
    if member is None:
        member = tenants.add_member(actor=actor, email=entry.address, name=entry.name, role=role or roles.default)
    elif role is not None:
        _give_role(actor, member.pk, role)
    user.membership_id, user.person_id = member.pk, member.user_id
    with _once():
        user.save(update_fields=["membership", "person"])
    for group_id, _ in groups:
        tenants.put_in_group(actor=actor, group_id=group_id, membership_ids=[member.pk])


def _leave(actor: Actor, user: ScimUser) -> None:
    membership_id = user.membership_id
    if membership_id is not None:
        tenants.remove_member(actor=actor, member_id=membership_id)
    user.membership_id = None


def _locked(actor: Actor, user_id: UUID, expected: str | None) -> ScimUser:
    lock_members(actor, [selectors.get_scim_user(actor, user_id)])
    user = selectors.get_scim_user(actor, user_id, lock=True)
    if expected is not None and user.etag != expected:
        raise PreconditionFailed
    return user


def _check(entry: Entry) -> None:
    said = [entry.user_name, entry.external_id or "", *entry.emails]
    if not entry.user_name or len(entry.emails) > EMAILS_MOST or len(max(said, key=len)) > NAME_LENGTH:
        raise TooMuchSaid
    try:
        size = len(canonical(entry.attributes))
    except NotCanonical:
        raise CannotBeSealed from None
    if size > ATTRIBUTES_MOST:
        raise TooMuchSaid


def _require_domain(actor: Actor, address: str) -> None:
    if not is_at_verified(actor.organization_id, address):
        raise DomainNotVerified


def _columns(actor: Actor, entry: Entry) -> dict[str, Any]:
    external = entry.external_id
    return {
        "user_name": entry.user_name,
        "user_name_index": index_of(actor, USER_NAME, entry.user_name),
        "external_id": external,
        "external_id_index": None if external is None else index_of(actor, EXTERNAL_ID, external, exact=True),
        "address": entry.address,
        "emails_index": [index_of(actor, EMAIL, email) for email in entry.emails],
        "attributes": entry.attributes,
    }


@contextmanager
def _once() -> Iterator[None]:
    """Two entries of one name or one account: the database says so, whoever came first."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        raise AlreadyInDirectory from error
