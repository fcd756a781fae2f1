"""Groups: making, naming and ending them, and who is in them. Those of the directory are changed by the directory."""

from collections.abc import Collection
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from audit import recorder
from audit.recorder import Target
from audit.tags import Tag
from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import AuthMethod, Permission
from hq.lib.errors import Invalid, Refused
from hq.lib.ids import new_id
from tenants.actions.names import clean_name
from tenants.models import AclEntry, Group, GroupMember, Membership
from tenants.selectors.access import get_group, groups_of

NAME_MOST = 120


class GroupOfDirectory(Refused):
    """Your directory keeps this group. Change it there."""


class GroupKeptHere(Refused):
    """This group is kept in HQ. The directory changes only its own groups."""


class GroupNameTaken(Refused):
    """There is a group of this name already."""


class NotMembers(Invalid):
    """Not everyone named is a member of this organization."""


def _change(actor: Actor, source: str) -> None:
    """Each kind of group has one hand that changes it. Two would undo each other's work."""
    by_directory = actor.method is AuthMethod.DIRECTORY
    if source == Group.Source.DIRECTORY and not by_directory:
        raise GroupOfDirectory
    if source == Group.Source.HERE and by_directory:
        raise GroupKeptHere


def _target(group: Group) -> Target:
    return Target("group", group.id, group.name)


def create_group(*, actor: Actor, name: str, source: str = Group.Source.HERE, group_id: UUID | None = None) -> Group:
    """Make a group without members. Asked a second time with the same id, it gives the one that it made.

    Raises Denied, Invalid (the name), GroupNameTaken, GroupOfDirectory, GroupKeptHere.
    """
    gate.require(actor, Permission.ACCESS_CHANGE)
    _change(actor, source)
    group = Group(
        id=group_id or new_id(),
        organization_id=actor.organization_id,
        name=clean_name(name, most=NAME_MOST),
        source=source,
    )
    made = groups_of(actor).filter(pk=group.id).first()
    if made is not None:
        return made
    try:
        with transaction.atomic():
            group.save(force_insert=True)
    except IntegrityError as error:
        raise GroupNameTaken from error
    recorder.record(actor, Tag.GROUP_CREATED, target=_target(group), after={"name": group.name, "source": source})
    return group


def rename_group(*, actor: Actor, group_id: UUID, name: str) -> Group:
    """Give a group another name. Raises Denied, NotFound, Invalid, GroupNameTaken, GroupOfDirectory, GroupKeptHere."""
    gate.require(actor, Permission.ACCESS_CHANGE)
    group = get_group(actor, group_id, lock=True)
    _change(actor, group.source)
    before, group.name = group.name, clean_name(name, most=NAME_MOST)
    if before == group.name:
        return group
    try:
        with transaction.atomic():
            group.save(update_fields=["name"])
    except IntegrityError as error:
        raise GroupNameTaken from error
    recorder.record(
        actor, Tag.GROUP_RENAMED, target=_target(group), before={"name": before}, after={"name": group.name}
    )
    return group


def remove_group(*, actor: Actor, group_id: UUID) -> None:
    """End a group, and with it every rule that names it, in both environments. Its members stay members.

    Raises Denied, NotFound, GroupOfDirectory, GroupKeptHere.
    """
    gate.require(actor, Permission.ACCESS_CHANGE)
    group = get_group(actor, group_id, lock=True)
    _change(actor, group.source)
    before = {
        "name": group.name,
        "members": GroupMember.objects.filter(organization_id=actor.organization_id, group_id=group.id).count(),
        "rules": AclEntry.objects.filter(organization_id=actor.organization_id, group_id=group.id).count(),
    }
    target = _target(group)
    group.delete()
    recorder.record(actor, Tag.GROUP_REMOVED, target=target, before=before)


def put_in_group(*, actor: Actor, group_id: UUID, membership_ids: Collection[UUID]) -> int:
    """Add members; gives how many were not in it before. All of them, or none.

    Raises Denied, NotFound, NotMembers, GroupOfDirectory, GroupKeptHere.
    """
    gate.require(actor, Permission.ACCESS_CHANGE)
    group = get_group(actor, group_id, lock=True)
    _change(actor, group.source)
    members = _members(actor, membership_ids)
    inside = set(_places(actor, group).filter(membership_id__in=list(members)).values_list("membership_id", flat=True))
    new = [membership for key, membership in members.items() if key not in inside]
    if not new:
        return 0
    GroupMember.objects.bulk_create(
        GroupMember(organization_id=actor.organization_id, group_id=group.id, membership_id=member.id) for member in new
    )
    recorder.record(actor, Tag.GROUP_MEMBER_ADDED, target=_target(group), after={"members": _named(new)})
    return len(new)


def take_out_of_group(*, actor: Actor, group_id: UUID, membership_ids: Collection[UUID]) -> int:
    """Take members out; gives how many were in it. Who is not in it is passed over: they are where they should be.

    Raises Denied, NotFound, GroupOfDirectory, GroupKeptHere.
    """
    gate.require(actor, Permission.ACCESS_CHANGE)
    group = get_group(actor, group_id, lock=True)
    _change(actor, group.source)
    places = list(_places(actor, group).filter(membership_id__in=membership_ids).select_related("membership__user"))
    if not places:
        return 0
    gone = [place.membership for place in places]
    _places(actor, group).filter(pk__in=[place.pk for place in places]).delete()
    recorder.record(actor, Tag.GROUP_MEMBER_REMOVED, target=_target(group), before={"members": _named(gone)})
    return len(gone)


def _places(actor: Actor, group: Group) -> QuerySet[GroupMember]:
    return GroupMember.objects.filter(organization_id=actor.organization_id, group_id=group.id)


def _members(actor: Actor, ids: Collection[UUID]) -> dict[UUID, Membership]:
    """Those named, locked: somebody who is being removed at this moment counts no more."""
    rows = Membership.objects.filter(organization_id=actor.organization_id, pk__in=ids).select_related("user")
    found = {member.id: member for member in rows.order_by("pk").select_for_update(no_key=True, of=("self",))}
    if len(found) != len(set(ids)):
        raise NotMembers(errors=[{"pointer": "/members", "detail": "Name members of this organization only."}])
    return found


def _named(members: Collection[Membership]) -> list[dict[str, str]]:
    return [{"id": str(member.id), "email": member.user.email} for member in members]
