"""How much stands under an organization's keys. Counted in the background: a page must not wait for it."""

from uuid import UUID

from hq.db.context import tenant
from keys.columns import Held
from keys.models import DataKey, Holding
from keys.registry import holders


def count_held(organization_id: UUID) -> dict[str, Held]:
    """Count what each holder has, and put it down. Left out is what this organization has no key for."""
    with tenant(organization_id):
        purposes = set(
            DataKey.objects.filter(organization_id=organization_id).values_list("purpose", flat=True).distinct()
        )
        found = {
            holder.name: holder.count(organization_id)
            for holder in holders(organization_id)
            if holder.purpose in purposes
        }
        Holding.objects.bulk_create(
            [
                Holding(organization_id=organization_id, holder=name, rows=held.rows, bytes=held.bytes)
                for name, held in found.items()
            ],
            update_conflicts=True,
            unique_fields=["organization_id", "holder"],
            update_fields=["rows", "bytes", "counted_at"],
        )
    return found
