"""Writes the trail. `record` is the last statement of an action: recording earlier can deadlock two actions."""

import os
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from audit import registry
from audit.documents import AT_IN_DOCUMENTS, stamp
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
# The document comes as it is up to its index at the time of now, and in pieces for a later one.
_PLACE = rf"""
    place AS (
        UPDATE audit_chainhead h SET length = h.length + 1, previous = h.hash, at = greatest(%s, h.at),
            xid = pg_current_xact_id()::text::bigint,
            hash = sha256('hq-audit-link-v1\000'::bytea || h.hash || sha256(
                CASE WHEN h.at > %s THEN %s || convert_to({AT_IN_DOCUMENTS.format("h.at")}, 'UTF8') || %s ELSE %s END
                || convert_to((h.length + 1)::text, 'UTF8') || %s
            ))
        WHERE h.organization_id = %s AND h.environment_id = %s
        RETURNING h.length, h.previous, h.hash, h.at, h.heard
    )
"""  # noqa: S608 - constants of ours
_add_event = InsertAt(
    AuditEvent,
    place=_PLACE,
    kinds=(datetime, datetime, bytes, bytes, bytes, bytes, UUID, UUID),
    told={"index": "length", "previous": "previous", "hash": "hash", "at": "at"},
    tells="heard",
)
_add_access = Insert(AccessEntry)
_SALT = "salt"


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


def _written(before_salt: dict[str, Any], after_salt: dict[str, Any], salt: bytes) -> tuple[bytes, bytes]:
    """A detail as its commitment covers it, and as it is sealed: with its salt. It is written once for both.

    It comes as the fields whose names stand before `salt` and those that stand after it, some of each.
    """
    first, rest = canonical(before_salt)[:-1], canonical(after_salt)[1:]
    return first + b"," + rest, first + b',"salt":"' + salt.hex().encode() + b'",' + rest


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
    before_salt = {
        "actor": actor.label,
        "before": of_change(before),
        "after": of_change(after),
        "reason": redact(reason),
    }
    after_salt = {"target": target.label, "user_agent": redact(actor.origin.user_agent)}
    detail = before_salt | after_salt
    salt = os.urandom(chain.SALT_BYTES)
    committed, sealed = _written(before_salt, after_salt, salt)
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
        detail=detail | {_SALT: salt.hex()},
        commitment=chain.commitment(salt, committed),
    )
    at = now()
    upto, between, rest = event.around_its_place()
    asked = (at, at, upto, between, upto + stamp(at) + between, rest, actor.organization_id, environment_id)
    try:
        while (heard := _add_event(event, at=asked, encoded={"detail": sealed})) is None:
            _begin_chain(actor.organization_id, environment_id)
        if heard:
            registry.tell(event, detail)
    except BaseException:
        transaction.set_rollback(True)  # an act that could not be recorded is undone as a whole
        raise
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
    committed, sealed = _written(
        {name: value for name, value in detail.items() if name < _SALT},
        {name: value for name, value in detail.items() if name > _SALT},
        salt,
    )
    line = _add_access.row(
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
        detail=detail | {_SALT: salt.hex()},
        commitment=chain.commitment(salt, committed),
    )
    _add_access(line, encoded={"detail": sealed})


def record_person(tag: PersonTag, *, person_id: UUID | None, origin: Origin, target_id: str = "") -> None:
    """Add one line to an account's own log."""
    PersonEvent.objects.create(
        person_id=person_id,
        at=now(),
        tag=tag,
        ip=origin.ip,
        request_id=origin.request_id,
        user_agent=redact(origin.user_agent),
        target_id=target_id,
    )
