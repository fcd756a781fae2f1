"""Which host a request is for: the edge answers names one below its own, and no others."""

import re
from urllib.parse import urlsplit

from django.conf import settings

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PORTS = {"http": 80, "https": 443}


def _pattern(url: str, port: int) -> re.Pattern[str]:
    """Behind a proxy the public port and the one we listen at are two."""
    parts = urlsplit(url)
    public = parts.port or _PORTS[parts.scheme]
    bare = "?" if public == _PORTS[parts.scheme] else ""
    return re.compile(rf"({_LABEL})\.{re.escape(parts.hostname or '')}(?::(?:{public}|{port})){bare}")


_HOST = _pattern(settings.EDGE_URL, settings.EDGE_PORT)


def label_of(host: str) -> str | None:
    """The name below the edge's own that a Host header asks for, or None. Case does not matter in a host name."""
    found = _HOST.fullmatch(host.lower()) if len(host) <= 255 else None
    return found[1] if found else None


def address_of(label: str) -> str:
    """Where something is served, without a slash at the end."""
    parts = urlsplit(settings.EDGE_URL)
    return f"{parts.scheme}://{label}.{parts.netloc}"


def origins_of(label: str) -> frozenset[str]:
    """What a browser calls pages of this host."""
    return frozenset({address_of(label)})
