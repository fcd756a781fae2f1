"""What was stored is nowhere in the clear: not in the data directory, not in the cluster, not in a dump."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from django.conf import settings

from hq.authz.roles import Role
from hq.db.context import tenant
from hq.embedded.postgres import SUPERUSER, find_programs
from sharing import actions as sharing
from tenants import actions
from tests.database import as_superuser, cluster, database_name
from tests.factories import make_api_key, make_person, make_place
from vault import actions as vault

pytestmark = pytest.mark.django_db(transaction=True)
CLEAR = b"visible-by-design"  # paths stand in the clear: finding this one shows that the search finds things


def words() -> dict[str, bytes]:
    """Random words, one for each place where something secret is stored."""
    return {
        name: f"canary-{name}-{os.urandom(8).hex()}".encode() for name in ("file", "name", "email", "purpose", "agent")
    }


def plant(canaries: dict[str, bytes]) -> dict[str, bytes]:
    """Store each word as a person would, and give back the secrets that were made on the way."""
    text = {name: word.decode() for name, word in canaries.items()}
    place = make_place(owner=make_person(name=text["name"]))
    content = b"a line before\n" + canaries["file"] + b"\n" + b"filler " * 20_000 + canaries["file"]
    vault.put_object(actor=place.actor(), path=f"{CLEAR.decode()}.txt", chunks=[content])
    with tenant(place.id):
        invited = actions.invite_member(actor=place.actor(), email=f"{text['email']}@example.com", role=Role.ANALYST)
        made = sharing.create_share(
            actor=place.actor(),
            paths=[f"{CLEAR.decode()}.txt"],
            permission="read",
            ttl_seconds=900,
            purpose=text["purpose"],
        )
    origin = type(place.actor().origin)(ip="203.0.113.9", user_agent=text["agent"], request_id="req_canary")
    session = sharing.redeem_share(token=made.token, origin=origin)
    secrets = {"api key": make_api_key(place), "link": made.token, "session": session.session_token}
    return {name: secret.encode() for name, secret in {**secrets, "invitation": invited.url.rpartition("/")[2]}.items()}


def stored_bytes() -> Iterator[tuple[str, bytes]]:
    """Every file of this worker's data and of the cluster after a checkpoint, and a dump as the superuser."""
    with as_superuser() as database:
        database.execute("CHECKPOINT")
    for folder in (Path(settings.DATA_DIR), cluster().postgres_data):
        for file in folder.rglob("*"):
            if file.is_file() and not file.is_symlink():
                with suppress(FileNotFoundError):  # the server removes files of its log
                    yield str(file), file.read_bytes()
    dump = subprocess.run(
        [find_programs() / "pg_dump", "-h", cluster().postgres_sockets, "-U", SUPERUSER, database_name()],
        capture_output=True,
        check=True,
    )
    yield "pg_dump", dump.stdout


def forms(word: bytes) -> tuple[bytes, ...]:
    """As it is, and as the dump writes binary columns."""
    return word, word.hex().encode()


def test_nothing_that_was_stored_is_found_in_the_clear(settings: object):
    canaries = words()
    secrets = plant(canaries)
    found, seen = [], set()
    for place, content in stored_bytes():
        seen |= {"pg_dump" if place == "pg_dump" else "cluster"} if CLEAR in content else set()
        sought = canaries | secrets
        found += [f"{name} in {place}" for name, word in sought.items() if any(form in content for form in forms(word))]
    assert seen == {"pg_dump", "cluster"}
    assert found == []
