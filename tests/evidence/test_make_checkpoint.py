"""A checkpoint is signed of a tree that goes on from the last one, and of no other."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.core import mail
from django.db import DatabaseError, connection, transaction

from audit.selectors import consistency, tree_of
from audit.verify import walk
from evidence import registry
from evidence.actions import checkpoints
from evidence.actions.checkpoints import NotAsSigned, make_checkpoint, make_checkpoints, request_checkpoints
from evidence.models import Checkpoint, Incident
from evidence.selectors import checkpoint_at_least, latest_checkpoint, list_logs, origin_of
from evidence.tasks import APART, look_again, sweep
from hq.authz.roles import Role
from hq.crypto.merkle import BadProof, check_consistency
from hq.crypto.signatures import BadSignature
from hq.db import lookups
from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Denied
from jobs.models import Job
from tests.evidence.support import ACCESS, ADMIN, act, behind_its_back, checked, make, newest, rewrite
from tests.factories import make_place, run_jobs

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place():
    place = make_place()
    act(place, 5)
    return place


def known(place):
    with tenant(place.id):
        return {state.log: state for state in list_logs(place.actor())}["admin"]


def test_it_signs_what_the_log_is_now_and_nothing_twice(place):
    first = make(place)
    with tenant(place.id):
        tree = tree_of(place.id, place.live_id, ADMIN)
    committed = checked(first.note, place)
    assert (committed.size, committed.root) == (tree.size, tree.root) == (first.size, bytes(first.root))
    assert make(place) == first
    act(place)
    second = make(place)
    assert second.size == first.size + 1
    with tenant(place.id):
        path = consistency(place.id, place.live_id, ADMIN, first.size, second.size)
        assert latest_checkpoint(place.live_id, "admin") == checkpoint_at_least(place.live_id, "admin", 1) == second
        assert checkpoint_at_least(place.live_id, "admin", second.size + 1) is None
    check_consistency(first.size, second.size, bytes(first.root), bytes(second.root), path)
    assert known(place).state == "whole"


def test_both_logs_have_their_own_and_an_empty_one_has_none(place):
    made = {row.log: row for row in make_checkpoints(place.id, place.live_id)}
    assert set(made) == {"admin"}
    assert made["admin"].origin == origin_of(place.live_id, "admin")
    with pytest.raises(BadSignature):
        checked(made["admin"].note, place, ACCESS)


CHANGES = {
    "rewritten from its third event and hashed anew": (lambda place: rewrite(place, first=3), "forked"),
    "rewritten from its first event": (lambda place: rewrite(place, first=1), "forked"),
    "cut, with a head that fits": (lambda place: rewrite(place, first=4, change="", keep=4), "shorter"),
    "of which the last event was rewritten": (lambda place: rewrite(place, first=7), "forked"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_log_is_not_signed_again_that_was(place, what):
    kept = make(place)
    change, kind = CHANGES[what]
    change(place)
    with tenant(place.id):
        assert walk(place.id, place.live_id).ok  # all by itself the chain fits
    with pytest.raises(NotAsSigned):
        make(place)
    with tenant(place.id):
        assert latest_checkpoint(place.live_id, "admin") == kept
        incident = Incident.objects.get()
        assert (incident.kind, incident.size) == (kind, kept.size)
        found = tree_of(place.id, place.live_id, ADMIN)
    assert known(place).state == "contradicted"
    assert bytes(incident.found_root) == found.root
    # Whoever kept the checkpoint outside finds it alone.
    with tenant(place.id):
        longer = found.size >= kept.size
        path = consistency(place.id, place.live_id, ADMIN, kept.size, found.size) if longer else []
    with pytest.raises(BadProof):
        check_consistency(kept.size, found.size, bytes(kept.root), found.root, path)


def test_a_log_that_was_cut_and_has_outgrown_it_since_is_not_signed(place):
    kept = make(place)
    rewrite(place, first=4, change="", keep=4)
    act(place, 9)
    with pytest.raises(NotAsSigned):
        make(place)
    with tenant(place.id):
        assert Incident.objects.get().kind == "forked"
        assert latest_checkpoint(place.live_id, "admin") == kept


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("UPDATE audit_tile SET hashes = set_byte(hashes, 40, get_byte(hashes, 40) # 1) WHERE log = 'admin'", "forked"),
        ("DELETE FROM audit_tile WHERE log = 'admin'", "damaged"),
        ("UPDATE audit_tile SET hashes = substr(hashes, 1, 64) WHERE log = 'admin'", "damaged"),
        ("UPDATE evidence_checkpoint SET root = set_byte(root, 0, get_byte(root, 0) # 1)", "forked"),
        ("UPDATE evidence_checkpoint SET note = replace(note, 'admin', 'nimda')", "forked"),
        ("UPDATE evidence_checkpoint SET size = size - 1", "forked"),
        ("UPDATE audit_auditevent SET tag = 'share:revoked' WHERE index = 8", "broken"),
    ],
)
def test_what_a_master_of_the_database_breaks_is_not_signed_over(place, statement, kind):
    kept = make(place)
    act(place, 2)
    behind_its_back(statement)
    with pytest.raises(NotAsSigned):
        make(place)
    with tenant(place.id):
        assert Incident.objects.get().kind == kind
    assert newest(place).id == kept.id


def test_the_alarm_is_told_once_and_ends_when_the_log_is_restored(place):
    make(place)
    act(place, 2)
    (column,) = [("UPDATE audit_tile SET hashes = set_byte(hashes, 40, get_byte(hashes, 40) # 1) WHERE log = 'admin'")]
    behind_its_back(column)
    mail.outbox.clear()
    for _ in range(2):
        with pytest.raises(NotAsSigned):
            make(place)
    (told,) = mail.outbox
    assert told.to == [place.owner.email]
    assert "is not what HQ signed" in told.subject
    behind_its_back(column)
    make(place)
    assert known(place).state == "whole"


def test_one_log_that_is_wrong_keeps_no_other_from_being_signed(place):
    make(place)
    rewrite(place, first=3)
    with tenant(place.id):
        list_logs(place.actor())
    with pytest.raises(NotAsSigned):
        make_checkpoints(place.id, place.live_id)
    act_on = make_place()
    assert make(act_on).size


def test_a_clock_that_was_set_back_changes_no_order(place, monkeypatch):
    first = make(place)
    act(place)
    monkeypatch.setattr(checkpoints, "now", lambda: first.at - timedelta(days=1))
    second = make(place)
    assert second.at == first.at
    assert known(place).checkpoint == second


def test_others_are_told_in_the_same_transaction(place, monkeypatch):
    heard = []
    monkeypatch.setattr(registry, "_listeners", {})
    registry.on_checkpoint("tests", lambda *told: heard.append(told))
    made = make(place)
    assert heard == [(place.id, place.live_id, "admin", made.size, made.note)]

    def refuse(*_):
        raise OSError

    act(place)
    registry.on_checkpoint("tests", refuse)
    with pytest.raises(OSError):
        make(place)
    with tenant(place.id):
        assert latest_checkpoint(place.live_id, "admin") == made


def test_asking_for_one_needs_the_permission(place):
    assert [row.log for row in request_checkpoints(actor=place.actor())] == ["admin"]
    with pytest.raises(Denied):
        request_checkpoints(actor=place.actor(Role.DEVELOPER))


@pytest.mark.parametrize("table", ["evidence_checkpoint", "evidence_cosignature", "evidence_incident"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET at = now()", "DELETE FROM {}", "TRUNCATE {}"])
def test_what_was_signed_or_found_is_never_changed(place, table, verb):
    with (
        tenant(place.id),
        pytest.raises(DatabaseError, match=r"permission denied|append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(verb.format(table))


def test_the_sweep_finds_what_has_grown_and_nothing_else(place):
    def due(before):
        rows = lookups.call("evidence_find_due", before)
        return place.live_id in {row["environment_id"] for row in rows}

    assert due(now())
    sweep()
    sweep()
    with tenant(place.id):
        (job,) = Job.objects.filter(kind=checkpoints.MAKE, environment_id=place.live_id)
    run_jobs()
    size = newest(place).size
    with tenant(place.id):
        assert Job.objects.values_list("result__admin", flat=True).get(pk=job.id) == size
    assert not due(now())
    act(place)
    assert due(now())
    assert not due(now() - timedelta(seconds=30))  # its newest one is too new
    rewrite(place, first=2)
    with pytest.raises(NotAsSigned):
        make(place)
    assert not due(now())  # an alarm is not raised every minute


def test_what_is_new_is_committed_to_within_a_minute():
    """It gets its place, the newest checkpoint is old enough, and the next look finds it."""
    every = {each["task"]: each["schedule"] for each in settings.CELERY_BEAT_SCHEDULE.values()}
    assert every["audit.sweep_logs"] + APART + every["evidence.sweep"] <= timedelta(minutes=1)


@pytest.mark.parametrize("rewritten", [{"first": 7}, {"first": 4, "change": "", "keep": 4}])
def test_a_log_that_has_not_grown_is_looked_at_again(place, rewritten):
    make(place)
    rewrite(place, **rewritten)
    look_again()
    run_jobs()
    assert known(place).state == "contradicted"
    look_again()
    with tenant(place.id):
        assert Job.objects.filter(kind=checkpoints.MAKE, state="QUEUED").count() == 0


def test_a_log_that_is_shorter_than_what_was_signed_is_due_at_once(place):
    make(place)
    rewrite(place, first=4, change="", keep=4)
    rows = lookups.call("evidence_find_due", now())
    assert place.live_id in {row["environment_id"] for row in rows}


def test_nobody_sees_or_makes_anothers(place):
    made, other = make(place), make_place()
    with tenant(other.id):
        assert not Checkpoint.objects.filter(pk=made.pk).exists()
        assert latest_checkpoint(place.live_id, "admin") is None
        with pytest.raises(DatabaseError), transaction.atomic():
            Checkpoint.objects.create(
                organization_id=place.id,
                environment_id=place.live_id,
                log="admin",
                size=99,
                root=bytes(32),
                note="",
                at=now(),
            )
    assert make_checkpoint(other.id, place.live_id, ADMIN) is None
