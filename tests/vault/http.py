"""An integrator: a key, and requests as one sends them."""

import hashlib
import json
from typing import Any

from django.test import Client

from hq.db.context import tenant
from tests.factories import Place
from tests.vault.support import files
from vault.models import Blob, StoredObject

CONTENT = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
ETAG = f'"{SHA256}"'


class Api:
    """A client with a key, in one environment."""

    def __init__(self, place: Place, secret: str) -> None:
        self.client = Client(headers={"Authorization": f"Bearer {secret}"})
        self.place = place
        self.base = f"/v1/environments/{place.live_id}"

    def __call__(
        self, verb: str, path: str, data: Any = b"", content_type: str = "application/octet-stream", **headers: str
    ) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.generic(verb, f"{self.base}/{path}", data, content_type, headers=named)

    def put(self, path: str = "a", data: bytes = CONTENT, **more: Any) -> Any:
        return self("PUT", f"objects/{path}", data, **more)

    def get(self, path: str = "a", **headers: str) -> Any:
        return self("GET", f"objects/{path}", content_type="", **headers)

    def json(self, verb: str, path: str, body: Any = None) -> Any:
        return self.client.generic(verb, f"{self.base}/{path}", body and json.dumps(body), "application/json")


def body(response: Any) -> bytes:
    content: bytes = response.getvalue()
    return content


def assert_refused(response: Any, status: int, code: str = "") -> None:
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    assert not code or response.json()["type"].endswith(f"/problems/{code}")


def assert_nothing_is_there(place: Place) -> None:
    with tenant(place.id):
        assert not StoredObject.objects.exists()
        assert not Blob.objects.exists()
    assert files(place) == []
