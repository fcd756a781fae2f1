"""Access rules: giving and withdrawing what a person, a group or a service account may do below a folder (ACC-2)."""

from uuid import UUID

from audit import recorder
from audit.recorder import Target
from audit.tags import Tag
from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.levels import Level
from hq.authz.permissions import Permission
from hq.lib.errors import Denied, Invalid, NotFound
from hq.lib.paths import clean_prefix
from tenants.models import AclEntry
from tenants.selectors.access import entries_of, get_entry, get_group
from tenants.selectors.machines import get_service_account
from tenants.selectors.people import get_member
from tenants.selectors.principals import Principal, of_group, of_member, of_service_account, principal_of


class NotAFolder(Invalid):
    """A rule stands on a folder, so it ends with a slash; on everything, it is empty."""


class NamesOne(Invalid):
    """A rule names one person, one group or one service account."""


def clean_folder(raw: str) -> str:
    """The one spelling of a rule's prefix: "" or a folder with its slash. Raises InvalidPath, NotAFolder."""
    prefix = clean_prefix(raw)
    if prefix and not prefix.endswith("/"):
        raise NotAFolder(errors=[{"pointer": "/prefix", "detail": "End it with a slash, such as reports/."}])
    return prefix


def give_access(
    *,
    actor: Actor,
    prefix: str,
    level: Level,
    membership_id: UUID | None = None,
    group_id: UUID | None = None,
    service_account_id: UUID | None = None,
) -> AclEntry:
    """Let one principal do what the level gives, below a folder of the actor's environment; their level there changes.

    Raises Denied, InvalidPath, NotAFolder, NamesOne, NotFound (no such principal).
    """
    prefix = clean_folder(prefix)
    gate.require(actor, Permission.ACCESS_CHANGE, path=prefix)
    named = _locked(actor, membership_id=membership_id, group_id=group_id, service_account_id=service_account_id)
    entry = entries_of(actor).filter(principal_id=named.id, prefix=prefix).first()
    if entry is None:
        entry = AclEntry(
            organization_id=actor.organization_id,
            environment_id=environment_of(actor),
            membership_id=membership_id,
            group_id=group_id,
            service_account_id=service_account_id,
            prefix=prefix,
            level=level,
            created_by_id=actor.person_id or actor.id,
        )
        entry.save(force_insert=True)
        recorder.record(actor, Tag.ACCESS_GIVEN, target=_target(entry, named), after=_told(entry, named))
        return entry
    return change_level(actor=actor, entry_id=entry.id, level=level)


def change_level(*, actor: Actor, entry_id: UUID, level: Level) -> AclEntry:
    """Give the one whom a rule names another level there. Raises Denied, NotFound as `withdraw_access` does."""
    entry = _to_change(actor, entry_id)
    if entry.level != level:
        named = principal_of(entry)
        before, entry.level = _told(entry, named), level
        entry.save(update_fields=["level"])
        after = _told(entry, named)
        recorder.record(actor, Tag.ACCESS_CHANGED, target=_target(entry, named), before=before, after=after)
    return entry


def withdraw_access(*, actor: Actor, entry_id: UUID) -> AclEntry:
    """Take a rule away; gives it back as it was. The next request counts without it.

    Raises:
        Denied: the actor sees the rule and may not change it.
        NotFound: there is none, or it is not where the actor may look.
    """
    entry = _to_change(actor, entry_id)
    named = principal_of(entry)
    entries_of(actor).filter(pk=entry.pk).delete()
    recorder.record(actor, Tag.ACCESS_WITHDRAWN, target=_target(entry, named), before=_told(entry, named))
    return entry


def _to_change(actor: Actor, entry_id: UUID) -> AclEntry:
    gate.reach(actor, Permission.ACCESS_CHANGE)
    entry = get_entry(actor, entry_id, lock=True)
    if not gate.allows(actor, Permission.ACCESS_CHANGE, path=entry.prefix):
        raise Denied if gate.allows(actor, Permission.ACCESS_READ) else NotFound
    return entry


def _locked(
    actor: Actor, *, membership_id: UUID | None, group_id: UUID | None, service_account_id: UUID | None
) -> Principal:
    """The one whom a new rule names. Locked: two rules for one principal and prefix are made one after the other."""
    if [membership_id, group_id, service_account_id].count(None) != 2:
        raise NamesOne
    if membership_id is not None:
        return of_member(get_member(actor, membership_id, lock=True))
    if group_id is not None:
        return of_group(get_group(actor, group_id, lock=True))
    if service_account_id is not None:
        return of_service_account(get_service_account(actor, service_account_id, lock=True))
    raise NamesOne


def _target(entry: AclEntry, named: Principal) -> Target:
    return Target("access_rule", entry.id, f"{named.name}: {entry.prefix or 'every file'}")


def _told(entry: AclEntry, named: Principal) -> dict[str, str]:
    return {
        "prefix": entry.prefix,
        "level": Level(entry.level).name.lower(),
        named.kind: str(named.id),
        "name": named.name,
    }
