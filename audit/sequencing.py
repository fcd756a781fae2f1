"""Gives the lines of the access log their places, and grows the trees over both logs, in batches.

A line is written without looking at any other (recorder.record_access). Here, with the log's head locked, come those
whose transactions are surely over: all before the oldest one that is still under way. So none can turn up later among
those that have their places, whatever clocks say. Places, links, leaves and the head are one transaction: a worker may
be killed anywhere, and two at once take turns. A long transaction of anybody's that writes holds up the places of what
was written after it began, and nothing else.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, ProgrammingError, connection
from psycopg.errors import InsufficientPrivilege, UniqueViolation

from audit.documents import AT_IN_DOCUMENTS, NO_SALT, access_document, admin_document
from audit.models import LogHead
from audit.tags import Log
from audit.trees import Tiles
from hq.crypto import chain, merkle
from hq.db.context import tenant
from hq.lib.errors import Problem

BATCH: Final = 8192
_NONE, _LAST = UUID(int=0), UUID(int=2**128 - 1)  # before and after every id

_HEAD = """
    SELECT size, hash, xid, entry_id, cluster FROM audit_loghead
    WHERE organization_id = %s AND environment_id = %s AND log = %s FOR NO KEY UPDATE
"""
_MOVE = """
    UPDATE audit_loghead SET size = %s, hash = %s, xid = %s, entry_id = %s, cluster = %s
    WHERE organization_id = %s AND environment_id = %s AND log = %s
"""
# The oldest transaction under way, the next that will begin, and the cluster. A snapshot names those of the cluster's
# other databases, too; one that is seen to be theirs after the snapshot was taken has no line here.
_NOW = """
    SELECT coalesce((
        SELECT min(running.xid::text::bigint) FROM pg_snapshot_xip(now) AS running (xid) WHERE NOT EXISTS (
            SELECT FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
            WHERE l.locktype = 'transactionid' AND l.granted AND l.mode = 'ExclusiveLock'
                AND a.datname <> current_database() AND l.transactionid = running.xid::xid
        )
    ), pg_snapshot_xmax(now)::text::bigint),
    pg_snapshot_xmax(now)::text::bigint, (SELECT system_identifier FROM pg_control_system())
    FROM pg_current_snapshot() AS now
"""
# What a line from before commitments commits to, as AccessEntry.committed says it.
_COMMITTED = rf"""
    encode(coalesce(
        e.commitment, sha256('hq-audit-detail-v1\000'::bytea || '\x{NO_SALT.hex()}'::bytea || e.detail)
    ), 'hex')
"""
_WAITING = f"""
    SELECT e.xid, e.id::text, {AT_IN_DOCUMENTS.format("e.at")}, e.actor_kind, e.actor_id::text, e.method, e.verb,
        e.route, e.status, host(e.ip), e.request_id, e.duration_ms, {_COMMITTED}
    FROM audit_accessentry e
    WHERE e.organization_id = %(organization)s AND {{whose}} AND (e.xid, e.id) > (%(xid)s, %(id)s) AND e.xid < %(end)s
        AND NOT EXISTS (SELECT FROM audit_accesslink l WHERE l.id = e.id)
    ORDER BY e.xid, e.id LIMIT %(limit)s
"""  # noqa: S608 - constants of ours
_ITS = _WAITING.format(whose="e.environment_id = %(environment)s")
# In the organization's own log. By two conditions, as row security keeps one over both from using the index.
_OWN = f"""
    SELECT * FROM (({_ITS}) UNION ALL ({_WAITING.format(whose="e.environment_id IS NULL")})) AS e (xid, id)
    ORDER BY e.xid, e.id COLLATE "C" LIMIT %(limit)s
"""  # noqa: S608 - constants of ours
_LINK = """
    INSERT INTO audit_accesslink (id, organization_id, environment_id, index, previous, hash)
    SELECT new.id, %s, %s, %s + new.n,
        substr(chain.hashes, (new.n * 32 - 31)::int, 32), substr(chain.hashes, (new.n * 32 + 1)::int, 32)
    FROM unnest(%s::uuid[]) WITH ORDINALITY AS new (id, n), (SELECT %s::bytea AS hashes) AS chain
"""
_EVENTS = f"""
    SELECT e.index, {AT_IN_DOCUMENTS.format("e.at")}, e.tag, e.actor_kind, e.actor_id::text, e.method, e.target_kind,
        e.target_id, host(e.ip), e.request_id, encode(e.commitment, 'hex'), e.previous, e.hash
    FROM audit_auditevent e
    WHERE e.organization_id = %s AND e.environment_id = %s AND e.index > %s ORDER BY e.index LIMIT %s
"""  # noqa: S608 - constants of ours


class TrailBroken(Problem):
    """The newest entries do not go on from what the tree holds, so nothing is proved of them. Verify the trail."""

    status = 500

    def __init__(self, message: str, log: Log) -> None:
        super().__init__(message)
        self.log = log


@dataclass(slots=True)
class _Head:
    size: int
    hash: bytes
    xid: int
    entry_id: UUID
    cluster: int


def _locked(organization_id: UUID, environment_id: UUID, log: Log) -> _Head:
    """How far the log goes. Nobody else adds to it until this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(_HEAD, [organization_id, environment_id, log])
        row = cursor.fetchone()
    if row is not None:
        size, newest, xid, entry_id, cluster = row
        return _Head(size, bytes(newest), xid, entry_id, cluster)
    new = LogHead(organization_id=organization_id, environment_id=environment_id, log=log)
    LogHead.objects.bulk_create([new], ignore_conflicts=True)  # another worker may be as early as this one
    return _locked(organization_id, environment_id, log)


def _move(head: _Head, organization_id: UUID, environment_id: UUID, log: Log) -> None:
    values: list[Any] = [head.size, head.hash, head.xid, head.entry_id, head.cluster]
    with connection.cursor() as cursor:
        cursor.execute(_MOVE, [*values, organization_id, environment_id, log])


def sequence(organization_id: UUID, environment_id: UUID, limit: int = BATCH) -> tuple[int, bool]:
    """Give the next lines of the access log their places, in one transaction. How many, and whether more may wait.

    Raises TrailBroken, LookupError: the tree lacks hashes that it had.
    """
    with tenant(organization_id):
        head = _locked(organization_id, environment_id, Log.ACCESS)
        rows, more = _next_lines(head, organization_id, environment_id, limit)
        if rows:
            with _going_on(Log.ACCESS, head.size):
                _link(head, organization_id, environment_id, rows)
        _move(head, organization_id, environment_id, Log.ACCESS)
    return len(rows), more


def _next_lines(head: _Head, organization_id: UUID, environment_id: UUID, limit: int) -> tuple[list[Any], bool]:
    """Lines without places whose transactions are over, in order, and whether there may be more; moves the cursor.

    In a cluster that the head does not know - the database was restored into a new one - transactions are numbered
    anew. First come the lines with numbers that are still to come here: they are visible, so they are from before. Then
    everything from the beginning, where what has its place is passed over.
    """
    with connection.cursor() as cursor:
        cursor.execute(_NOW)
        horizon, beyond, cluster = cursor.fetchone()
        restored = head.cluster != cluster
        since = (beyond - 1, _LAST, 2**63 - 1) if restored else (head.xid, head.entry_id, horizon)
        asked = dict(zip(("xid", "id", "end"), since, strict=True))
        asked |= {"organization": organization_id, "environment": environment_id, "limit": limit}
        cursor.execute(_OWN if organization_id == environment_id else _ITS, asked)
        rows = cursor.fetchall()
    full = len(rows) == limit
    if restored and not full:
        head.xid, head.entry_id, head.cluster = 0, _NONE, cluster
    elif not restored:
        head.xid, head.entry_id = (rows[-1][0], UUID(rows[-1][1])) if full else (max(horizon - 1, head.xid), _LAST)
    return rows, full or restored


def _link(head: _Head, organization_id: UUID, environment_id: UUID, rows: Sequence[Any]) -> None:
    organization, environment = str(organization_id), str(environment_id)
    index, previous = head.size, head.hash
    hashes, leaves = [previous], []
    for _, line, at, kind, actor, method, verb, route, status, ip, request, ms, commitment in rows:
        index += 1
        document = access_document(
            organization=organization,
            environment=environment,
            index=index,
            id=line,
            at=at,
            actor_kind=kind,
            actor_id=actor,
            method=method,
            verb=verb,
            route=route,
            status=status,
            ip=ip,
            request=request,
            ms=ms,
            commitment=commitment,
        )
        previous = chain.link_digest(previous, sha256(document).digest())
        hashes.append(previous)
        leaves.append(merkle.leaf_hash(document))
    with connection.cursor() as cursor:
        cursor.execute(_LINK, [organization_id, environment_id, head.size, [row[1] for row in rows], b"".join(hashes)])
    Tiles(organization_id, environment_id, Log.ACCESS).add(head.size, leaves)
    head.size, head.hash = index, previous


@contextmanager
def _going_on(log: Log, size: int) -> Iterator[None]:
    """Raises TrailBroken: others stand already where these would, in the log or its tree; the database keeps them."""
    try:
        yield
    except (IntegrityError, ProgrammingError) as fault:
        if isinstance(fault.__cause__, InsufficientPrivilege | UniqueViolation):
            raise TrailBroken(f"The {log} log holds others already behind entry {size}.", log) from fault
        raise


def grow_admin(organization_id: UUID, environment_id: UUID, limit: int = BATCH) -> tuple[int, bool]:
    """Add the next events to the tree over the administrative log, in one transaction. As `sequence` tells it.

    Raises TrailBroken: what does not follow what the tree holds is never proved. LookupError: the tree lacks hashes.
    """
    with tenant(organization_id):
        head = _locked(organization_id, environment_id, Log.ADMIN)
        with connection.cursor() as cursor:
            cursor.execute(_EVENTS, [organization_id, environment_id, head.size, limit])
            rows = cursor.fetchall()
        leaves = _leaves(head, str(organization_id), str(environment_id), rows)
        with _going_on(Log.ADMIN, head.size - len(leaves)):
            Tiles(organization_id, environment_id, Log.ADMIN).add(head.size - len(leaves), leaves)
        _move(head, organization_id, environment_id, Log.ADMIN)
    return len(rows), len(rows) == limit


def _leaves(head: _Head, organization: str, environment: str, rows: Sequence[Any]) -> list[bytes]:
    leaves = []
    for place, at, tag, kind, actor, method, target_kind, target, ip, request, commitment, previous, newest in rows:
        document = admin_document(
            organization=organization,
            environment=environment,
            index=place,
            at=at,
            tag=tag,
            actor_kind=kind,
            actor_id=actor,
            method=method,
            target_kind=target_kind,
            target_id=target,
            ip=ip,
            request=request,
            commitment=commitment,
        )
        follows = place == head.size + 1 and bytes(previous) == head.hash
        if not follows or chain.link(head.hash, document) != bytes(newest):
            raise TrailBroken(f"Event {head.size + 1} of {environment} does not follow the one before it.", Log.ADMIN)
        head.size, head.hash = place, bytes(newest)
        leaves.append(merkle.leaf_hash(document))
    return leaves
