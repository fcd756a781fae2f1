"""Making keys. It may be repeated and raced: an advisory lock lets one in at a time."""

from collections.abc import Iterable
from uuid import UUID

from hq.authz import gate
from hq.authz.actor import Actor
from hq.authz.permissions import Permission
from hq.db.context import tenant
from hq.db.models import PLATFORM_ID
from hq.db.sealing import Purpose
from keys import registry, rings
from keys.actions.signing import ensure_signing_key
from keys.actions.turns import wait_for_turn
from keys.models import Cmk, DataKey, wrapping_context
from keys.providers import Gone, KeyState, default_provider, provider

ORGANIZATION_PURPOSES = (Purpose.CONTENT, Purpose.METADATA, Purpose.AUDIT, Purpose.BLIND_INDEX)
PLATFORM_PURPOSES = (Purpose.PEOPLE, Purpose.AUDIT, Purpose.METADATA, Purpose.SIGNING)


def provision_keys(*, actor: Actor) -> Cmk:
    """Make the organization's own CMK and its data keys, or find them made (KEY-1, KEY-3). Raises ProviderError."""
    gate.require(actor, Permission.ORGANIZATION_PROVISION)
    return _provide(actor.organization_id, ORGANIZATION_PURPOSES)


def provision_environment_keys(*, actor: Actor, environment_id: UUID) -> DataKey:
    """Make the key that seals one environment's capability tokens (KEY-5), or find it made. Raises ProviderError."""
    gate.require(actor, Permission.ORGANIZATION_PROVISION)
    with tenant(actor.organization_id):
        wait_for_turn(actor.organization_id)
        return _data_key(_cmk(actor.organization_id), Purpose.CAPABILITY, environment_id)


def ensure_platform_keys() -> Cmk:
    """Make the deployment's own CMK and data keys, for what belongs to no organization, and what HQ signs with.

    Called whenever HQ starts.
    """
    cmk = _provide(PLATFORM_ID, PLATFORM_PURPOSES)
    ensure_signing_key()
    for make in registry.starters():
        make()
    return cmk


def _provide(organization_id: UUID, purposes: Iterable[Purpose]) -> Cmk:
    with tenant(organization_id):
        wait_for_turn(organization_id)
        cmk = _cmk(organization_id)
        for purpose in purposes:
            _data_key(cmk, purpose)
    return cmk


def _cmk(organization_id: UUID) -> Cmk:
    """The CMK in use. If the transaction is undone later, the new one stays at its provider, wrapping nothing."""
    in_use = Cmk.objects.filter(organization_id=organization_id, retired_at=None).first()
    if in_use is not None:
        return in_use
    rings.cache.unsettle(organization_id)
    name = default_provider()
    ref = provider(name).create_key({"hq:organization": str(organization_id)})
    return Cmk.objects.create(organization_id=organization_id, provider=name, ref=ref)


def _data_key(cmk: Cmk, purpose: Purpose, environment_id: UUID | None = None) -> DataKey:
    place = {"organization_id": cmk.organization_id, "environment_id": environment_id, "purpose": purpose}
    current = DataKey.objects.filter(**place, retired_at=None).first()
    if current is not None:
        return current
    if cmk.state == KeyState.DESTROYED:  # a customer's own key may still be there, and HQ has certified otherwise
        raise Gone
    rings.cache.unsettle(cmk.organization_id)
    made = provider(cmk.provider).generate_data_key(
        cmk.ref, wrapping_context(cmk.organization_id, environment_id, purpose, version=1)
    )
    return DataKey.objects.create(**place, wrapped=made.wrapped, cmk=cmk, cmk_version=cmk.version)
