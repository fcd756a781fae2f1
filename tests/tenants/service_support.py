"""A service of the deployment, which asks in members' names."""

from hashlib import sha256
from time import time
from typing import Any
from urllib.parse import quote
from uuid import UUID

from django.conf import settings
from django.test import Client

from hq.crypto.user_tokens import mint, target

SECRETS = {"k2": b"a newer secret of 32 bytes or more", "k1": b"an older secret of 32 bytes or more"}


class Service:
    """`signed` overrides what is signed, so that the token is of another request than the one that is sent."""

    def __init__(self, key_id: str = "k2") -> None:
        self.key_id, self.client = key_id, Client()

    def token(self, user_id: UUID, method: str, path: str, body: bytes = b"", query: str = "", **signed: Any) -> str:
        made: dict[str, Any] = {
            "key_id": self.key_id,
            "user_id": user_id,
            "audience": settings.BASE_URL,
            "method": method,
            "target": target(path, query),
            "body_sha256": sha256(body).hexdigest(),
            "at": int(time()),
        }
        secret = signed.pop("secret", SECRETS[self.key_id])
        return mint(secret, **(made | signed))

    def send(self, token: str, method: str, path: str, body: bytes = b"", query: str = "", **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()} | {"X-User-Token": token}
        url = quote(path) + (f"?{query}" if query else "")
        kind = "application/json" if body[:1] == b"{" else "application/octet-stream"
        return self.client.generic(method, url, body, kind, headers=named)

    def ask(self, user_id: UUID, method: str, path: str, body: bytes = b"", query: str = "", **signed: Any) -> Any:
        """With the digest of the body where it is stored, as it has to be."""
        headers = {"X_Content_SHA256": sha256(body).hexdigest()} if method == "PUT" else {}
        return self.send(self.token(user_id, method, path, body, query, **signed), method, path, body, query, **headers)
