"""Storing objects."""

import hashlib

from tests.vault.conftest import Put, files, get
from hq.authz.actor import Actor


def test_it_gives_back_what_was_stored(actor: Actor, put: Put) -> None:
    made = put("claims/2026-q3/register.parquet", b"one" * 100_000, content_type="application/x-parquet")
    assert made.created
    assert made.version.number == 1
    assert made.version.sha256 == hashlib.sha256(b"one" * 100_000).hexdigest()
    assert get(actor, "claims/2026-q3/register.parquet") == b"one" * 100_000
