"""What the lists of people and access share: a page of rows, what to look for, and rules as they are shown."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.urls import reverse

from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.levels import Level
from hq.authz.permissions import Permission
from hq.lib.errors import Invalid
from hq.web.request import TenantRequest
from tenants import selectors
from tenants.forms import LEVELS
from tenants.models import AclEntry
from tenants.selectors.principals import Principals

SHOWN_RULES = 50
MOST_SEARCHED = 254


class Pages:
    """Where a reader is in a long list. What they look for, and the place, stand in the address."""

    def __init__(self, request: TenantRequest, name: str, where: dict[str, str], *kept: str) -> None:
        self.address = reverse(name, kwargs=where)
        self.cursor = request.GET.get("cursor", "")
        self.q = request.GET.get("q", "").strip()
        if len(self.q) > MOST_SEARCHED or "\0" in self.q + self.cursor:
            raise Invalid("Nothing is called like this.")
        self.query = {key: value for key in ("q", *kept) if (value := request.GET.get(key, ""))}

    def uuid(self) -> UUID | None:
        """The cursor of a list by id."""
        return _uuid(self.cursor) if self.cursor else None

    def position(self) -> tuple[str, UUID] | None:
        """The cursor of a list by name: `<id>:<name>`."""
        if not self.cursor:
            return None
        row_id, _, name = self.cursor.partition(":")
        return name, _uuid(row_id)

    def around(self, cursor: str) -> dict[str, str]:
        """Addresses of the next page and of the first, for the template."""
        return {
            "older": f"{self.address}?{urlencode({**self.query, 'cursor': cursor})}" if cursor else "",
            "first": f"{self.address}?{urlencode(self.query)}" if self.cursor else "",
        }


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Invalid("There is no such page.") from None


def choices_of(
    actor: Actor, principals: Principals, asked: UUID | None, *, groups: bool = True
) -> list[tuple[str, list[tuple[str, str]]]]:
    """Whom a form may name: those listed, and the one that its address asks for. Raises NotFound."""
    choices = principals.named(groups=groups)
    if asked is None or any(str(asked) == value for _, listed in choices for value, _ in listed):
        return choices
    found = selectors.find_principal(actor, asked)
    return [("Asked for", [(str(found.id), found.told)]), *choices]


def shown_rule(entry: AclEntry) -> dict[str, Any]:
    """A rule as its row shows it."""
    level = Level(entry.level)
    return {
        "entry": entry,
        "principal": selectors.principal_of(entry),
        "level": level.name.lower(),
        "level_name": level.name.capitalize(),
        "gives": LEVELS[level],
        "where": entry.prefix or "Every file",
    }


def rules_of(actor: Actor, principal_id: UUID) -> dict[str, Any]:
    """The first rules of this environment that name one principal, and whether there are more."""
    rows = selectors.list_entries(actor, who=principal_id, limit=SHOWN_RULES)
    return {
        "rules": [shown_rule(entry) for entry in rows[:SHOWN_RULES]],
        "more_rules": len(rows) > SHOWN_RULES,
        "gives": gate.allows(actor, Permission.ACCESS_CHANGE),
    }
