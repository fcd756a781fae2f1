"""Writes the trail. `record` is the last statement of an action: recording earlier can deadlock two actions."""

import os
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction

from audit import registry
from audit.documents import AT_IN_DOCUMENTS
from audit.masking import of_change, of_request
from audit.models import AccessEntry, AuditEvent, ChainHead, PersonEvent
from audit.tags import ORGANIZATION_WIDE, PersonTag, Tag
from hq.authz.actor import Actor, Origin
from hq.crypto import chain
from hq.db.prepared import prepared
from hq.db.rows import Insert, InsertAt
from hq.lib.canonical import canonical
from hq.lib.clock import now
from hq.lib.errors import Problem
from hq.lib.ids import new_id
from hq.lib.redaction import redact

_LOCK = "SELECT 1 FROM audit_chainhead WHERE organization_id = %s AND environment_id = %s FOR NO KEY UPDATE"
# The head moves on to the event's place and is its link, made as `AuditEvent.document` and `chain.link` make it.
# Whoever waits for it begins where it is by then, at no earlier a time: times go as places do, whatever a clock says.
_PLACE = rf"""
    place AS (
        UPDATE audit_chainhead h SET (length, previous, hash, at, xid) = (
            SELECT h.length + 1, h.hash, sha256('hq-audit-link-v1\000'::bytea || h.hash || sha256(
                %s || convert_to({AT_IN_DOCUMENTS.format("taken.at")}, 'UTF8')
                || %s || convert_to((h.length + 1)::text, 'UTF8') || %s
            )), taken.at, pg_current_xact_id()::text::bigint
            FROM (SELECT greatest(%s, h.at) AS at) AS taken
        ) WHERE h.organization_id = %s AND h.environment_id = %s
        RETURNING h.length, h.previous, h.hash, h.at
    )
"""  # noqa: S608 - constants of ours
_add_event = InsertAt(
    AuditEvent, place=_PLACE, told={"index": "length", "previous": "previous", "hash": "hash", "at": "at"}
)
_add_access = Insert(AccessEntry)


class NoChain(Problem):
    """This act has no environment whose trail could hold it."""

    status = 500


@dataclass(frozen=True, slots=True)
class Target:
    """What an act was done to. The label is sealed; kind and id stand in the clear."""

    kind: str
    id: UUID
    label: str = ""


def _chain_of(actor: Actor, tag: Tag) -> UUID:
    environment_id = actor.home_environment_id if tag in ORGANIZATION_WIDE else actor.environment_id
    if environment_id is None:
        raise NoChain
    return environment_id


def _begin_chain(organization_id: UUID, environment_id: UUID) -> None:
    new = ChainHead(organization_id=organization_id, environment_id=environment_id)
    ChainHead.objects.bulk_create([new], ignore_conflicts=True)  # another act may be as early as this one


def wait_turn(organization_id: UUID, environment_id: UUID) -> None:
    """Wait until nobody else adds to the chain, and let nobody until this transaction ends."""
    with prepared() as cursor:
        cursor.execute(_LOCK, [organization_id, environment_id])
        if cursor.fetchone() is not None:
            return
    _begin_chain(organization_id, environment_id)
    wait_turn(organization_id, environment_id)


def record(
    actor: Actor,
    tag: Tag,
    *,
    target: Target,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str = "",
) -> AuditEvent:
    """Add one event to the chain, in the caller's transaction. `before` and `after` hold JSON values only.

    What people wrote is kept without personal data, and no secret at all (audit.masking).
    """
    environment_id = _chain_of(actor, tag)
    detail = {
        "actor": actor.label,
        "target": target.label,
        "user_agent": redact(actor.origin.user_agent),
        "before": of_change(before),
        "after": of_change(after),
        "reason": redact(reason),
    }
    salt = os.urandom(chain.SALT_BYTES)
    event: AuditEvent = _add_event.row(
        id=new_id(),
        organization_id=actor.organization_id,
        environment_id=environment_id,
        tag=tag,
        actor_kind=actor.kind,
        actor_id=actor.id,
        method=actor.method,
        target_kind=target.kind,
        target_id=str(target.id),
        ip=actor.origin.ip,
        request_id=actor.origin.request_id,
        detail=detail | {"salt": salt.hex()},
        commitment=chain.commitment(salt, canonical(detail)),
    )
    asked = [*event.around_its_place(), now(), actor.organization_id, environment_id]
    # No savepoint of its own: an act that could not be recorded is undone as a whole.
    with transaction.atomic(savepoint=False):
        while (answers := _add_event(event, asked, registry.questions(event))) is None:
            _begin_chain(actor.organization_id, environment_id)
        registry.tell(event, detail, answers)
    return event


def record_access(
    *,
    organization_id: UUID,
    actor: Actor | None,
    origin: Origin,
    verb: str,
    route: str,
    status: int,
    milliseconds: int,
    detail: dict[str, Any],
) -> None:
    """Add one line to the access log, in a transaction of its own, so that a refusal is kept.

    One plain insert, which waits for nobody: its place in the log the line is given later (audit.sequencing). Raises
    what the database raises: a request that cannot be written down is not answered.
    """
    said = {"actor": actor.label if actor else "", "user_agent": redact(origin.user_agent)}
    detail = said | of_request(detail)
    salt = os.urandom(chain.SALT_BYTES)
    _add_access.values(
        id=new_id(),
        organization_id=organization_id,
        environment_id=actor.environment_id if actor else None,
        at=now(),
        actor_kind=actor.kind if actor else "",
        actor_id=actor.id if actor else None,
        method=actor.method if actor else "",
        verb=verb,
        route=route,
        status=status,
        ip=origin.ip,
        request_id=origin.request_id,
        duration_ms=milliseconds,
        detail=detail | {"salt": salt.hex()},
        commitment=chain.commitment(salt, canonical(detail)),
    )


def record_person(tag: PersonTag, *, person_id: UUID | None, origin: Origin, target_id: str = "") -> None:
    """Add one line to an account's own log."""
    PersonEvent.objects.create(
        person_id=person_id,
        at=now(),
        tag=tag,
        ip=origin.ip,
        request_id=origin.request_id,
        user_agent=origin.user_agent,
        target_id=target_id,
    )
