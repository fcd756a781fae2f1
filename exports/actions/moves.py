"""Where volumes lie, once a rotation has sealed them anew (see vault.actions.packages)."""

from uuid import UUID

from exports.models import Volume


def follow(organization_id: UUID, old: UUID, new: UUID) -> None:
    """In the transaction that puts the new blob in the place of the old one."""
    Volume.objects.filter(organization_id=organization_id, blob_id=old).update(blob_id=new)
