"""Service accounts: machines that access rules can name, and whose keys stay when the person who made them leaves."""

from uuid import UUID

from django.db import IntegrityError, transaction

from audit import recorder
from audit.recorder import Target
from audit.tags import Tag
from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.lib.clock import now
from hq.lib.errors import Refused
from hq.lib.ids import new_id
from tenants.actions.names import clean_name
from tenants.models import AclEntry, ApiKey, Organization, ServiceAccount
from tenants.selectors.machines import get_service_account

NAME_MOST = 80


class ServiceAccountNameTaken(Refused):
    """There is a service account of this name already."""


def create_service_account(*, actor: Actor, name: str, account_id: UUID | None = None) -> ServiceAccount:
    """Make a service account, without keys. Asked a second time with the same id, it gives the one that it made.

    Raises Denied, Invalid (the name), ServiceAccountNameTaken.
    """
    gate.require(actor, Permission.ACCESS_CHANGE)
    account = ServiceAccount(
        id=account_id or new_id(),
        organization_id=actor.organization_id,
        name=clean_name(name, most=NAME_MOST),
        created_by_id=actor.person_id or actor.id,
    )
    made = ServiceAccount.objects.filter(organization_id=actor.organization_id, pk=account.id).first()
    if made is not None:
        return made
    try:
        with transaction.atomic():
            account.save(force_insert=True)
    except IntegrityError as error:
        raise ServiceAccountNameTaken from error
    recorder.record(
        actor,
        Tag.SERVICE_ACCOUNT_CREATED,
        target=Target("service_account", account.id, account.name),
        after={"name": account.name},
    )
    return account


def end_service_account(*, actor: Actor, account_id: UUID) -> ServiceAccount:
    """End one: its keys are refused with the next request, and its rules go. In both environments.

    Raises Denied, NotFound.
    """
    gate.require(actor, Permission.ACCESS_CHANGE)
    account = get_service_account(actor, account_id, lock=True)
    # As every verb that ends several keys: or two of them could wait for each other.
    Organization.objects.select_for_update(no_key=True).get(pk=actor.organization_id)
    account.ended_at = now()
    account.save(update_fields=["ended_at"])
    keys = ApiKey.objects.filter(organization_id=actor.organization_id, service_account_id=account.id, revoked_at=None)
    names = list(keys.order_by("pk").values_list("name", flat=True))
    keys.update(revoked_at=account.ended_at)
    rules, _ = AclEntry.objects.filter(organization_id=actor.organization_id, service_account_id=account.id).delete()
    recorder.record(
        actor,
        Tag.SERVICE_ACCOUNT_ENDED,
        target=Target("service_account", account.id, account.name),
        before={"name": account.name, "keys": names, "rules": rules},
    )
    return account
