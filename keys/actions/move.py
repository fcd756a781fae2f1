"""Bringing one's own key, and going back (KEY-6). Either way the data keys move and everything is re-encrypted."""

from collections.abc import Sequence

from django.db import transaction

from audit import recorder
from audit.tags import Tag
from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Invalid, Refused
from keys.actions.rotation import begin, refuse_unless_free, target_of
from keys.actions.turns import wait_for_turn
from keys.models import Cmk, Rotation
from keys.providers import Finding, default_provider, examine_key, provider

KMS = "kms"


class KeyNotFit(Invalid):
    """HQ cannot use this key as it is. Nothing was changed."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(" ".join(finding.sentence for finding in findings if not finding.ok))
        self.findings = findings


class AlreadyInUse(Refused):
    """This key is in use already; there is nothing to move."""


def examine_own_key(*, actor: Actor, ref: str) -> list[Finding]:
    """Look whether a KMS key can be brought, and change nothing. Call it outside of transactions: it asks AWS.

    Raises Denied, ProviderUnavailable.
    """
    gate.require(actor, Permission.KEYS_MOVE)
    return examine_key(ref.strip(), actor.organization_id)


def bring_key(*, actor: Actor, ref: str, reason: str = "") -> Rotation:
    """Put the organization under its own KMS key. Looks at the key first; a job moves everything.

    Opens its own transaction, after AWS was asked. Raises Denied, KeyNotFit, AlreadyInUse, KeyNotActive,
    RotationUnderWay, ProviderUnavailable.
    """
    findings = examine_own_key(actor=actor, ref=ref)
    if not all(finding.ok for finding in findings):
        raise KeyNotFit(findings)
    return _move(actor, provider_name=KMS, ref=ref.strip(), customer_owned=True, reason=reason)


def return_key(*, actor: Actor, reason: str = "") -> Rotation:
    """Go back to a key that HQ keeps: a new one. Opens its own transaction.

    Raises Denied, AlreadyInUse, KeyNotActive, RotationUnderWay, ProviderError.
    """
    gate.require(actor, Permission.KEYS_MOVE)
    with tenant(actor.organization_id):
        before = _in_use(actor)
        if not before.customer_owned:
            raise AlreadyInUse
        refuse_unless_free(before)  # before a key is made that nobody would need
    name = default_provider()
    ref = provider(name).create_key({"hq:organization": str(actor.organization_id)})
    return _move(actor, provider_name=name, ref=ref, customer_owned=False, reason=reason)


def _move(actor: Actor, *, provider_name: str, ref: str, customer_owned: bool, reason: str) -> Rotation:
    with transaction.atomic(), tenant(actor.organization_id):
        wait_for_turn(actor.organization_id)
        before = _in_use(actor)
        if (before.provider, before.ref) == (provider_name, ref):
            raise AlreadyInUse
        # Retired from the start: it is in use from the moment that the data keys are under it.
        after, _ = Cmk.objects.get_or_create(
            organization_id=actor.organization_id,
            provider=provider_name,
            ref=ref,
            defaults={"customer_owned": customer_owned, "retired_at": now()},
        )
        rotation = begin(actor, after, from_cmk=before)
        recorder.record(
            actor,
            Tag.KEY_ROTATION_REQUESTED,
            target=target_of(before),
            before={"kept_in": before.provider, "version": before.version},
            after={"kept_in": provider_name, "key": ref},
            reason=reason,
        )
    return rotation


def _in_use(actor: Actor) -> Cmk:
    return Cmk.objects.select_for_update(no_key=True).get(organization_id=actor.organization_id, retired_at=None)
