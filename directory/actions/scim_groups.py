"""Groups as the directory sends them. Each is a group like any other, which only the directory changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q

from directory.actions.scim_people import lock_members, settle_roles
from directory.models import ScimGroup, ScimGroupMember, ScimUser
from directory.selectors import scim as selectors
from directory.selectors.scim import GROUP_EXTERNAL_ID, GROUP_NAME, index_of, members_of, scim_users
from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.lib.clock import now
from hq.lib.errors import Invalid, PreconditionFailed
from hq.lib.ids import new_id
from tenants import actions as tenants

NAME_LENGTH, EXTERNAL_ID_LENGTH, MEMBERS_MOST = 120, 320, 10_000


class UnknownGroupMembers(Invalid):
    """A member of this group is nobody whom the directory keeps here. Send the person first; groups hold no groups."""


class GroupTooLarge(Invalid):
    """A group has a name of 1 to 120 characters, and at most 10,000 members."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupEntry:
    """What the directory says of one group: `user_ids` are all who are in it."""

    name: str
    external_id: str | None
    user_ids: Sequence[UUID]


def add_scim_group(*, actor: Actor, entry: GroupEntry) -> ScimGroup:
    """Make a group with the people in it. Raises GroupTooLarge, UnknownGroupMembers, GroupNameTaken."""
    gate.require(actor, Permission.ACCESS_CHANGE)
    users = _people(actor, entry)
    lock_members(actor, users)
    group_id = new_id()
    kept = tenants.create_group(actor=actor, name=entry.name, source="directory", group_id=group_id)
    at = now()
    group = ScimGroup(
        id=group_id,
        organization_id=actor.organization_id,
        group=kept,
        created_at=at,
        modified_at=at,
        **_columns(actor, entry),
    )
    group.save(force_insert=True)
    _put(actor, group, users)
    settle_roles(actor, users)
    return group


def change_scim_group(*, actor: Actor, group_id: UUID, entry: GroupEntry, expected: str | None = None) -> ScimGroup:
    """Bring name and members to what the directory says now.

    Raises what adding raises, NotFound, PreconditionFailed.
    """
    gate.require(actor, Permission.ACCESS_CHANGE)
    group = _locked(actor, group_id, expected)
    wanted = _people(actor, entry)
    before = set(members_of(actor, [group.pk]).get(group.pk, []))
    coming = [user for user in wanted if user.pk not in before]
    going = list(scim_users(actor, Q(pk__in=before - {user.pk for user in wanted})))
    renamed = entry.name != group.group.name
    moved = list(scim_users(actor, Q(pk__in=before)) if renamed else going) + coming
    lock_members(actor, moved)
    if renamed:
        group.group = tenants.rename_group(actor=actor, group_id=group.group_id, name=entry.name)
    for name, value in _columns(actor, entry).items():
        setattr(group, name, value)
    group.version += 1
    group.modified_at = now()
    group.save()
    _take(actor, group, going)
    _put(actor, group, coming)
    settle_roles(actor, moved)
    return group


def remove_scim_group(*, actor: Actor, group_id: UUID, expected: str | None = None) -> None:
    """Remove a group, with the access that rules gave it. Its people stay. Raises NotFound, PreconditionFailed."""
    gate.require(actor, Permission.ACCESS_CHANGE)
    group = _locked(actor, group_id, expected)
    users = list(scim_users(actor, Q(places__group=group)))
    lock_members(actor, users)
    tenants.remove_group(actor=actor, group_id=group.group_id)
    settle_roles(actor, users)


def _put(actor: Actor, group: ScimGroup, users: Sequence[ScimUser]) -> None:
    if not users:
        return
    here = actor.organization_id
    ScimGroupMember.objects.bulk_create(
        [ScimGroupMember(organization_id=here, group=group, user=user) for user in users]
    )
    if members := [user.membership_id for user in users if user.membership_id]:
        tenants.put_in_group(actor=actor, group_id=group.group_id, membership_ids=members)


def _take(actor: Actor, group: ScimGroup, users: Sequence[ScimUser]) -> None:
    if not users:
        return
    ScimGroupMember.objects.filter(organization_id=actor.organization_id, group=group, user__in=users).delete()
    if members := [user.membership_id for user in users if user.membership_id]:
        tenants.take_out_of_group(actor=actor, group_id=group.group_id, membership_ids=members)


def _people(actor: Actor, entry: GroupEntry) -> list[ScimUser]:
    """The people behind the ids, after the entry's sizes are judged."""
    if not 0 < len(entry.name) <= NAME_LENGTH or len(entry.user_ids) > MEMBERS_MOST:
        raise GroupTooLarge
    if entry.external_id is not None and len(entry.external_id) > EXTERNAL_ID_LENGTH:
        raise GroupTooLarge("An externalId has at most 320 characters.")
    users = list(scim_users(actor, Q(pk__in=entry.user_ids)))
    if len(users) != len(set(entry.user_ids)):
        raise UnknownGroupMembers
    return users


def _locked(actor: Actor, group_id: UUID, expected: str | None) -> ScimGroup:
    group = selectors.get_scim_group(actor, group_id, lock=True)
    if expected is not None and group.etag != expected:
        raise PreconditionFailed
    return group


def _columns(actor: Actor, entry: GroupEntry) -> dict[str, object]:
    external = entry.external_id
    return {
        "name_index": index_of(actor, GROUP_NAME, entry.name),
        "external_id": external,
        "external_id_index": None if external is None else index_of(actor, GROUP_EXTERNAL_ID, external, exact=True),
    }
