"""The documents of both logs: RFC 8785 bytes of what stands in the clear, and the commitment to what does not.

They are what a link of the chain and a leaf of the tree are made of, so what is written here is for ever. From strings,
ids and whole numbers only, and with keys in ASCII, which orjson writes exactly as RFC 8785 wants it.
"""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import orjson

from hq.crypto import chain

FORMAT: Final = 1
# What an entry of the access log commits to that was written before HQ had them commit: no salt, the sealed bytes.
NO_SALT: Final = bytes(chain.SALT_BYTES)
# As SQL: a time as a document has it.
AT_IN_DOCUMENTS: Final = "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"


def stamp(at: datetime) -> bytes:
    """A time as a document has it."""
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z".encode()


def written(value: dict[str, Any]) -> bytes:
    """Bytes of a document of ours. What comes from outside goes through `hq.lib.canonical` instead."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def admin_document(
    *,
    organization: str | UUID,
    environment: str | UUID,
    index: int,
    at: str,
    tag: str,
    actor_kind: str,
    actor_id: str | UUID,
    method: str,
    target_kind: str,
    target_id: str,
    ip: str | None,
    request: str,
    commitment: str,
) -> bytes:
    """An administrative event's."""
    return written(
        {
            "v": FORMAT,
            "organization": organization,
            "environment": environment,
            "index": index,
            "at": at,
            "tag": tag,
            "actor": {"kind": actor_kind, "id": actor_id, "method": method},
            "target": {"kind": target_kind, "id": target_id},
            "ip": ip,
            "request": request,
            "detail": commitment,
        }
    )


def access_document(
    *,
    organization: str,
    environment: str,
    index: int,
    id: str,
    at: str,
    actor_kind: str,
    actor_id: str | None,
    method: str,
    verb: str,
    route: str,
    status: int,
    ip: str | None,
    request: str,
    ms: int,
    commitment: str,
) -> bytes:
    """That of a request, at the place that it was given. `environment` is the log's, for some the organization's id."""
    return written(
        {
            "v": FORMAT,
            "log": "access",
            "organization": organization,
            "environment": environment,
            "index": index,
            "id": id,
            "at": at,
            "actor": {"kind": actor_kind, "id": actor_id, "method": method},
            "verb": verb,
            "route": route,
            "status": status,
            "ip": ip,
            "request": request,
            "ms": ms,
            "detail": commitment,
        }
    )
