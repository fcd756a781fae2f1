"""Valkey or the database connection may go away: nothing is lost, nothing is done twice."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from hq.db.context import tenant
from hq.embedded.valkey import Valkey
from hq.lib.ids import new_id
from jobs import actions
from jobs.models import Job
from tests.jobs.conftest import celery
from tests.jobs.support import effects, lose_connection, put, read, until


@pytest.fixture
def celery_worker(own_valkey: Valkey, transactional_db: None) -> Iterator[None]:
    with celery(own_valkey, "--pool", "solo") as child:
        yield
        child.terminate()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("kind", "attempts"), [("test.loses_connection_inside", 2), ("test.loses_connection_at_its_end", 1)]
)
def test_it_is_done_once_when_the_connection_is_lost(kind: str, attempts: int) -> None:
    job = put(kind)
    connection.ensure_connection()
    assert actions.run_one("w")
    until(lambda: read(job).state == Job.State.DONE or (actions.run_one("w") and False))
    assert effects(job.organization_id) == {str(job.id): 1}
    assert read(job).attempts == attempts


@pytest.mark.django_db(transaction=True)
def test_its_end_is_written_on_a_new_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    job = put("test.returns")
    lost: list[bool] = []

    @contextmanager
    def losing_once(organization_id: UUID) -> Iterator[None]:
        with tenant(organization_id):
            if not lost:
                lost.append(True)
                lose_connection()
            yield

    monkeypatch.setattr(actions, "tenant", losing_once)
    assert actions.run_one("w")
    assert lost
    assert (read(job).state, read(job).attempts) == ("DONE", 1)


def test_work_goes_in_when_valkey_is_away(bell: actions._Bell, settings: Settings, transactional_db: None) -> None:
    settings.CELERY_BROKER_URL = "redis+socket:///nonexistent/valkey.sock?virtual_host=0"
    organization_id = new_id()
    began = time.monotonic()
    jobs = [put("test.once", organization_id) for _ in range(20)]
    assert time.monotonic() - began < 5
    assert bell.silent_until > began
    assert all(actions.run_one("w") for _ in jobs)
    assert effects(organization_id) == {str(job.id): 1 for job in jobs}


def test_a_valkey_that_does_not_answer_holds_up_one_request_for_a_second(
    bell: actions._Bell, own_valkey: Valkey, transactional_db: None
) -> None:
    assert own_valkey.child
    os.kill(own_valkey.child.pid, signal.SIGSTOP)
    began = time.monotonic()
    for _ in range(20):
        put("test.once")
    assert time.monotonic() - began < 5
    os.kill(own_valkey.child.pid, signal.SIGCONT)


def test_the_bell_wakes_a_celery_worker_that_outlives_its_valkey(
    bell: actions._Bell, own_valkey: Valkey, celery_worker: None
) -> None:
    organization_id = new_id()
    jobs = [put("test.once", organization_id)]
    until(lambda: read(jobs[0]).state == Job.State.DONE)
    assert own_valkey.child
    own_valkey.child.kill()
    own_valkey.child.wait()
    jobs += [put("test.once", organization_id) for _ in range(5)]
    own_valkey.start()
    bell.silent_until = 0
    actions.ring()  # what the beat does every five seconds
    until(lambda: all(read(job).state == Job.State.DONE for job in jobs))
    assert effects(organization_id) == {str(job.id): 1 for job in jobs}
