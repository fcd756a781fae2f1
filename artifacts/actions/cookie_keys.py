"""The keys that cookies of the edge are signed with: they follow from HQ_SECRET_KEY, and from the older ones.

A key that a key group of CloudFront has goes by the id that CloudFront gave it (HQ_EDGE_KEY_IDS), any other by its own
thumbprint.
"""

from functools import cache

from django.conf import settings

from hq.crypto.cloudfront import PolicyKey


@cache
def keys() -> tuple[tuple[str, PolicyKey], ...]:
    """Id and key, the one that signs first."""
    made = [PolicyKey(secret.encode()) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
    return tuple((id_of(key), key) for key in made)


def id_of(key: PolicyKey) -> str:
    """What CloudFront-Key-Pair-Id says of it."""
    given = dict(pair.split("=", 1) for pair in settings.EDGE_KEY_IDS)
    return given.get(key.thumbprint, f"HQ{key.thumbprint.upper()}")
