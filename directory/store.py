"""What is held for minutes between two requests, in Valkey, sealed under a token that only the other side has."""

import json
from typing import Any
from uuid import UUID

from django.core.cache import cache

from hq.crypto import kdf, secrets
from hq.crypto.aead import Aead

_AAD = b"directory\0held"


def _name(token: str) -> str:
    return f"hq.sso.held:{secrets.digest(token).hex()}"


def _seal(token: str) -> Aead:
    return Aead(kdf.derive(token.encode(), info=_AAD))


def hold(value: Any, *, seconds: int) -> str:
    """Keep a JSON value and give the token that opens it. Whoever reads Valkey cannot."""
    token = secrets.random_token()
    cache.set(_name(token), _seal(token).seal(json.dumps(value).encode(), _AAD), timeout=seconds)
    return token


def look(token: str) -> Any:
    """The value, or None if there is none any more."""
    sealed = cache.get(_name(token)) if len(token) >= kdf.KEY_BYTES else None
    return None if sealed is None else json.loads(_seal(token).open(sealed, _AAD))


def take(token: str) -> Any:
    """The value, for the first who takes it; None for everybody after."""
    value = look(token)
    return value if value is not None and cache.delete(_name(token)) else None


def first_time(kind: str, what: str, *, seconds: int) -> bool:
    """True once, and never again for as long. Without Valkey this raises: nothing is taken twice by mistake."""
    return bool(cache.add(f"hq.sso.{kind}:{secrets.digest(what).hex()}", 1, timeout=seconds))


def expect_test(connection_id: UUID, *, seconds: int) -> None:
    """Somebody tries this connection: why an answer is refused is worth keeping for them."""
    cache.set(f"hq.sso.testing:{connection_id}", 1, timeout=seconds)


def expects_test(connection_id: UUID) -> bool:
    return cache.get(f"hq.sso.testing:{connection_id}") is not None
