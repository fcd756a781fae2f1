"""Identifiers of rows: UUID version 7 (RFC 9562 section 5.7), so that rows sort by when they were made."""

from datetime import datetime, timedelta
from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """Make an id. It tells when it was made, so it is no secret: use `hq.crypto.secrets` for those."""
    return uuid7()


def earliest_id(at: datetime, after: timedelta = timedelta(0)) -> UUID:
    """No id that was made so long after this time, or later, is smaller. There are none from before 1970.

    `after` is apart, as a time of somebody's choice may be the first or the last one that can be written.
    """
    return UUID(int=max(0, int((at.timestamp() + after.total_seconds()) * 1000)) << 80)
