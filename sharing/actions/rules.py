"""Saying what members may share at most. What was shared before goes on as it was made."""

from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from audit import recorder
from audit.recorder import Target
from audit.tags import Tag
from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.db.locks import hold
from hq.lib.clock import now
from hq.lib.errors import Invalid, Refused
from hq.lib.ids import new_id
from hq.lib.mail_addresses import spell_domain
from sharing import selectors
from sharing.actions.caps import Cap
from sharing.models import DOMAINS_MOST, REQUEST_LONGEST, SHORTEST, SharingRule
from tenants import selectors as tenants


class RuleChanged(Refused):
    """The rule was changed after this was reviewed. Nothing was saved; look at it again."""


class NotARule(Invalid):
    """This sharing rule cannot be saved as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleReview:
    """A change as it would be saved. `before` and `wanted` are None where there is no rule. `people`: for how many it
    holds; `live`: links and requests of the organization that go on as they are.
    """

    title: str
    before: Cap | None
    wanted: Cap | None
    people: int
    live: int


def review_rule(*, actor: Actor, group_id: UUID | None, wanted: Cap | None) -> RuleReview:
    """What a change would do, without doing it. Raises NotARule, NotFound for a group that is not there."""
    gate.require(actor, Permission.POLICY_CHANGE)
    title = _title(actor, group_id)
    _check(wanted)
    rule = selectors.find_rule(actor, group_id)
    return RuleReview(
        title=title,
        before=Cap.of(rule) if rule else None,
        wanted=wanted,
        people=tenants.count_group_members(actor, group_id) if group_id else tenants.count_people(actor),
        live=selectors.count_live(actor),
    )


def change_rule(*, actor: Actor, group_id: UUID | None, reviewed: Cap | None, wanted: Cap | None) -> None:
    """Make `wanted` the rule of a group, or of everybody, as long as `reviewed` is what it is now. None is no rule.

    It holds for what is shared from now on. Raises RuleChanged, NotARule, NotFound.
    """
    gate.require(actor, Permission.POLICY_CHANGE)
    hold(f"hq.sharing.rule:{actor.organization_id}")  # there may be no row yet to lock
    title = _title(actor, group_id)
    _check(wanted)
    rule = selectors.find_rule(actor, group_id, lock=True)
    before = Cap.of(rule) if rule else None
    if before != reviewed:
        raise RuleChanged
    if wanted == before:
        return
    rule_id = rule.id if rule else new_id()
    if wanted is None:
        SharingRule.objects.filter(organization_id=actor.organization_id, id=rule_id).delete()
    else:
        row = SharingRule(id=rule_id, organization_id=actor.organization_id, group_id=group_id, changed_at=now())
        for name, value in plain(wanted).items():
            setattr(row, name, value)
        row.save(force_insert=rule is None, force_update=rule is not None)
    recorder.record(
        actor,
        Tag.POLICY_CHANGED,
        target=Target("sharing_rule", rule_id, title),
        before=plain(before) if before else None,
        after=plain(wanted) if wanted else None,
    )


def plain(cap: Cap) -> dict[str, Any]:
    return asdict(cap) | {"domains": list(cap.domains)}


def _title(actor: Actor, group_id: UUID | None) -> str:
    return f"Sharing rule of {tenants.read_group(actor, group_id).name}" if group_id else "Sharing rule for everybody"


def _check(wanted: Cap | None) -> None:
    if wanted is None:
        return
    longest = wanted.longest_seconds
    if longest is not None and not SHORTEST.total_seconds() <= longest <= REQUEST_LONGEST.total_seconds():
        raise _fault("longest", "Between 1 minute and 30 days, or nothing.")
    if len(wanted.domains) > DOMAINS_MOST or any(spell_domain(domain) != domain for domain in wanted.domains):
        raise _fault("domains", f"At most {DOMAINS_MOST} domains, each such as example.com.")


def _fault(name: str, detail: str) -> NotARule:
    return NotARule(detail, errors=[{"pointer": f"/{name}", "detail": detail}])
