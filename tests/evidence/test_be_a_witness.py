"""HQ as the witness of somebody's log: the answers of C2SP's tlog-witness, and never a fork cosigned."""

from datetime import timedelta
from hashlib import sha256
from threading import Barrier, Thread

import pytest
from django.db import connection
from django.test import Client

from evidence.actions import witnessing
from evidence.models import WitnessedLog
from evidence.selectors import own_witness_key
from hq.crypto import notes
from hq.crypto.merkle import EMPTY_ROOT, consistency_proof, leaf_hash, root_of
from hq.crypto.notes import (
    Checkpoint,
    check_cosignature,
    check_note,
    read_note,
    read_verifier_key,
    sign_note,
    verifier_key,
)
from hq.crypto.signatures import public_of, verify
from hq.crypto.transparency import write_submission
from hq.lib.clock import now
from tests.database import as_superuser

pytestmark = pytest.mark.django_db(transaction=True)

ORIGIN, SEED, STRANGER = "other.example/logs/1/admin", b"\x07" * 32, b"\x08" * 32
LEAVES = [leaf_hash(b"%d" % number) for number in range(40)]
FORK = [*LEAVES[:4], *(leaf_hash(b"other %d" % number) for number in range(36))]


@pytest.fixture(autouse=True)
def _witness(settings):
    settings.WITNESSED_LOGS = [verifier_key(ORIGIN, public_of(SEED))]


def note(size, leaves=LEAVES, *, origin=ORIGIN, seed=SEED, root=None):
    return sign_note(Checkpoint(origin, size, root or root_of(leaves[:size])).text(), origin, seed)


def path(old, new, leaves=LEAVES):
    return consistency_proof(old, new, lambda level, index: root_of(leaves[index << level : (index + 1) << level]))


def submit(body, method="post"):
    client = Client(enforce_csrf_checks=True)
    return getattr(client, method)("/witness/add-checkpoint", data=body, content_type="text/plain")


def given(old, new, leaves=LEAVES):
    return write_submission(old, path(old, new, leaves) if old else [], note(new, leaves))


def cosigned(answer, text):
    """The time of our cosignature, as whoever has our key reads it."""
    name, _, public = read_verifier_key(own_witness_key())
    return check_cosignature(read_note(text.encode() + answer.content), name, public)


def seen():
    return WitnessedLog.objects.get(origin=ORIGIN).size


def test_it_cosigns_what_goes_on_from_what_it_has_seen():
    for old, new in ((0, 3), (3, 3), (3, 8), (8, 33)):
        answer = submit(given(old, new))
        assert answer.status_code == 200, answer.content
        assert cosigned(answer, note(new)) <= int(now().timestamp())
        assert seen() == new


def test_monitors_get_the_newest_one_with_both_signatures(client):
    address = f"/witness/{sha256(ORIGIN.encode()).hexdigest()}/checkpoint"
    assert client.get(address).status_code == 404
    answer = submit(given(0, 5))
    kept = client.get(address)
    assert kept.headers["Content-Type"].startswith("text/plain")
    assert kept.content.decode() == note(5) + answer.content.decode()
    check_note(read_note(kept.content), ORIGIN, public_of(SEED))
    assert client.get(f"/witness/{sha256(b'other').hexdigest()}/checkpoint").status_code == 404


def test_a_line_that_anybody_wrote_down_again_and_again_is_looked_at_and_kept_once(client, monkeypatch):
    looked_at = []

    def look(*seen: bytes) -> None:
        looked_at.append(seen)
        verify(*seen)

    monkeypatch.setattr(notes, "verify", look)
    answer = submit(given(0, 5) + note(5).partition("\n\n")[2] * 500)
    assert (answer.status_code, len(looked_at)) == (200, 1)
    kept = client.get(f"/witness/{sha256(ORIGIN.encode()).hexdigest()}/checkpoint")
    assert kept.content.decode() == note(5) + answer.content.decode()


REFUSED = {
    "no submission": (b"", 400),
    "a submission with a line in another spelling": (given(4, 9).replace("old 4", "old 04"), 400),
    "sixty-four hashes": (write_submission(4, [bytes(32)] * 64, note(9)), 400),
    "an older size than the witness's own that is larger than the checkpoint": (
        given(0, 3).replace("old 0", "old 4"),
        400,
    ),
    "an unknown log": (write_submission(0, [], note(9, origin="unknown.example/log")), 404),
    "a key of somebody else": (write_submission(4, path(4, 9), note(9, seed=STRANGER)), 403),
    "a changed text": (given(4, 9).replace("\n9\n", "\n10\n"), 403),
    "a second line of the key that does not hold": (
        given(4, 9) + note(9).split("\n\n")[1][:-10] + "AAAAAAAA=\n",
        None,
    ),
    "a size that it has not seen": (given(5, 9), 409),
    "nothing seen, though it has": (given(0, 9), 409),
    "a proof with a hash changed": (write_submission(4, [bytes(32), *path(4, 9)[1:]], note(9)), 422),
    "a proof cut short": (write_submission(4, path(4, 9)[:-1], note(9)), 422),
    "no proof": (write_submission(4, [], note(9)), 422),
    "a proof for the same size": (write_submission(4, path(4, 9), note(4)), 422),
    "another root at the same size": (write_submission(4, [], note(4, [*LEAVES[:3], LEAVES[9]])), 422),
    "another log's tree": (write_submission(4, path(4, 9), note(9, LEAVES[1:])), 422),
    "a tree of another beginning": (
        write_submission(4, path(4, 9, [LEAVES[9], *FORK]), note(9, [LEAVES[9], *FORK])),
        422,
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_it_refuses(what):
    body, status = REFUSED[what]
    submit(given(0, 4))
    answer = submit(body)
    assert answer.status_code == (status or answer.status_code)
    assert answer.status_code >= 400
    assert "—" not in answer.content.decode()
    assert seen() == 4
    if status == 409:
        assert (answer.content, answer.headers["Content-Type"]) == (b"4\n", "text/x.tlog.size")


def test_an_empty_log_has_the_root_of_nothing():
    assert submit(write_submission(0, [], note(0, root=bytes(32)))).status_code == 422
    assert not WitnessedLog.objects.exists()
    assert submit(write_submission(0, [], note(0, root=EMPTY_ROOT))).status_code == 200
    assert submit(given(0, 3)).status_code == 200


def test_a_first_checkpoint_needs_no_proof_and_takes_none():
    assert submit(write_submission(0, [bytes(32)], note(3))).status_code == 422
    assert not WitnessedLog.objects.exists()


def test_of_two_at_once_that_fork_one_is_cosigned():
    submit(given(0, 4))
    start, answers = Barrier(2), []

    def post(body):
        start.wait()
        answers.append(submit(body).status_code)
        connection.close()

    for _ in range(3):
        bodies = [write_submission(4, path(4, 9, leaves), note(9, leaves)) for leaves in (LEAVES, FORK)]
        threads = [Thread(target=post, args=(body,)) for body in bodies]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answers) == [200, 409]
        assert seen() == 9
        with as_superuser() as database:  # nobody else can have it forget
            database.execute("SET session_replication_role = replica")
            database.execute("UPDATE evidence_witnessedlog SET size = 4, root = %s", [root_of(LEAVES[:4])])
        answers.clear()


def test_a_clock_that_was_set_back_gives_no_earlier_time(monkeypatch):
    first = cosigned(submit(given(0, 4)), note(4))
    monkeypatch.setattr(witnessing, "now", lambda: now() - timedelta(days=1))
    assert cosigned(submit(given(4, 9)), note(9)) >= first


def test_it_answers_posts_only_and_reads_no_more_than_a_submission_has():
    assert submit(b"", "get").status_code == 405
    assert submit(b"old 4\n" + b"x" * 200_000).status_code == 400


def test_a_log_may_have_two_keys_for_a_while(settings):
    settings.WITNESSED_LOGS = [*settings.WITNESSED_LOGS, verifier_key(ORIGIN, public_of(STRANGER))]
    assert submit(given(0, 4)).status_code == 200
    assert submit(write_submission(4, path(4, 9), note(9, seed=STRANGER))).status_code == 200
