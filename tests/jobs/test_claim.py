"""Many workers, each job once."""

from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection

from hq.db.context import tenant
from hq.lib.clock import now
from hq.lib.ids import new_id
from jobs import actions, registry, selectors
from jobs.models import Job
from tests.jobs.support import effects, operator, put, read

THREADS, JOBS = 4, 500
ORGANIZATIONS = [new_id() for _ in range(5)]


def in_threads(function: Callable[[int], None]) -> None:
    faults: list[BaseException] = []

    def body(number: int) -> None:
        try:
            function(number)
        except BaseException as fault:  # noqa: BLE001 - shown to the test, which is another thread
            faults.append(fault)
        finally:
            connection.close()

    threads = [Thread(target=body, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults


def fill(count: int) -> list[Job]:
    jobs = [
        Job(organization_id=ORGANIZATIONS[n % 5], kind="test.once" if n % 2 else "test.returns", max_attempts=5)
        for n in range(count)
    ]
    for organization_id in ORGANIZATIONS:
        with tenant(organization_id):
            Job.objects.bulk_create([job for job in jobs if job.organization_id == organization_id])
    return jobs


@pytest.mark.django_db(transaction=True)
def test_each_is_done_by_exactly_one_worker() -> None:
    jobs = fill(JOBS)
    counts = [0] * THREADS

    def work(number: int) -> None:
        counts[number] = actions.run_for(f"thread {number}", budget=timedelta(minutes=1))

    in_threads(work)
    assert sum(counts) == JOBS
    assert effects(*ORGANIZATIONS) == {str(job.id): 1 for job in jobs}
    assert selectors.tally_for_operator(operator()).by_state == {
        "QUEUED": JOBS,
        "RUNNING": 0,
        "DONE": JOBS,
        "DEAD": 0,
    }  # the effects wait


@pytest.mark.django_db(transaction=True)
def test_read_then_write_would_do_them_twice() -> None:
    """The mutant: shows that the test above could fail."""
    jobs = fill(20)
    together = Barrier(THREADS)

    def work(number: int) -> None:
        seen = selectors.list_for_operator(operator(), state="QUEUED")
        together.wait()
        for line in seen:
            with tenant(line.organization_id):
                Job.objects.filter(id=line.id).update(attempts=1)
                put(
                    "test.effect",
                    line.organization_id,
                    payload={"of": line.id},
                    run_at=now() + timedelta(days=1),
                )

    in_threads(work)
    assert effects(*ORGANIZATIONS) == {str(job.id): THREADS for job in jobs}


@pytest.mark.django_db
def test_the_oldest_due_one_is_first() -> None:
    later = put("test.once", run_at=now() - timedelta(seconds=1))
    sooner = put("test.once", run_at=now() - timedelta(seconds=9))
    assert actions.run_one("w")
    assert (read(sooner).state, read(later).state) == ("DONE", "QUEUED")


@pytest.mark.django_db
def test_a_kind_that_this_process_does_not_know_is_left_for_one_that_does(monkeypatch: pytest.MonkeyPatch) -> None:
    put("test.once")
    monkeypatch.setattr(registry, "kinds", lambda lane: ["test.returns"])
    assert not actions.run_one("w")


@pytest.mark.django_db
def test_a_claim_says_who_and_until_when() -> None:
    job = put("test.once")
    claim = actions._claim("worker 1", timedelta(seconds=30))
    row = read(job)
    assert claim is not None
    assert (row.state, row.claimed_by, row.claim_id, row.attempts) == ("RUNNING", "worker 1", claim.claim_id, 1)
    assert row.lease_until is not None
    assert row.heartbeat_at is not None
    assert row.lease_until - row.heartbeat_at == timedelta(seconds=30)


@pytest.mark.django_db
def test_the_time_budget_ends_it() -> None:
    put("test.once")
    assert actions.run_for("w", budget=timedelta(0)) == 0
