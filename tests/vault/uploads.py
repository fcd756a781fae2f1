"""Uploads as their makers do them."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from hq.authz.actor import Actor, Origin
from hq.db.context import tenant
from tests.factories import Place
from vault import actions
from vault.actions import uploads
from vault.models import Upload

SMALL = 1000  # bytes of a part, where tests say so
ORIGIN = Origin(ip="203.0.113.7", user_agent="tests", request_id="req_1")


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of 1,000 bytes, so that a short file has several."""
    monkeypatch.setattr(uploads, "part_size", lambda _: SMALL)


def content(size: int) -> bytes:
    return os.urandom(size)


def begin(actor: Actor, data: bytes, path: str = "claims/a", **more: Any) -> Upload:
    return actions.begin_upload(actor=actor, path=path, size=len(data), **more)


def token_of(address: str) -> str:
    return address.rpartition("/")[2]


def send(actor: Actor, upload: Upload, data: bytes, parts: Sequence[int] | None = None) -> None:
    """Send some parts, or all, as their addresses say."""
    count = -(-upload.size // upload.part_size)
    numbers = list(parts if parts is not None else range(1, count + 1))
    if not numbers:
        return
    for signed in actions.address_parts(actor=actor, upload_id=upload.id, parts=numbers):
        start = (signed.part - 1) * upload.part_size
        place = actions.open_part(token=token_of(signed.address.url), origin=ORIGIN)
        place.receive(signed.size, [data[start : start + signed.size]])


def incoming(place: Place) -> list[Path]:
    """Every file that waits in the place's bucket."""
    folder = Path(settings.DATA_DIR) / "objects"
    buckets = folder.glob(f"*-{place.id.hex[-8:]}")
    return [file for bucket in buckets for file in (bucket / "incoming").rglob("*") if file.is_file()]


def row(place: Place, upload: Upload) -> Upload:
    with tenant(place.id):
        return Upload.objects.get(pk=upload.pk)
