"""Each checkpoint is shown to the deployment's witnesses; what they answer is checked, kept, and heeded."""

import pytest
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured

from evidence.actions.checkpoints import WITNESS
from evidence.models import Cosignature, Incident
from evidence.selectors import (
    list_logs,
    note_of,
    origin_of,
    own_witness_key,
    own_witness_name,
    verifier_keys,
)
from hq.crypto.merkle import check_consistency
from hq.crypto.notes import COSIGNATURE, cosign, read_note, verifier_key
from hq.crypto.signatures import public_of
from hq.crypto.transparency import read_submission
from hq.db.context import tenant
from hq.lib.clock import now
from jobs.models import Job
from tests.evidence.support import act, behind_its_back, checked, make, newest, rewrite
from tests.factories import make_place, run_jobs
from tests.idp.browsing import LOOPBACK
from tests.webhooks.support import NETWORK, receiving

pytestmark = pytest.mark.django_db(transaction=True)
SEED, NAME = b"\x09" * 32, "witness.example/w1"


@pytest.fixture
def place():
    place = make_place()
    act(place, 3)
    return place


@pytest.fixture
def witness(settings):
    settings.OUTBOUND_NETWORKS = LOOPBACK
    with receiving() as found:
        settings.WITNESSES = [f"{verifier_key(NAME, public_of(SEED), COSIGNATURE)} http://127.0.0.1:{found.port}/w1"]
        yield found


def line(checkpoint, name=NAME, seed=SEED, seconds=None):
    text = read_note(checkpoint.note.encode()).text
    return cosign(text, name, seed, seconds or int(now().timestamp())).encode()


def note(place):
    newest_one = newest(place)
    with tenant(place.id):
        return note_of(newest_one)


def job(place):
    with tenant(place.id):
        return Job.objects.filter(kind=WITNESS).latest("id")


def test_a_cosignature_is_added_to_the_note_and_the_next_one_is_asked_from_there(place, witness):
    first = make(place)
    seen = line(first)
    witness.answer(200, seen)
    run_jobs(NETWORK)
    assert note(place) == first.note + seen.decode()
    checked(note(place), place)
    asked = read_submission(witness.got[0].body.encode())
    assert (asked.old, asked.path) == (0, ())
    act(place, 4)
    second = make(place)
    witness.answer(200, line(second))
    run_jobs(NETWORK)
    asked = read_submission(witness.got[1].body.encode())
    assert asked.old == first.size
    check_consistency(first.size, second.size, bytes(first.root), bytes(second.root), asked.path)
    with tenant(place.id):
        (state,) = [each for each in list_logs(place.actor()) if each.log == "admin"]
        assert [(row.witness, row.checkpoint_id) for row in state.witnessed] == [(NAME, second.id)]


def test_a_witness_that_has_seen_another_size_is_shown_the_way_from_there(place, witness):
    first = make(place)
    act(place, 2)
    second = make(place)
    witness.answer(409, b"%d\n" % first.size, Content_Type="text/x.tlog.size")
    witness.answer(200, line(second))
    run_jobs(NETWORK)
    asked = read_submission(witness.got[1].body.encode())
    check_consistency(first.size, second.size, bytes(first.root), bytes(second.root), asked.path)
    assert asked.old == first.size
    with tenant(place.id):
        assert Cosignature.objects.get().checkpoint_id == second.id


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500, 302])
def test_one_that_refuses_or_is_away_is_asked_again_later(place, witness, status):
    made = make(place)
    witness.answer(status, b"", Location="http://127.0.0.1/")
    run_jobs(NETWORK)
    assert (job(place).state, job(place).attempts) == ("QUEUED", 1)
    with tenant(place.id):
        assert not Incident.objects.exists()
        Job.objects.update(run_at=now())
    witness.answer(200, line(made))
    run_jobs(NETWORK)
    assert job(place).state == "DONE"
    assert len(witness.got) == 2


ANSWERS = {
    "nothing": lambda made: b"",
    "another's signature": lambda made: line(made, seed=b"\x01" * 32),
    "another's name": lambda made: line(made, name="other.example/w"),
    "the log's own signature": lambda made: made.note.split("\n\n")[1].encode(),
    "a time far ahead": lambda made: line(made, seconds=int(now().timestamp()) + 10**6),
    "a time without end": lambda made: line(made, seconds=2**63 - 1),
    "a page": lambda made: b"<html></html>\n",
    "a cut line": lambda made: line(made)[:-9],
    "a text before it": lambda made: b"more text\n\n" + line(made),
}


@pytest.mark.parametrize("what", ANSWERS)
def test_what_is_no_cosignature_of_the_witness_is_not_kept(place, witness, what):
    made = make(place)
    witness.answer(200, ANSWERS[what](made))
    run_jobs(NETWORK)
    assert job(place).error.startswith("NotCosigned")
    assert note(place) == made.note


@pytest.mark.parametrize(("status", "body"), [(422, b""), (409, b"1000\n")])
def test_a_witness_that_has_seen_another_log_raises_an_alarm(place, witness, status, body):
    make(place)
    witness.answer(status, body)
    run_jobs(NETWORK)
    with tenant(place.id):
        assert Incident.objects.get().kind == "witness"
        (state,) = [each for each in list_logs(place.actor()) if each.log == "admin"]
    assert state.state == "contradicted"
    act(place)
    assert make(place).size  # HQ's own checkpoints still fit each other


@pytest.mark.parametrize("body", [b"", b"-1\n", b"01\n", b"1", b"x\n"])
def test_a_size_that_is_none_is_not_believed(place, witness, body):
    make(place)
    witness.answer(409, body)
    run_jobs(NETWORK)
    assert job(place).error.startswith("WitnessRefused")
    assert len(witness.got) == 1


def test_one_that_tells_another_size_each_time_does_not_hold_a_worker(place, witness):
    make(place)
    witness.then = (409, {}, b"1\n")
    run_jobs(NETWORK)
    assert len(witness.got) == 3
    assert job(place).state == "QUEUED"


def test_a_witness_is_asked_once_for_many_checkpoints_that_it_missed(place, witness):
    for _ in range(3):
        act(place)
        newest = make(place)
    with tenant(place.id):
        assert Job.objects.filter(kind=WITNESS).count() == 1
    witness.answer(200, line(newest))
    run_jobs(NETWORK)
    assert len(witness.got) == 1


def test_two_deployments_agree_and_a_rewritten_log_is_found_by_the_other(place, settings, address):
    """HQ is its own witness here: what it keeps as one knows nothing of what it keeps as the log."""
    settings.OUTBOUND_NETWORKS = LOOPBACK
    settings.WITNESSES = [f"{own_witness_key()} {address}/witness"]
    settings.WITNESSED_LOGS = verifier_keys(origin_of(place.live_id, "admin"))
    make(place)
    run_jobs(NETWORK)
    assert [each.name for each in read_note(note(place).encode()).signatures][1] == own_witness_name()
    rewrite(place, first=2)
    behind_its_back("TRUNCATE evidence_cosignature, evidence_checkpoint, evidence_incident, jobs_job")
    act(place)
    make(place)  # HQ itself has nothing left that says otherwise
    run_jobs(NETWORK)
    with tenant(place.id):
        assert Incident.objects.get().kind == "witness"
        assert not Cosignature.objects.exists()


@pytest.mark.parametrize("name", ["WITNESSES", "WITNESSED_LOGS"])
@pytest.mark.parametrize("word", ["nonsense", "w.example+01020304+AQID https://w.example", "https://w.example"])
def test_settings_that_cannot_be_read_are_found_at_the_start(settings, name, word):
    setattr(settings, name, [word])
    with pytest.raises(ImproperlyConfigured, match=f"HQ_{name} cannot be read"):
        apps.get_app_config("evidence").ready()
