"""One bucket for each organization."""

from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from vault.models import Bucket
from vault.store import store_for


def provision_bucket(actor: Actor) -> str:
    """Make the organization's bucket, or find it made. Its name follows from the organization, so it is made once."""
    gate.require(actor, Permission.ORGANIZATION_PROVISION)
    bucket = Bucket.objects.filter(organization_id=actor.organization_id).first()
    if bucket is None:
        bucket = Bucket(organization_id=actor.organization_id)
        organization = bucket.organization
        # The last digits of a UUIDv7 are random ones; a bucket's name has no underscores (as S3 wants it).
        bucket.name = f"hq-{organization.slug.replace('_', '-')}-{organization.id.hex[-8:]}"
        bucket.region = organization.region
        bucket.save(force_insert=True)
    store_for(bucket.store).make_bucket(bucket.name)
    return f"{bucket.name}, in {bucket.region}."
