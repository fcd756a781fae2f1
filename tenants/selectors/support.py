"""An operator's place in an organization that let them in for a while (ACC-11)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from hq.authz.actor import Actor, Origin
from hq.authz.levels import ADDED
from hq.authz.permissions import SUPPORT_READS, SUPPORT_WRITES, AuthMethod
from hq.authz.roles import GRANTS, Role, granted
from hq.db import lookups
from tenants.models import LIVE, User
from tenants.selectors.places import Belonging


@dataclass(frozen=True, slots=True, kw_only=True)
class Support(Belonging):
    """`subject_id` is the membership as which the pages are seen; None as support. Over at `ends_at`, by itself."""

    role: str | None  # type: ignore[assignment]  # nobody's, as support
    request_id: UUID
    writes: bool
    ends_at: datetime
    subject_id: UUID | None

    def actor(self, person: User, *, method: AuthMethod, origin: Origin, environment_name: str = LIVE) -> Actor:
        """The operator, visible as such, with what was asked for: never more than support may do at all.

        Seen as a member it is never more than that member may do either.
        """
        may = SUPPORT_READS | SUPPORT_WRITES if self.writes else SUPPORT_READS
        own = granted(Role(self.role), by_rules=self.by_rules) if self.role else GRANTS[Role.ADMIN]
        return Actor(
            organization_id=self.organization_id,
            environment_id=self.environment_id(environment_name),
            home_environment_id=self.live_id,
            kind="operator",
            id=person.id,
            principal_id=self.subject_id,
            label=f"{person.label} (operator)",
            method=AuthMethod.SUPPORT,
            permissions=own & may,
            within=ADDED & may if self.subject_id else frozenset(),
            role=Role(self.role) if self.role else None,
            origin=origin,
        )


def find_support(person_id: UUID, request_id: UUID) -> Support | None:
    """What this request still gives this operator, or None: not theirs, not agreed to, not begun, or over."""
    row = lookups.one("tenants_find_support", person_id, request_id)
    return Support(**row) if row else None
