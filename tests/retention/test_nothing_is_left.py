"""After an erasure a scan of database, bucket and data directory finds nothing of the tenant but what is named here."""

import os
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

from hq.authz.permissions import Permission
from hq.authz.roles import Role
from hq.db.context import tenant
from hq.embedded.postgres import SUPERUSER, find_programs
from sharing import actions as sharing
from tenants import actions as tenants
from tests.database import cluster, database_name
from tests.factories import make_api_key, make_member, make_person, make_place, run_jobs, sign_in
from tests.retention.support import ask, make_due, work
from vault import actions as vault

pytestmark = pytest.mark.django_db(transaction=True)


def word(name: str) -> str:
    return f"canary-{name}-{os.urandom(6).hex()}"


def found_in(sought: dict[str, bytes]) -> set[str]:
    """Which words stand in a dump as the superuser, or in any file of the data directory, or in the name of one."""
    dump = subprocess.run(
        [find_programs() / "pg_dump", "-h", cluster().postgres_sockets, "-U", SUPERUSER, database_name()],
        capture_output=True,
        check=True,
    ).stdout
    files = [path for path in Path(settings.DATA_DIR).rglob("*") if not path.is_symlink()]
    places = [dump, *(str(path).encode() for path in files)]
    places += [path.read_bytes() for path in files if path.is_file()]
    return {
        name for name, value in sought.items() for place in places if value in place or value.hex().encode() in place
    }


def test_a_scan_finds_nothing_of_an_erased_organization():
    words = {name: word(name) for name in ("org", "path", "group", "key", "account", "guest", "reason", "purpose")}
    owner = make_person(email=f"{words['account']}@example.com", name="Olive")
    place = make_place(name=words["org"], owner=owner)
    member = make_member(place, Role.ANALYST, email=f"{words['guest']}@example.com")
    sign_in(owner)
    sign_in(member)
    actor = place.actor()
    vault.put_object(actor=actor, path=f"{words['path']}/file", chunks=[b"text"])
    vault.delete_object(actor=actor, path=f"{words['path']}/file")
    vault.put_object(actor=actor, path=f"{words['path']}/other", chunks=[b"text"])
    with tenant(place.id):
        tenants.create_group(actor=actor, name=words["group"])
        tenants.create_api_key(actor=actor, name=words["key"], scopes=frozenset({Permission.OBJECTS_READ}))
        tenants.invite_member(actor=actor, email=f"{words['guest']}-2@example.com", role=Role.ANALYST)
        sharing.create_share(actor=actor, paths=[f"{words['path']}/other"], ttl_seconds=900, purpose=words["purpose"])
    make_api_key(place)
    run_jobs()
    sought = {name: value.encode() for name, value in words.items()}
    sought |= {"bucket": f"hq-{place.slug}".encode(), "owner's address": owner.email.encode()}
    clear = {"org", "path", "group", "key", "account", "guest", "bucket", "owner's address"}
    assert found_in(sought) == clear, "what stands in the clear: finding it shows that the search finds things"
    ask(place)
    make_due(place.id)
    work()
    assert found_in(sought) == set()
    # What names it by its id: the tombstone, the certificate, the keys' ids, the trail and the job that did it.
    assert found_in({"id": str(place.id).encode()}) == {"id"}
