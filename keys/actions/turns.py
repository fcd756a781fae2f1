"""One change of an organization's keys at a time."""

from uuid import UUID

from django.db import connection


def wait_for_turn(organization_id: UUID) -> None:
    """Until this transaction ends, nobody else provisions, rotates, moves or destroys this organization's keys."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"hq.keys:{organization_id}"])
