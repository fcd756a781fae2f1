"""What leaves HQ: the newest checkpoint for anybody, and files that show one entry to be in a log."""

import base64
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from time import process_time
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from audit.models import AccessEntry
from evidence.actions.checkpoints import NotAsSigned, make_checkpoints
from evidence.actions.proofs import NotCovered, prove_entry, prove_request
from evidence.selectors import latest_checkpoint, origin_of, verifier_keys
from hq.authz.permissions import Permission
from hq.crypto import chain
from hq.crypto.merkle import check_consistency, leaf_hash
from hq.crypto.notes import read_verifier_key
from hq.crypto.transparency import check_proof, read_proof
from hq.db.context import tenant
from hq.lib.canonical import canonical
from hq.lib.errors import NotFound
from tenants import actions as tenants
from tests.evidence.support import ACCESS, ADMIN, act, behind_its_back, checked, make
from tests.factories import make_place

VERIFY = Path(__file__).resolve().parents[2] / "bin" / "verify"
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place():
    place = make_place()
    act(place, 3)
    return place


def key(place, *scopes):
    with tenant(place.id):
        made = tenants.create_api_key(actor=place.actor(), name="key", scopes=frozenset(scopes))
    return {"authorization": f"Bearer {made.secret}"}


def url(place, rest):
    return f"/v1/environments/{place.live_id}/audit/{rest}"


def believed(content, place, log=ADMIN):
    """The file as a stranger reads it who has the log's verifier key: everything in it holds, or this raises."""
    file = json.loads(content)
    assert content == canonical(file)
    document = canonical(file["document"])
    origin = origin_of(place.live_id, log)
    _, _, public = read_verifier_key(verifier_keys(origin)[0])
    proof = read_proof(file["proof"].encode())
    check_proof(proof, leaf_hash(document), origin, public)
    assert file["document"]["index"] == proof.index + 1
    assert chain.link(bytes.fromhex(file["previous"]), document).hex() == file["hash"]
    assert file["document"]["detail"] == chain.commitment(bytes.fromhex(file["salt"]), canonical(file["detail"])).hex()
    return file


def test_every_event_has_a_file_that_holds_by_itself(place):
    size = make(place).size
    for index in range(1, size + 1):
        file = prove_entry(actor=place.actor(), log=ADMIN, index=index)
        assert file.name == f"event-proof-{place.live_id}-admin-{index}.json"
        told = believed(file.content, place)
        assert (told["type"], told["v"], told["document"]["index"]) == ("hq/event-proof", 1, index)
        assert len(told["proof"]) <= 2048


def test_one_that_no_checkpoint_covers_has_one_made_for_who_may(place, client):
    reader = key(place, Permission.AUDIT_READ)
    assert client.get(url(place, "events/3/proof"), headers=reader).status_code == 409
    verifier = key(place, Permission.AUDIT_READ, Permission.AUDIT_VERIFY)
    answer = client.get(url(place, "events/3/proof"), headers=verifier)
    assert answer.headers["Content-Disposition"] == f'attachment; filename="event-proof-{place.live_id}-admin-3.json"'
    believed(answer.content, place)
    assert client.get(url(place, "events/3/proof"), headers=reader).status_code == 200


def test_a_request_is_proved_by_its_id(place, client):
    reader = key(place, Permission.AUDIT_READ)
    client.get(url(place, "events"), headers=reader)
    with tenant(place.id):
        entry = AccessEntry.objects.latest("id")
        with pytest.raises(NotFound):
            prove_request(actor=place.actor(), request_id=uuid4())
    file = prove_request(actor=place.actor(), request_id=entry.id)
    told = believed(file.content, place, ACCESS)
    assert (told["document"]["log"], told["document"]["id"]) == ("access", str(entry.id))
    answer = client.get(url(place, f"requests/{entry.id}/proof"), headers=reader)
    assert answer.status_code == 200
    assert believed(answer.content, place, ACCESS)["document"] == told["document"]


def verified(path, *arguments):
    """What the program says that knows no HQ."""
    command = [sys.executable, "-I", str(VERIFY), str(path), *arguments]
    return subprocess.run(command, capture_output=True, check=False, timeout=60, text=True)


def test_the_verifier_without_hq_takes_each_file(place, client, tmp_path):
    reader, key_of_log = key(place, Permission.AUDIT_READ), verifier_keys(origin_of(place.live_id, "admin"))[0]
    first = make(place)
    file = prove_entry(actor=place.actor(), log=ADMIN, index=4)
    (tmp_path / "proof.json").write_bytes(file.content)
    done = verified(tmp_path / "proof.json", "--vkey", key_of_log)
    assert done.returncode == 0, done.stdout + done.stderr
    (tmp_path / "changed.json").write_bytes(file.content.replace(b'"group:created"', b'"group:removed"'))
    assert verified(tmp_path / "changed.json", "--vkey", key_of_log).returncode != 0
    (tmp_path / "checkpoint.txt").write_bytes(client.get(f"/logs/{place.live_id}/admin/checkpoint").content)
    memory = ("--vkey", key_of_log, "--remember", str(tmp_path / "seen.json"))
    assert verified(tmp_path / "checkpoint.txt", *memory).returncode == 0
    act(place, 4)
    second = make(place)
    asked = url(place, f"consistency?from={first.size}&to={second.size}")
    (tmp_path / "later.txt").write_text(client.get(asked, headers=reader).json()["file"])
    done = verified(tmp_path / "later.txt", *memory)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("index", [0, 99])
def test_there_is_no_proof_of_what_is_not_there(place, index):
    with pytest.raises(NotFound):
        prove_entry(actor=place.actor(), log=ADMIN, index=index)


def test_an_entry_that_was_changed_is_not_proved(place):
    make(place)
    behind_its_back("UPDATE audit_auditevent SET tag = 'share:revoked' WHERE index = 4")
    prove_entry(actor=place.actor(), log=ADMIN, index=3)
    with pytest.raises(NotAsSigned):
        prove_entry(actor=place.actor(), log=ADMIN, index=4)


def test_a_proof_takes_milliseconds_and_a_few_statements(place, django_assert_max_num_queries):
    make(place)
    times = []
    for _ in range(20):
        began = process_time()
        prove_entry(actor=place.actor(), log=ADMIN, index=3)
        times.append(process_time() - began)
    assert min(times) < 0.01  # of our own; whoever else is on the machine does not count
    with django_assert_max_num_queries(12):
        prove_entry(actor=place.actor(), log=ADMIN, index=3)


def test_anybody_gets_the_newest_checkpoint_and_nothing_else(place, client):
    address = f"/logs/{place.live_id}/admin/checkpoint"
    unknown = client.get(f"/logs/{uuid4()}/admin/checkpoint")
    assert client.get(address).status_code == unknown.status_code == 404
    assert client.get(address).content == unknown.content
    made = make(place)
    answer = client.get(address)
    assert checked(answer.content.decode(), place).size == made.size
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Cache-Control"] == "public, max-age=10"
    assert client.get(f"/logs/{place.live_id}/access/checkpoint").content == unknown.content
    assert client.get(f"/logs/{place.live_id}/other/checkpoint").status_code == 404
    assert client.post(address).status_code == 405


def test_the_api_tells_of_logs_keys_and_checkpoints(place, client):
    reader = key(place, Permission.AUDIT_READ, Permission.AUDIT_VERIFY)
    first = make(place)
    act(place)
    client.get(url(place, "logs"), headers=reader)
    made = client.post(url(place, "checkpoints"), headers=reader).json()["items"]
    assert [row["log"] for row in made] == ["admin", "access"]
    listed = client.get(url(place, "checkpoints?limit=1"), headers=reader).json()
    (newest,) = listed["items"]
    assert checked(newest["note"], place).size == newest["size"]
    assert base64.b64decode(newest["root"]) == checked(newest["note"], place).root
    then = client.get(url(place, f"checkpoints?cursor={listed['next_cursor']}"), headers=reader).json()
    assert [row["size"] for row in then["items"]] == [first.size]
    (admin, access) = client.get(url(place, "logs"), headers=reader).json()["items"]
    assert (admin["log"], admin["state"], admin["checkpoint"]["size"]) == ("admin", "whole", newest["size"])
    assert admin["verifier_keys"] == verifier_keys(admin["origin"])
    assert client.get(urlsplit(admin["url"]).path).status_code == 200
    assert access["origin"] == origin_of(place.live_id, "access")


def test_the_api_shows_that_one_checkpoint_goes_on_from_another(place, client):
    reader = key(place, Permission.AUDIT_READ)
    first = make(place)
    act(place, 5)
    second = make(place)
    answer = client.get(url(place, f"consistency?from={first.size}&to={second.size}"), headers=reader).json()
    old, new = (checked(answer[name]["note"], place) for name in ("old", "new"))
    check_consistency(old.size, new.size, old.root, new.root, [base64.b64decode(each) for each in answer["proof"]])
    for asked in ("", "?from=1&to=2", f"?from={second.size}&to={first.size}", "?from=x&to=2", "?from=-1&to=2"):
        assert client.get(url(place, f"consistency{asked}"), headers=reader).status_code == 400
    assert client.get(url(place, "consistency?log=other&from=1&to=2"), headers=reader).status_code == 400


def test_a_contradiction_is_told_by_the_api(place, client):
    verifier = key(place, Permission.AUDIT_READ, Permission.AUDIT_VERIFY)
    make_checkpoints(place.id, place.live_id)
    behind_its_back("UPDATE audit_tile SET hashes = set_byte(hashes, 0, get_byte(hashes, 0) # 1) WHERE log = 'admin'")
    answer = client.post(url(place, "checkpoints"), headers=verifier)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, "not-as-signed")
    (admin, _) = client.get(url(place, "logs"), headers=verifier).json()["items"]
    assert admin["state"] == "contradicted"
    assert "are not those that HQ has signed" in admin["incident"]


def test_nobody_proves_anything_of_anothers_log(place, client):
    make(place)
    other = make_place()
    theirs = key(other, Permission.AUDIT_READ, Permission.AUDIT_VERIFY)
    for rest in ("logs", "checkpoints", "events/1/proof", f"requests/{uuid4()}/proof", "consistency?from=1&to=2"):
        assert client.get(url(place, rest), headers=theirs).status_code == 404, rest
    assert client.post(url(place, "checkpoints"), headers=theirs).status_code == 404
    with pytest.raises(NotFound):
        prove_entry(actor=other.actor(environment_id=place.live_id), log=ADMIN, index=1)
    with tenant(other.id):
        assert latest_checkpoint(place.live_id, "admin") is None


def test_a_reader_that_may_not_have_one_made_is_told_to_wait(place):
    bare = replace(place.actor(), permissions=frozenset({Permission.AUDIT_READ}))
    with pytest.raises(NotCovered):
        prove_entry(actor=bare, log=ADMIN, index=1)
