"""Asking for an export, and removing one."""

from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError

from audit import recorder
from audit.tags import Tag
from exports import selectors
from exports.actions import mail
from exports.actions.make import forget_later, target_of
from exports.actions.recipients import Lock
from exports.models import LIFE, Export, Volume
from exports.registry import Scope
from exports.selectors import PERMISSIONS
from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Refused, TooMany
from hq.limits.buckets import Bucket, take
from jobs import actions as jobs
from vault.actions.packages import drop_packages

MOST_A_DAY = 10


class AlreadyUnderWay(Refused):
    """One is being made already, or has failed and is still there. Wait for it, or remove it first."""


class TooManyExports(TooMany):
    """That are many exports for one day. Wait as long as the answer says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is exported, and for whom it is encrypted. An own export has every version of one's own."""

    scope: Scope
    lock: Lock
    all_versions: bool = False
    deleted: bool = False


def refuse_second(actor: Actor, scope: Scope) -> None:
    """Before anything costly is done for it. Raises Denied, AlreadyUnderWay."""
    gate.require(actor, PERMISSIONS[scope])
    with tenant(actor.organization_id):
        if selectors.under_way(actor, scope) is not None:
            raise AlreadyUnderWay


def request_export(*, actor: Actor, wish: Wish) -> Export:
    """Begin it: a job makes it from now on. Opens its own transaction: call it outside of any.

    Raises:
        Denied, AlreadyUnderWay, TooManyExports, LimitsUnavailable.
    """
    refuse_second(actor, wish.scope)
    subject = actor.organization_id if wish.scope is Scope.ORGANIZATION else actor.id
    verdict = take(Bucket("exports", f"{wish.scope}:{subject}", MOST_A_DAY, 86_400))
    if not verdict.allowed:
        raise TooManyExports(wait=verdict.retry_after)
    try:
        with tenant(actor.organization_id):
            return _begin(actor, wish)
    except IntegrityError:
        raise AlreadyUnderWay from None


def _begin(actor: Actor, wish: Wish) -> Export:
    whole = wish.scope is Scope.ORGANIZATION
    export = Export(
        organization_id=actor.organization_id,
        scope=wish.scope.value,
        environment_id=actor.home_environment_id or environment_of(actor),
        membership_id=actor.principal_id,
        requested_by_id=actor.id,
        requested_by_label=actor.label,
        recipient=wish.lock.recipient,
        identity=wish.lock.identity,
        all_versions=wish.all_versions or not whole,
        deleted=wish.deleted or not whole,
        expires_at=now() + LIFE,
    )
    export.save(force_insert=True)
    payload = {"export_id": str(export.id)}
    job = jobs.enqueue("exports.make", organization_id=actor.organization_id, payload=payload, key=str(export.id))
    export.job_id = job.id
    export.save(update_fields=["job_id"])
    if whole:
        mail.tell_asked(export, actor.label)
    told = {"encrypted_to": wish.lock.recipient, "by_passphrase": export.by_passphrase}
    recorder.record(
        actor,
        Tag.EXPORT_REQUESTED,
        target=target_of(export),
        after=told | {"all_versions": export.all_versions, "deleted": export.deleted},
    )
    return export


def remove_export(*, actor: Actor, scope: Scope, export_id: UUID) -> None:
    """Take it away at once, made or not: its volumes go with this transaction. Raises Denied, NotFound."""
    gate.require(actor, PERMISSIONS[scope])
    with tenant(actor.organization_id):
        export = selectors.get_export(actor, scope, export_id, lock=True)
        drop(export)
        recorder.record(actor, Tag.EXPORT_REMOVED, target=target_of(export))


def drop(export: Export) -> None:
    """In the caller's transaction, with its row locked: nothing of it can be had any more."""
    volumes = Volume.objects.filter(organization_id=export.organization_id, export_id=export.id)
    blobs = list(volumes.values_list("blob_id", flat=True))
    volumes.delete()
    drop_packages(export.organization_id, blobs)
    export.removed_at, export.identity = now(), None
    export.save(update_fields=["removed_at", "identity"])
    forget_later(export)


def drop_own(actor: Actor, membership_id: UUID) -> None:
    """What a leaving member had made of their own data (see tenants.registry). In the transaction of the removal."""
    rows = Export.objects.filter(organization_id=actor.organization_id, membership_id=membership_id, removed_at=None)
    for export in rows.filter(scope=Export.Scope.OWN).select_for_update(no_key=True).order_by("pk"):
        drop(export)
