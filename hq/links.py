"""Reads HQ_DATABASE_URL and HQ_REDIS_URL into what Django and Celery want, and tells whether a link is encrypted."""

from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

# libpq modes that refuse a server whose certificate does not check out.
VERIFIED_TLS = {"verify-ca", "verify-full"}


def database(url: str, *, role: str, pool: bool) -> dict[str, object]:
    """Django's DATABASES entry. The user in the link gives way to `role`, unless the link names `?user=`."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgresql", "postgres"}:
        raise ImproperlyConfigured("HQ_DATABASE_URL must begin with postgresql://.")
    options = dict(parse_qsl(parts.query))
    host = options.pop("host", parts.hostname or "")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": role,
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(parts.port or ""),
        "CONN_HEALTH_CHECKS": not pool,
        # hq.db.prepared keeps statements by itself: psycopg would throw all away on a rollback.
        "OPTIONS": options
        | {"prepare_threshold": None}
        | ({"pool": {"min_size": 2, "max_size": 32, "timeout": 10}} if pool else {}),
    }


def database_is_private(url: str) -> bool:
    """True over a Unix socket or verified TLS."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    host = options.get("host", parts.hostname or "")
    return host.startswith("/") or host == "" or options.get("sslmode") in VERIFIED_TLS


def redis_is_private(url: str) -> bool:
    """True over a Unix socket or TLS."""
    return urlsplit(url).scheme in {"unix", "rediss"}


def broker(url: str) -> str:
    """Celery spells a Unix socket its own way."""
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    return f"redis+socket://{parts.path}?virtual_host={dict(parse_qsl(parts.query)).get('db', '0')}"
