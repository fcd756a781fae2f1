"""Endpoints and what their deliveries are signed with."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from audit import recorder
from audit.recorder import Target
from audit.tags import Tag
from hq.authz import gate
from hq.authz.actor import Actor, environment_of
from hq.authz.permissions import Permission
from hq.crypto import webhooks as crypto
from hq.lib.clock import now
from hq.lib.errors import FieldError, Invalid, Refused
from hq.lib.ids import new_id
from hq.lib.outbound import NotFetched, checked
from hq.web.outbound import rules
from tenants.actions.names import clean_name
from webhooks import selectors
from webhooks.models import EVERYTHING, Delivery, Endpoint, Secret

NAME_MOST, ADDRESS_MOST, ENDPOINTS_MOST = 80, 2000, 20
GRACE_MOST = 168


class TooManyEndpoints(Refused):
    """An environment has 20 webhooks at most. Remove one that is not needed any more."""


class AlreadyMade(Refused):
    """This form was sent twice. The secret was shown the first time and cannot be shown again.

    Make a new secret for it.
    """


class AlreadyOn(Refused):
    """This webhook is on already."""


class AlreadyOff(Refused):
    """This webhook is off already."""


@dataclass(frozen=True, slots=True)
class Made:
    """An endpoint, the secret that its receiver verifies with, and the public key for whoever should not sign.

    The secret is known only now.
    """

    endpoint: Endpoint
    secret: str
    public: str


def create_endpoint(
    *, actor: Actor, name: str, url: str, events: Sequence[str], endpoint_id: UUID | None = None
) -> Made:
    """Have events of the actor's environment sent to an address. `events` are tags of the trail, or `*` alone.

    Raises Denied, Invalid, TooManyEndpoints, AlreadyMade.
    """
    gate.require(actor, Permission.WEBHOOKS_MANAGE)
    endpoint = Endpoint(
        id=endpoint_id or new_id(),
        organization_id=actor.organization_id,
        environment_id=environment_of(actor),
        created_by_id=actor.person_id or actor.id,
        **_settings(name, url, events),
    )
    selectors.lock_endpoints(actor)
    if Endpoint.objects.filter(organization_id=actor.organization_id, pk=endpoint.id).exists():
        raise AlreadyMade
    if selectors.count_endpoints(actor) >= ENDPOINTS_MOST:
        raise TooManyEndpoints
    endpoint.save(force_insert=True)
    made = _sign_with(endpoint, actor)
    recorder.record(actor, Tag.WEBHOOK_CREATED, target=_target(endpoint), after=_told(endpoint))
    return made


def change_endpoint(*, actor: Actor, endpoint_id: UUID, name: str, url: str, events: Sequence[str]) -> Endpoint:
    """What waits to be delivered goes to the new address. Raises Denied, NotFound, Invalid."""
    gate.require(actor, Permission.WEBHOOKS_MANAGE)
    endpoint = selectors.get_endpoint(actor, endpoint_id, lock=True)
    before, wanted = _told(endpoint), _settings(name, url, events)
    changed = [field for field, value in wanted.items() if getattr(endpoint, field) != value]
    if not changed:
        return endpoint
    for field in changed:
        setattr(endpoint, field, wanted[field])
    endpoint.changed_at = now()
    endpoint.save(update_fields=[*changed, "changed_at"])
    after = _told(endpoint) | {"changed": changed}
    recorder.record(actor, Tag.WEBHOOK_CHANGED, target=_target(endpoint), before=before, after=after)
    return endpoint


def enable_endpoint(*, actor: Actor, endpoint_id: UUID) -> Endpoint:
    """It is sent what happens from now on. Raises Denied, NotFound, AlreadyOn."""
    gate.require(actor, Permission.WEBHOOKS_MANAGE)
    endpoint = selectors.get_endpoint(actor, endpoint_id, lock=True)
    if endpoint.state == Endpoint.State.ENABLED:
        raise AlreadyOn
    endpoint.state, endpoint.disabled_reason, endpoint.disabled_at = Endpoint.State.ENABLED, "", None
    endpoint.failing_since = endpoint.warned_at = None
    endpoint.save(update_fields=["state", "disabled_reason", "disabled_at", "failing_since", "warned_at"])
    recorder.record(actor, Tag.WEBHOOK_ENABLED, target=_target(endpoint))
    return endpoint


def disable_endpoint(*, actor: Actor, endpoint_id: UUID) -> Endpoint:
    """Nothing more is sent to it, and what waits is not either. Raises Denied, NotFound, AlreadyOff."""
    gate.require(actor, Permission.WEBHOOKS_MANAGE)
    endpoint = selectors.get_endpoint(actor, endpoint_id, lock=True)
    if endpoint.state == Endpoint.State.DISABLED:
        raise AlreadyOff
    switch_off(endpoint, actor, Endpoint.Reason.BY_HAND)
    return endpoint


def switch_off(endpoint: Endpoint, actor: Actor, reason: Endpoint.Reason) -> None:
    """Switch a locked endpoint off, and cancel what waits for it. Asks no permission: for this room only."""
    endpoint.state, endpoint.disabled_reason, endpoint.disabled_at = Endpoint.State.DISABLED, reason, now()
    endpoint.save(update_fields=["state", "disabled_reason", "disabled_at"])
    waiting = Delivery.objects.filter(
        organization_id=endpoint.organization_id, endpoint_id=endpoint.id, state=Delivery.State.PENDING
    )
    cancelled = waiting.update(state=Delivery.State.CANCELLED, finished_at=endpoint.disabled_at, next_at=None)
    after = {"reason": reason.lower(), "cancelled": cancelled}
    recorder.record(actor, Tag.WEBHOOK_DISABLED, target=_target(endpoint), after=after)


def remove_endpoint(*, actor: Actor, endpoint_id: UUID) -> None:
    """Remove it with its secrets and its log. Raises Denied, NotFound."""
    gate.require(actor, Permission.WEBHOOKS_MANAGE)
    endpoint = selectors.get_endpoint(actor, endpoint_id, lock=True)
    # The one thing that comes after what is recorded: whoever records holds the chain, and then touches this row as
    # one of those that the event might be for. Deleting first would have each wait for the other.
    recorder.record(actor, Tag.WEBHOOK_REMOVED, target=_target(endpoint), before=_told(endpoint))
    endpoint.delete()


def rotate_secret(*, actor: Actor, endpoint_id: UUID, grace_hours: int = 24) -> Made:
    """Make a new secret. The former one signs too for so many hours, 0 to 168; one before it no longer does.

    Raises Denied, NotFound, Invalid.
    """
    gate.require(actor, Permission.WEBHOOKS_MANAGE)
    if not 0 <= grace_hours <= GRACE_MOST:
        fault = f"Choose 0 to {GRACE_MOST} hours."
        raise Invalid(fault, errors=[{"pointer": "/grace_hours", "detail": fault}])
    endpoint = selectors.get_endpoint(actor, endpoint_id, lock=True)
    own = Secret.objects.filter(organization_id=actor.organization_id, endpoint_id=endpoint.id)
    own.filter(expires_at__isnull=False).delete()
    if grace_hours:
        own.update(expires_at=now() + timedelta(hours=grace_hours))
    else:
        own.delete()
    made = _sign_with(endpoint, actor)
    recorder.record(actor, Tag.WEBHOOK_SECRET_ROTATED, target=_target(endpoint), after={"grace_hours": grace_hours})
    return made


def _sign_with(endpoint: Endpoint, actor: Actor) -> Made:
    """A new current secret."""
    made = crypto.Secret.make()
    Secret.objects.create(
        organization_id=endpoint.organization_id,
        endpoint_id=endpoint.id,
        symmetric=made.text,
        private=made.private,
        public=made.public,
        created_by_id=actor.person_id or actor.id,
    )
    return Made(endpoint, made.text, made.public)


def _settings(name: str, url: str, events: Sequence[str]) -> dict[str, Any]:
    """What an endpoint is set to, checked. Raises Invalid."""
    faults: list[FieldError] = []
    if fault := _fault_of(url := url.strip()):
        faults.append({"pointer": "/url", "detail": fault})
    wanted = sorted(set(events))
    if wanted != [EVERYTHING] and not (wanted and set(wanted) <= set(Tag)):
        faults.append({"pointer": "/events", "detail": "Choose events of the trail, or * alone for all of them."})
    if faults:
        raise Invalid("The webhook cannot be set like this.", errors=faults)
    return {"name": clean_name(name, most=NAME_MOST), "url": url, "events": wanted}


def _fault_of(url: str) -> str:
    if len(url) > ADDRESS_MOST or not url.isprintable():
        return f"An address has {ADDRESS_MOST} characters at most, and none that cannot be seen."
    try:
        checked(url, rules())
    except NotFetched as fault:
        return str(fault)
    return ""


def _target(endpoint: Endpoint) -> Target:
    return Target("webhook", endpoint.id, endpoint.name)


def _told(endpoint: Endpoint) -> dict[str, Any]:
    """What the trail says of it. The address may carry a secret of the receiver's, so its host alone."""
    return {"name": endpoint.name, "host": urlsplit(endpoint.url).hostname, "events": list(endpoint.events)}
