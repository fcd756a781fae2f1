"""A worker may be killed or stopped at any point: nothing is lost, nothing is done twice."""

import signal
from datetime import timedelta
from threading import Event, Thread

import pytest
from django.db import connection

from hq.lib.clock import now
from jobs import actions
from jobs.models import Job
from tests.jobs.conftest import StartWorker
from tests.jobs.support import effects, put, read, until


def done_by_another(job: Job) -> bool:
    """What the beat makes the other workers do, again and again."""
    actions.reap()
    actions.run_one("another")
    return read(job).state == Job.State.DONE


@pytest.mark.parametrize(("point", "attempts"), [("claimed", 2), ("inside", 2), ("ending", 2), ("committed", 1)])
def test_it_is_done_once_when_its_worker_is_killed(start_worker: StartWorker, point: str, attempts: int) -> None:
    job = put("test.once")
    start_worker(point).kill()
    until(lambda: done_by_another(job))
    assert effects(job.organization_id) == {str(job.id): 1}
    assert read(job).attempts == attempts


@pytest.mark.parametrize(
    ("kind", "point"),
    [
        ("test.once", "claimed"),
        ("test.once", "inside"),
        ("test.once", "ending"),
        ("test.returns", "claimed"),
        ("test.reports", "claimed"),
    ],
)
def test_it_is_done_once_when_its_worker_is_stopped_past_the_lease_and_continued(
    start_worker: StartWorker, kind: str, point: str
) -> None:
    job = put(kind)
    stopped = start_worker(point)
    stopped.signal(signal.SIGSTOP)
    until(lambda: done_by_another(job))
    after = read(job)
    stopped.go_on()
    stopped.signal(signal.SIGCONT)
    stopped.wait_for_end()
    assert effects(job.organization_id) == {str(job.id): 1}
    assert read(job).__dict__ | {"_state": None} == after.__dict__ | {"_state": None}


def test_without_the_fence_the_late_worker_would_do_it_again(start_worker: StartWorker) -> None:
    job = put("test.unfenced")
    stopped = start_worker("claimed")
    stopped.signal(signal.SIGSTOP)
    until(lambda: done_by_another(job))
    stopped.go_on()
    stopped.signal(signal.SIGCONT)
    stopped.wait_for_end()
    assert effects(job.organization_id) == {str(job.id): 2}


@pytest.mark.django_db(transaction=True)
def test_the_reaper_leaves_alone_what_is_being_finished() -> None:
    job = put("test.once")
    claim = actions._claim("slow", timedelta(seconds=-1))
    assert claim
    claim.lease = timedelta(minutes=1)
    inside, go_on = Event(), Event()

    def finish() -> None:
        with claim.step():
            inside.set()
            go_on.wait()
            claim.complete()
        connection.close()

    thread = Thread(target=finish)
    thread.start()
    inside.wait()
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = '2s'")
    try:
        assert actions.reap() == 0
    finally:
        go_on.set()
        thread.join()
    assert read(job).state == Job.State.DONE


def test_a_worker_that_reports_in_time_keeps_its_job(start_worker: StartWorker) -> None:
    job = put("test.once")
    working = start_worker("claimed", lease=60)
    assert actions.reap() == 0
    assert not actions.run_one("another")
    working.go_on()
    working.wait_for_end()
    assert read(job).state == Job.State.DONE


def test_a_job_that_kills_every_worker_ends_up_dead(start_worker: StartWorker) -> None:
    job = put("test.once")
    for attempt in range(1, 6):
        start_worker("claimed", lease=0.01).kill()
        until(lambda: actions.reap() == 1)
        assert read(job).attempts == attempt
        until(lambda: read(job).run_at <= now())
    dead = read(job)
    assert dead.state == Job.State.DEAD
    assert dead.error.startswith("WorkerLost: ")
    assert not actions.run_one("another")


def test_a_crash_before_the_commit_leaves_nothing(start_worker: StartWorker) -> None:
    start_worker("enqueued", what="enqueue").kill()
    assert not actions.run_one("another")
