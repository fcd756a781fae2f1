"""Who asks for what is not there: a host that nobody has, a preview whose address nobody was given."""

from django.conf import settings

from edge.answers import Answer, Asked, text
from edge.door import origin_of
from hq.limits.buckets import Bucket, LimitsUnavailable, take
from hq.web.limits import network_of


def nothing_here(asked: Asked) -> Answer:
    """Who tries many names is slowed down; where nobody counts, each gets the same answer as ever."""
    try:
        verdict = take(Bucket("edge.unknown", network_of(origin_of(asked).ip), *settings.LIMIT_UNKNOWN))
    except LimitsUnavailable:
        return text(404)
    if verdict.allowed:
        return text(404)
    return text(429, b"Too many requests in a short time.\n", ("Retry-After", str(int(verdict.retry_after) + 1)))
