"""Reads of groups and access rules; and the rules as the gate asks for them (ACC-2)."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q, QuerySet

from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.levels import Level
from hq.authz.permissions import Permission
from hq.lib.errors import NotFound
from hq.lib.paths import LAST, clean_prefix
from tenants.models import AclEntry, Group, GroupMember

# The last row of a page in a list by name or prefix.
Position = tuple[str, UUID]

# The principal itself and the groups it is in. Prefixes are in C order, so the range of each is one probe of the index.
_PRINCIPALS = """
    entry.organization_id = %(organization)s AND entry.environment_id = %(environment)s
    AND entry.principal_id = ANY (ARRAY[{principal}] || ARRAY(
        SELECT inside.group_id FROM tenants_groupmember AS inside
        WHERE inside.organization_id = %(organization)s AND inside.membership_id = {principal}
    ))
"""
_OF_ONE = _PRINCIPALS.format(principal="%(principal)s::uuid")
_LEVEL = f"SELECT max(entry.level) FROM tenants_aclentry AS entry WHERE {_OF_ONE} AND entry.prefix = ANY (%(prefixes)s)"  # noqa: S608 - constants of this file
_LEVELS = f"""
    SELECT asked.id, found.level FROM unnest(%(principals)s::uuid[]) AS asked (id) CROSS JOIN LATERAL (
        SELECT max(entry.level) AS level FROM tenants_aclentry AS entry
        WHERE {_PRINCIPALS.format(principal="asked.id")} AND entry.prefix = ANY (%(prefixes)s)
    ) AS found WHERE found.level IS NOT NULL
"""  # noqa: S608 - constants of this file
_PREFIXES = f"""
    SELECT DISTINCT entry.prefix FROM tenants_aclentry AS entry
    WHERE {_OF_ONE} AND entry.level >= %(level)s ORDER BY entry.prefix
"""  # noqa: S608 - constants of this file


def prefixes_of(path: str) -> list[str]:
    """Every prefix that a rule on this path could have, shortest first: `a/b` has "" and `a/`; `a/` has itself too."""
    return ["", *(path[: index + 1] for index, character in enumerate(path) if character == "/")]


class AccessRules:
    """What hq.authz.rules asks for. Reads the database each time: a rule that went counts no more."""

    def level_at(self, actor: Actor, path: str) -> Level | None:
        if actor.principal_id is None:
            return None
        with connection.cursor() as cursor:
            cursor.execute(_LEVEL, _named(actor) | {"prefixes": prefixes_of(path)})
            row = cursor.fetchone()
        return Level(row[0]) if row and row[0] is not None else None

    def prefixes(self, actor: Actor, level: Level) -> tuple[str, ...]:
        if actor.principal_id is None:
            return ()
        with connection.cursor() as cursor:
            cursor.execute(_PREFIXES, _named(actor) | {"level": int(level)})
            return widest(row[0] for row in cursor.fetchall())


def levels_at(actor: Actor, principals: Sequence[UUID], path: str) -> dict[UUID, Level]:
    """What `level_at` says, for many principals at once. Asks no permission: for this room only."""
    with connection.cursor() as cursor:
        cursor.execute(
            _LEVELS,
            {
                "organization": actor.organization_id,
                "environment": environment_of(actor),
                "principals": list(principals),
                "prefixes": prefixes_of(path),
            },
        )
        return {row[0]: Level(row[1]) for row in cursor.fetchall()}


def _named(actor: Actor) -> dict[str, UUID | int | list[str] | None]:
    return {
        "organization": actor.organization_id,
        "environment": environment_of(actor),
        "principal": actor.principal_id,
    }


def widest(ordered: Iterable[str]) -> tuple[str, ...]:
    """Prefixes in C order without those that lie below another."""
    kept: list[str] = []
    for prefix in ordered:
        if not (kept and prefix.startswith(kept[-1])):
            kept.append(prefix)
    return tuple(kept)


# ---- groups


def list_groups(actor: Actor, *, after: Position | None = None, limit: int = 200) -> Sequence[Group]:
    """Groups by name, each with `size`, the number of its members; up to limit + 1."""
    gate.require(actor, Permission.ACCESS_READ)
    rows = groups_of(actor).annotate(size=Count("members")).order_by("name", "pk")
    return list((rows.filter(after_name(after)) if after else rows)[: limit + 1])


def after_name(after: Position) -> Q:
    """What comes after a row in a list by name."""
    return Q(name__gt=after[0]) | Q(name=after[0], pk__gt=after[1])


def groups_of(actor: Actor) -> QuerySet[Group]:
    """Those of the actor's organization. Asks no permission: for this room only."""
    return Group.objects.filter(organization_id=actor.organization_id)


def get_group(actor: Actor, group_id: UUID, *, lock: bool = False) -> Group:
    """One group, for a caller that has asked the gate for its own verb."""
    rows = groups_of(actor).filter(pk=group_id)
    group = (rows.select_for_update(no_key=True) if lock else rows).first()
    if group is None:
        raise NotFound
    return group


def read_group(actor: Actor, group_id: UUID) -> Group:
    """One group, for whoever may read access. Raises Denied, NotFound."""
    gate.require(actor, Permission.ACCESS_READ)
    return get_group(actor, group_id)


def list_group_members(
    actor: Actor, group_id: UUID, *, after: UUID | None = None, limit: int = 200
) -> Sequence[GroupMember]:
    """Who is in a group, in the order in which they came, with their accounts; up to limit + 1. Raises NotFound."""
    gate.require(actor, Permission.ACCESS_READ)
    group = get_group(actor, group_id)
    rows = GroupMember.objects.filter(organization_id=actor.organization_id, group_id=group.id)
    rows = rows.select_related("membership__user").order_by("pk")
    return list((rows.filter(pk__gt=after) if after else rows)[: limit + 1])


def count_group_members(actor: Actor, group_id: UUID) -> int:
    """How many are in a group."""
    gate.require(actor, Permission.ACCESS_READ)
    return GroupMember.objects.filter(organization_id=actor.organization_id, group_id=group_id).count()


# ---- rules


def list_entries(
    actor: Actor,
    *,
    path: str | None = None,
    who: UUID | None = None,
    after: Position | None = None,
    limit: int = 200,
) -> Sequence[AclEntry]:
    """The rules of the actor's environment by prefix, with whom each names; up to limit + 1.

    `path` leaves those that count on it or on something below it, `who` those that name one principal. Whoever may only
    give access below some prefixes sees the rules there. Raises Denied, InvalidPath.
    """
    rows = entries_of(actor)
    if not gate.allows(actor, Permission.ACCESS_READ):
        below = gate.reach(actor, Permission.ACCESS_CHANGE)
        rows = rows if below is None else rows.filter(_below(below))
    if path is not None:
        path = clean_prefix(path)
        rows = rows.filter(Q(prefix__in=prefixes_of(path)) | _below([path]))
    if who is not None:
        rows = rows.filter(principal_id=who)
    if after is not None:
        rows = rows.filter(Q(prefix__gt=after[0]) | Q(prefix=after[0], pk__gt=after[1]))
    named = rows.select_related("membership__user", "group", "service_account")
    return list(named.order_by("prefix", "pk")[: limit + 1])


def count_entries(actor: Actor, *, who: UUID) -> int:
    """How many rules name one principal, in both environments: what goes with it."""
    gate.require(actor, Permission.ACCESS_READ)
    return AclEntry.objects.filter(organization_id=actor.organization_id, principal_id=who).count()


def _below(prefixes: Sequence[str]) -> Q:
    found = Q()
    for prefix in prefixes:
        found |= Q(prefix__gte=prefix, prefix__lt=prefix + LAST)
    return found


def entries_of(actor: Actor) -> QuerySet[AclEntry]:
    """Those of the actor's environment. Asks no permission: for this room only."""
    return AclEntry.objects.filter(organization_id=actor.organization_id, environment_id=environment_of(actor))


def read_entry(actor: Actor, entry_id: UUID) -> AclEntry:
    """One rule, for whoever sees it in the list. Raises Denied, NotFound."""
    if gate.allows(actor, Permission.ACCESS_READ):
        return get_entry(actor, entry_id)
    gate.reach(actor, Permission.ACCESS_CHANGE)
    entry = get_entry(actor, entry_id)
    if not gate.allows(actor, Permission.ACCESS_CHANGE, path=entry.prefix):
        raise NotFound
    return entry


def get_entry(actor: Actor, entry_id: UUID, *, lock: bool = False) -> AclEntry:
    """One rule, for a caller that has asked the gate for its own verb."""
    rows = entries_of(actor).filter(pk=entry_id).select_related("membership__user", "group", "service_account")
    entry = (rows.select_for_update(no_key=True, of=("self",)) if lock else rows).first()
    if entry is None:
        raise NotFound
    return entry
