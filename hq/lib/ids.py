"""Identifiers of rows: UUID version 7 (RFC 9562 section 5.7), so that rows sort by when they were made."""

from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """Make an id. It tells when it was made, so it is no secret: use `hq.crypto.secrets` for those."""
    return uuid7()


def earliest_id(at: datetime) -> UUID:
    """No id that was made at this time or later is smaller."""
    return UUID(int=int(at.timestamp() * 1000) << 80)
