"""Saying in time that the certificate of a connection is about to end."""

from datetime import datetime, timedelta
from uuid import UUID

from directory.models import SsoConnection
from hq.lib.clock import now
from hq.lib.text import plural
from keys.registry import Notice, tenancy

WARNED_BEFORE = tuple(timedelta(days=days) for days in (30, 7, 1))  # as directory_attention has it


def is_due(connection: SsoConnection, at: datetime) -> bool:
    """True if one of the limits was crossed since the last warning."""
    ends, warned = connection.certificate_expires_at, connection.warned_at
    limits = [ends - before for before in WARNED_BEFORE] if ends else []
    return any(limit <= at and (warned is None or warned < limit) for limit in limits)


def warn_of_certificates(organization_id: UUID) -> int:
    """Write to owners and admins where it is due; how often. Inside the organization's own transaction."""
    at = now()
    rows = SsoConnection.objects.filter(organization_id=organization_id, state=SsoConnection.State.ACTIVE)
    due = [row for row in rows.select_for_update(no_key=True) if is_due(row, at)]
    for connection in due:
        connection.warned_at = at
        connection.save(update_fields=["warned_at"])
        tenancy().tell_keepers(organization_id, _notice(connection, at))
    return len(due)


def _notice(connection: SsoConnection, at: datetime) -> Notice:
    ends = connection.certificate_expires_at or at
    days = (ends - at).days
    when = f"ends in {plural(days, 'day')}" if days > 0 else ("ends within a day" if ends > at else "has ended")
    return Notice(
        subject=f"The certificate of {connection.name} {when}",
        sentences=(
            f"Members sign in by {connection.name}. Its signing certificate ends on {ends:%-d %B %Y at %H:%M} UTC.",
            "Make a new certificate at the provider and add it here as the second one, before the provider uses it.",
        ),
        path=f"directory/sso/{connection.id}",
    )
