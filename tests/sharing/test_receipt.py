"""The signed receipt of an opened link, for its recipient and for its sharer."""

import hashlib
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from django.test import Client

from audit.models import AuditEvent
from hq.crypto import statements
from hq.db.context import tenant
from keys import selectors as keys
from sharing import actions
from sharing.actions.receipts import NotOpened
from tests.factories import sign_in
from tests.sharing.conftest import FILES, RECIPIENT, share, store

pytestmark = pytest.mark.django_db(transaction=True)
VERIFY = Path(__file__).resolve().parents[2] / "bin" / "verify"


def test_it_says_what_was_there_and_where_the_trail_says_so(place):
    made = share(place, "claims/")
    actor = actions.redeem_share(token=made.token, origin=RECIPIENT).actor
    store(place.actor(), "claims/later", b"1")
    _, file = actions.receipt_of_mine(actor=actor)
    said = statements.open_file(file, {"keys": keys.public_keys()})
    assert said["files"] == [
        {"path": path, "sha256": hashlib.sha256(FILES[path]).hexdigest(), "size": str(len(FILES[path]))}
        for path in sorted(FILES)
    ]
    assert said["files_named_whole"]
    assert said["opened"]["address"] == RECIPIENT.ip
    with tenant(place.id):
        event = AuditEvent.objects.get(tag="share:opened", target_id=str(made.link.id))
    assert said["event"] == {"index": event.index, "hash": bytes(event.hash).hex()}


def test_the_recipient_and_the_sharer_have_the_same_file_and_it_verifies(place, tmp_path):
    made, client = share(place), Client()
    client.post(f"/s/{made.token}")
    mine = client.get(f"/shared/{made.link.id}/receipt/")
    assert "attachment" in mine["Content-Disposition"]
    theirs = sign_in(place.owner).get(f"/o/{place.slug}/live/shares/{made.link.id}/receipt")
    assert theirs.content == mine.content
    (tmp_path / "r.json").write_bytes(mine.content)
    (tmp_path / "jwks.json").write_bytes(orjson.dumps({"keys": keys.public_keys()}))
    ran = subprocess.run(
        [sys.executable, VERIFY, tmp_path / "r.json", "--jwks", tmp_path / "jwks.json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "claims/register.csv" in ran.stdout


def test_there_is_none_before_it_was_opened_and_none_for_strangers(place):
    made = share(place)
    with pytest.raises(NotOpened), tenant(place.id):
        actions.read_receipt(actor=place.actor(), share_id=made.link.id)
    assert Client().get(f"/shared/{made.link.id}/receipt/").status_code == 404


def test_a_receipt_names_as_many_files_as_fit_and_says_that_there_were_more(place, monkeypatch):
    monkeypatch.setattr("sharing.selectors.given.RECEIPTED_MOST", 1)
    actor = actions.redeem_share(token=share(place, "claims/").token, origin=RECIPIENT).actor
    said = statements.open_file(actions.receipt_of_mine(actor=actor)[1], {"keys": keys.public_keys()})
    assert len(said["files"]) == 1
    assert not said["files_named_whole"]
