"""One bucket for each organization."""

from uuid import UUID

from django.conf import settings

from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.db.context import tenant
from keys.selectors import kms_key
from vault.models import Bucket
from vault.store import store_for


def provision_bucket(actor: Actor) -> str:
    """Make the organization's bucket, or find it made. Its name follows from the organization, so it is made once.

    Raises WrongRegion, BucketTaken, and what else a store in S3 cannot do.
    """
    gate.require(actor, Permission.ORGANIZATION_PROVISION)
    bucket = Bucket.objects.filter(organization_id=actor.organization_id).first()
    if bucket is None:
        bucket = Bucket(organization_id=actor.organization_id, store=settings.STORE)
        organization = bucket.organization
        # The last digits of a UUIDv7 are random ones; a bucket's name has no underscores (as S3 wants it).
        bucket.name = f"hq-{organization.slug.replace('_', '-')}-{organization.id.hex[-8:]}"
        bucket.region = organization.region
        bucket.save(force_insert=True)
    store_for(bucket.store).make_bucket(bucket.name, kms_key(actor.organization_id))
    return f"{bucket.name}, in {bucket.region}."


def follow_key(organization_id: UUID, cmk: str) -> None:
    """Let the organization's bucket stand under this CMK: the ARN of a key in AWS KMS, or "" for one kept elsewhere.

    Outside of transactions: it may ask S3. What is in the bucket already stays as it is.
    """
    with tenant(organization_id):
        bucket = Bucket.objects.filter(organization_id=organization_id).first()
    if bucket is not None:
        store_for(bucket.store).make_bucket(bucket.name, cmk)
