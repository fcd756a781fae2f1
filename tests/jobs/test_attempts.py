"""What fails is tried again, later each time, until it is dead."""

import logging
from datetime import timedelta

import pytest

from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.errors import Refused
from jobs import actions
from jobs.models import Job
from jobs.registry import LeaseLost, RunningJob
from tests.jobs.support import effects, make_due, put, read

pytestmark = pytest.mark.django_db


def claimed(job: Job, lease: float = 60) -> RunningJob:
    claim = actions._claim("w", timedelta(seconds=lease))
    assert claim is not None
    assert claim.id == job.id
    return claim


def test_it_is_queued_again_and_then_dead() -> None:
    job = put("test.fails")
    assert actions.run_one("w")
    first = read(job)
    assert (first.state, first.attempts, first.claim_id) == ("QUEUED", 1, None)
    assert first.run_at > job.run_at
    make_due(job)
    assert actions.run_one("w")
    last = read(job)
    assert (last.state, last.attempts) == ("DEAD", 2)
    assert last.finished_at is not None
    assert not actions.run_one("w")


def test_the_error_names_the_class_and_tells_no_value(caplog: pytest.LogCaptureFixture) -> None:
    job = put("test.fails")
    with caplog.at_level(logging.DEBUG):
        assert actions.run_one("w")
    assert read(job).error == "Secret: The worker's log names the place."
    assert "hunter2" not in caplog.text
    assert "support.py:" in str([record.__dict__ for record in caplog.records])


def test_a_refusal_of_ours_keeps_its_sentence() -> None:
    assert (
        actions.describe(Refused("The key is scheduled for deletion.")) == "Refused: The key is scheduled for deletion."
    )


def test_the_wait_doubles_up_to_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "BACKOFF_BASE", timedelta(seconds=2))
    for attempt, most in [(1, 2), (2, 4), (5, 32), (11, 2048), (12, 3600), (500, 3600)]:
        waits = {actions.backoff(attempt).total_seconds() for _ in range(50)}
        assert most / 2 <= min(waits) <= max(waits) <= most
        assert len(waits) > 1


def test_a_lost_one_waits_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "BACKOFF_BASE", timedelta(seconds=2))
    job = put("test.once")
    claimed(job, lease=-1)
    assert actions.reap() == 1
    after = read(job)
    assert (after.state, after.claim_id, after.lease_until) == ("QUEUED", None, None)
    assert timedelta(seconds=0.9) < after.run_at - now() < timedelta(seconds=2)
    assert after.error == "WorkerLost: The worker gave no sign of life within its lease."


def test_progress_is_kept_and_renews_the_lease() -> None:
    job = put("test.once")
    claim = claimed(job, lease=-1)
    claim.lease = timedelta(minutes=1)
    claim.progress(3, 9, "three of nine " + "x" * 300)
    row = read(job)
    assert (row.done, row.total, row.message[:13], len(row.message)) == (3, 9, "three of nine", 200)
    assert actions.reap() == 0


def test_a_job_given_to_another_takes_no_word_of_the_first() -> None:
    job = put("test.once")
    first = claimed(job, lease=-1)
    assert actions.reap() == 1
    make_due(job)
    second = claimed(job)
    with pytest.raises(LeaseLost):
        first.progress(1)
    with pytest.raises(LeaseLost), first.step():
        put("test.effect", job.organization_id, payload={"of": job.id})
    with pytest.raises(LeaseLost), tenant(job.organization_id):
        first.complete()
    actions._settle(first, {"message": "late"})
    row = read(job)
    assert (row.state, row.claim_id, row.message) == ("RUNNING", second.claim_id, "")
    assert not effects(job.organization_id)


def test_the_fence_says_when_it_stands_in_the_wrong_place() -> None:
    claim = claimed(put("test.once"))
    with pytest.raises(RuntimeError, match="organization"):
        claim.fence()


def test_a_result_is_small_or_a_failed_attempt() -> None:
    job = put("test.returns")
    assert actions.run_one("w")
    assert read(job).result == {"attempt": 1}
    with pytest.raises(actions.NotSmall):
        actions.small({"text": "x" * 300})


def test_what_was_done_long_ago_is_forgotten_and_the_dead_are_not() -> None:
    done, dead = put("test.once"), put("test.once")
    long_ago = now() - timedelta(days=31)
    for job, state in ((done, "DONE"), (dead, "DEAD")):
        with tenant(job.organization_id):
            Job.objects.filter(id=job.id).update(state=state, finished_at=long_ago, error="X: y.")
    actions.reap()
    assert read(dead)
    with pytest.raises(Job.DoesNotExist):
        read(done)
