"""How long a server asks to be left alone."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from requests import Response

from hq.lib.clock import now


def wait_of(response: Response, longest: timedelta) -> timedelta:
    """What Retry-After asks for, in seconds or as a date (RFC 9110 section 10.2.3); nothing if it cannot be read."""
    said = response.headers.get("Retry-After", "").strip()
    if said.isascii() and said.isdigit():
        return min(timedelta(seconds=int(said[:9])), longest)
    try:
        at: datetime = parsedate_to_datetime(said)
    except (ValueError, OverflowError):  # a year or a zone beyond all numbers
        return timedelta()
    at = at if at.tzinfo else at.replace(tzinfo=UTC)  # "-0000" says UTC without saying where
    return max(timedelta(), min(at - now(), longest))
