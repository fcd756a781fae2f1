"""What second factors hold, sealed: allauth's one column for seeds, passkeys and recovery codes (KEY-8).

allauth offers a hook that gets a text and not whose it is, and does not call it for passkeys at all. So the whole
document is sealed here, as a row is saved, and opened as one is loaded. The database refuses a document that is not.
"""

import json
import logging
from base64 import b64decode, b64encode
from typing import Any
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.db import connection
from django.db.models.signals import post_init, post_save, pre_save

from hq.crypto.aead import Tampered
from hq.db.models import PLATFORM_ID
from hq.db.sealing import FORMAT, HEADER_BYTES, SHORTEST, KeyUnavailable, Purpose, Ring, header, key_source
from hq.lib.canonical import canonical
from keys.columns import Batch, Held, Step

log = logging.getLogger("hq.tenants")
SEALED = "sealed"
ROWS = 500  # in a transaction
_PLACE = b"mfa_authenticator\0data\0" + PLATFORM_ID.bytes


def _aad(row_id: int, user_id: UUID, kind: str) -> bytes:
    """Ties a document to its row, its person and its kind."""
    return _PLACE + row_id.to_bytes(16) + user_id.bytes + kind.encode()


def _ring() -> Ring:
    return key_source().ring(PLATFORM_ID, Purpose.PEOPLE)


def seal(plain: bytes, aad: bytes, ring: Ring | None = None) -> str:
    """The value as text. Raises KeyUnavailable."""
    ring = ring or _ring()
    ring.seals += 1
    return b64encode(ring.head + ring.seal(plain, aad)).decode()


def unseal(text: str, aad: bytes, ring: Ring | None = None) -> bytes:
    """What was sealed. Raises Tampered, KeyUnavailable."""
    try:
        data = b64decode(text, validate=True)
    except ValueError:
        raise Tampered("A sealed factor is not what was written.") from None
    if len(data) < SHORTEST or data[0] != FORMAT:
        raise Tampered("A sealed factor is not what was written.")
    head = data[:HEADER_BYTES]
    cipher = (ring or _ring()).cipher(head)
    if cipher is None:  # perhaps another process has just made this version
        cipher = key_source().renewed(PLATFORM_ID, Purpose.PEOPLE).cipher(head)
    if cipher is None:
        raise KeyUnavailable(f"Version {int.from_bytes(head[1:])} of the deployment's people key is not there.")
    return cipher.open(data[HEADER_BYTES:], aad)


# ---- rows as they are saved and loaded


def _closed(instance: Authenticator) -> bool:
    return isinstance(instance.data, dict) and SEALED in instance.data


def _open(*, instance: Authenticator, **_: Any) -> None:
    if "data" not in instance.__dict__ or not _closed(instance):
        return
    try:
        plain = unseal(instance.data[SEALED], _aad(instance.pk, instance.user_id, instance.type))
    except Tampered:
        whose = {"column": "mfa_authenticator.data", "row_id": str(instance.pk), "organization_id": str(PLATFORM_ID)}
        log.error("sealed value does not open", extra=whose)  # noqa: TRY400 - the trace would say nothing more
        raise
    instance.data = json.loads(plain)


def _seal(*, instance: Authenticator, update_fields: frozenset[str] | None, **_: Any) -> None:
    if update_fields is not None and "data" not in update_fields:
        return
    if instance.pk is None:  # what it is sealed for must be known before it is written
        instance.pk = _next_id()
    _open(instance=instance)  # a save before this one may have failed
    plain = instance.data
    instance.data = {SEALED: seal(canonical(plain), _aad(instance.pk, instance.user_id, instance.type))}
    instance.__dict__["_plain"] = plain


def _reopen(*, instance: Authenticator, **_: Any) -> None:
    if "_plain" in instance.__dict__:
        instance.data = instance.__dict__.pop("_plain")


def _next_id() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('mfa_authenticator', 'id'))")
        [number] = cursor.fetchone()
    return int(number)


def connect() -> None:
    """Called once, when the app is ready."""
    post_init.connect(_open, sender=Authenticator)
    pre_save.connect(_seal, sender=Authenticator)
    post_save.connect(_reopen, sender=Authenticator)


# ---- for a rotation of the deployment's key

_BYTES = "decode(data ->> 'sealed', 'base64')"


class Factors:
    """Second factors, for the rotation of the deployment's key: all of them are the deployment's."""

    name = "mfa_authenticator"
    title = "Second factors and passkeys"
    purpose = Purpose.PEOPLE

    def count(self, organization_id: UUID) -> Held:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*), coalesce(sum(octet_length({_BYTES})), 0) FROM mfa_authenticator")  # noqa: S608 - a constant of this file
            rows, size = cursor.fetchone()
        return Held(int(rows), int(size))

    def left(self, organization_id: UUID, version: int) -> int:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM mfa_authenticator WHERE {_BYTES} < %s", [header(version)])  # noqa: S608 - a constant of this file
            return int(cursor.fetchone()[0])

    def reseal(self, step: Step, organization_id: UUID, version: int, after: UUID | None, limit: int) -> Batch:
        """Bring the next rows forward, ROWS in each transaction. Raises KeyUnavailable, and what `step` raises."""
        resealed = unopened = 0
        for start in range(0, limit, ROWS):
            most = min(ROWS, limit - start)
            with step():
                rows = self._locked(version, after, most)
                made = self._forward(version, rows)
            resealed, unopened = resealed + made, unopened + len(rows) - made
            if len(rows) < most:
                return Batch(resealed, unopened, None)
            after = UUID(int=rows[-1][0])
        return Batch(resealed, unopened, after)

    def _locked(self, version: int, after: UUID | None, limit: int) -> list[tuple[int, UUID, str, str]]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT id, user_id, type, data ->> 'sealed' FROM mfa_authenticator"  # noqa: S608 - a constant of this file
                f" WHERE id > %s AND {_BYTES} < %s ORDER BY id LIMIT %s FOR NO KEY UPDATE SKIP LOCKED",
                [after.int if after else 0, header(version), limit],
            )
            rows: list[tuple[int, UUID, str, str]] = cursor.fetchall()
        return rows

    def _forward(self, version: int, rows: list[tuple[int, UUID, str, str]]) -> int:
        ring = _ring()
        if ring.current < version:  # a process that does not know of it yet would seal under an older one
            ring = key_source().renewed(PLATFORM_ID, Purpose.PEOPLE)
        made = []
        for row_id, user_id, kind, text in rows:
            aad = _aad(row_id, user_id, kind)
            try:
                made.append((seal(unseal(text, aad, ring), aad, ring), row_id))
            except Tampered:
                whose = {"column": "mfa_authenticator.data", "row_id": str(row_id), "organization_id": str(PLATFORM_ID)}
                log.error("sealed value does not open, so it is left as it is", extra=whose)  # noqa: TRY400 - says it all
        with connection.cursor() as cursor:
            cursor.executemany(
                "UPDATE mfa_authenticator SET data = jsonb_build_object('sealed', %s::text) WHERE id = %s", made
            )
        return len(made)
