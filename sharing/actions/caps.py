"""How much a member may share: the organization's rule, or those of their groups where any names one (SHR-5).

A group's rule is made to be another than everybody's, so it stands in its place. Who is in several such groups has the
most of what any of them gives: being taken into a group takes nothing away.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from django.db.models import Q

from hq.lib.mail_addresses import domain_of
from sharing.actions.words import lasting
from sharing.models import SharingRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """What may be shared at most. As it is made here, it caps nothing."""

    longest_seconds: int | None = None
    password_required: bool = False
    domains: tuple[str, ...] = ()
    write_allowed: bool = True
    requests_allowed: bool = True

    @classmethod
    def of(cls, rule: SharingRule) -> Self:
        return cls(
            longest_seconds=rule.longest_seconds,
            password_required=rule.password_required,
            domains=tuple(rule.domains),
            write_allowed=rule.write_allowed,
            requests_allowed=rule.requests_allowed,
        )

    @property
    def longest(self) -> str:
        """In words."""
        return f"{lasting(self.longest_seconds)} at most" if self.longest_seconds is not None else "as long as links do"

    @property
    def places(self) -> str:
        return " or ".join([", ".join(self.domains[:-1]), self.domains[-1]] if self.domains[1:] else self.domains)

    def lets(self, label: str) -> bool:
        """Whether a link may be for whom this label names: an address of these domains, and nothing beside it."""
        return not self.domains or domain_of(label) in self.domains


def most(caps: Sequence[Cap]) -> Cap:
    """The most that any of these gives, each point by itself."""
    lives = [cap.longest_seconds for cap in caps]
    everywhere = any(not cap.domains for cap in caps)
    return Cap(
        longest_seconds=None if None in lives else max(life for life in lives if life is not None),
        password_required=all(cap.password_required for cap in caps),
        domains=() if everywhere else tuple(sorted({domain for cap in caps for domain in cap.domains})),
        write_allowed=any(cap.write_allowed for cap in caps),
        requests_allowed=any(cap.requests_allowed for cap in caps),
    )


def cap_of(organization_id: UUID, membership_id: UUID | None) -> Cap:
    """What this member may share at most, in one query; for who is none, as everybody. In the tenant's context."""
    named = Q(group__isnull=True)
    if membership_id is not None:
        named |= Q(group__members__membership_id=membership_id)
    rules = list(SharingRule.objects.filter(named, organization_id=organization_id))
    of_groups = [Cap.of(rule) for rule in rules if rule.group_id is not None]
    of_all = [Cap.of(rule) for rule in rules if rule.group_id is None]
    return most(of_groups or of_all or [Cap()])
