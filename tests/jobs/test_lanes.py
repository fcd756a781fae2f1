"""Work that waits for the servers of others holds up nothing else, and one organization's holds up no other's."""

import signal
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest
from django.db import connection

from hq.db.context import tenant
from hq.embedded.valkey import Valkey
from hq.lib.clock import now
from hq.lib.ids import new_id
from jobs import actions
from jobs.models import Job
from jobs.registry import NETWORK, RunningJob, handles
from tests.jobs.conftest import celery
from tests.jobs.support import Turns, effects, make_due, put, read, until


@pytest.mark.django_db
def test_a_worker_claims_only_what_goes_by_its_lane() -> None:
    ours, theirs = put("test.once"), put("test.slow")
    assert actions.run_one("w")
    assert not actions.run_one("w")
    assert (read(ours).state, read(theirs).state) == ("DONE", "QUEUED")


@pytest.mark.django_db
def test_a_lane_without_workers_is_refused() -> None:
    with pytest.raises(RuntimeError, match="no lane fast"):
        handles("test.unheard_of", lane="fast")


def threads(count: int, work: Callable[[], object]) -> None:
    def body() -> None:
        try:
            work()
        finally:
            connection.close()

    started = [Thread(target=body) for _ in range(count)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()


@pytest.mark.django_db(transaction=True)
def test_so_many_of_an_organization_run_at_once_and_the_others_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "ring", lambda lane: None)
    monkeypatch.setattr(Turns, "most", Counter())
    one, other = new_id(), new_id()
    jobs = [put("test.in_turn", one, key=str(n)) for n in range(8)]
    jobs += [put("test.in_turn", other) for _ in range(2)]

    def work() -> None:
        while any(read(job).state in Job.UNFINISHED for job in jobs):
            actions.run_for("thread", budget=timedelta(minutes=1), lane=NETWORK)

    threads(5, work)
    assert effects(one, other) == {str(job.id): 1 for job in jobs}
    assert Turns.most[one] == 2
    assert {read(job).attempts for job in jobs} == {1}


def claim(job: Job, *, lease: timedelta = timedelta(minutes=1)) -> RunningJob:
    """Claim this one and take its turn if it may."""
    claimed = actions._claim("w", lease, NETWORK)
    assert claimed is not None
    assert claimed.id == job.id
    assert actions._takes_turn(claimed, 2)
    return claimed


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("ending", ["done", "failed"])
def test_a_turn_is_handed_on_by_key_however_it_ends(ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    organization_id = new_id()
    first = put("test.in_turn", organization_id, key="0")
    second = put("test.in_turn", organization_id, key="1")
    claims = [claim(first), claim(second)]
    late, early = (put("test.in_turn", organization_id, key=key) for key in ("b", "a"))
    assert actions.run_one("w", lane=NETWORK)
    assert [read(job).message for job in (late, early)] == ["Waits for its turn"] * 2
    assert not actions.run_one("w", lane=NETWORK)

    if ending == "done":
        monkeypatch.setattr(Turns, "wait", lambda job: None)
    else:
        monkeypatch.setattr(Turns, "wait", lambda job: 1 / 0)
    with tenant(organization_id):
        claims[0].put_back(now())
    assert actions.run_one("w", lane=NETWORK)
    assert read(early).run_at <= now()
    assert (read(early).message, read(late).message) == ("", "Waits for its turn")


@pytest.mark.django_db(transaction=True)
def test_who_waits_for_a_lost_worker_looks_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Turns, "wait", lambda job: None)
    organization_id = new_id()
    lost = [put("test.in_turn", organization_id, key=key) for key in "01"]
    for job in lost:
        claim(job, lease=timedelta(seconds=-1))
    waiting = put("test.in_turn", organization_id, key="2")
    assert actions.run_one("w", lane=NETWORK)
    assert read(waiting).run_at > now()
    assert actions.reap() == 2
    make_due(waiting)
    until(lambda: actions.run_one("w", lane=NETWORK) and read(waiting).state == Job.State.DONE)
    assert read(waiting).message == ""


@pytest.mark.django_db(transaction=True)
def test_one_that_lost_its_worker_does_not_wait_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Turns, "wait", lambda job: None)
    organization_id = new_id()
    lost = put("test.in_turn", organization_id, key="0")
    claim(lost, lease=timedelta(seconds=-1))
    claim(put("test.in_turn", organization_id, key="1"))
    assert actions.reap() == 1
    make_due(lost)
    assert actions.run_one("w", lane=NETWORK)
    assert read(lost).state == Job.State.DONE


@pytest.mark.django_db(transaction=True)
def test_however_many_of_one_organization_wait_another_is_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked at one by one, ten thousand would be, again each minute, before anything newer of anybody else."""
    monkeypatch.setattr(Turns, "wait", lambda job: None)
    organization_id = new_id()
    for key in "01":
        claim(put("test.in_turn", organization_id, key=key))
    many = [put("test.in_turn", organization_id, key=f"2{number}") for number in range(9)]
    another = put("test.in_turn")
    for _ in range(2):
        assert actions.run_one("w", lane=NETWORK)
    assert read(another).state == Job.State.DONE
    assert {(read(job).message, read(job).attempts) for job in many} == {("Waits for its turn", 0)}


@pytest.mark.django_db(transaction=True)
def test_a_retry_in_its_time_is_no_one_waiting_for_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Turns, "wait", lambda job: None)
    organization_id = new_id()
    later = put("test.in_turn", organization_id, key="0", run_at=now() + timedelta(hours=5))
    put("test.in_turn", organization_id, key="1")
    assert actions.run_one("w", lane=NETWORK)
    assert read(later).run_at > now() + timedelta(hours=4)


def slow_jobs(count: int, server: Path) -> list[Job]:
    """All put in together, so that there is one ring for them."""
    organization_id = new_id()
    with tenant(organization_id):
        return [put("test.slow", organization_id, payload={"file": str(server)}) for _ in range(count)]


def all_begin(jobs: list[Job], server: Path, bell: actions._Bell) -> None:
    """As the beat, ring now and then: on a busy machine a bell may give up, as it may."""
    rung = time.monotonic()

    def begun() -> bool:
        nonlocal rung
        if time.monotonic() - rung > 3:
            rung, bell.silent_until = time.monotonic(), 0
            bell.ring(NETWORK)
        return len(list(server.parent.glob(f"{server.name}.*"))) == len(jobs)

    until(begun)


def worker_connections() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'worker'")
        count: int = cursor.fetchone()[0]
        return count


@pytest.mark.django_db(transaction=True)
def test_whoever_finds_work_in_it_wakes_another_before_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, str]] = []
    jobs: list[Job] = []
    monkeypatch.setattr(actions, "ring", lambda lane: seen.append((lane, read(jobs[0]).state)))
    monkeypatch.setattr(Turns, "wait", lambda job: None)
    jobs.extend(put("test.in_turn", key=key, run_at=now() - timedelta(seconds=9)) for key in "ab")
    del seen[:]
    assert actions.run_for("w", budget=timedelta(minutes=1), lane=NETWORK) == 2
    assert seen == [("network", "RUNNING")]


THREADS = ("--pool", "threads", "--concurrency", "4", "--queues", "hq.network")


def test_slow_servers_are_waited_for_at_the_same_time_and_hold_up_nothing_else(
    bell: actions._Bell, own_valkey: Valkey, transactional_db: None, tmp_path: Path
) -> None:
    server = tmp_path / "server"
    with celery(own_valkey, *THREADS):
        jobs = slow_jobs(4, server)
        all_begin(jobs, server, bell)
        quick = put("test.once")
        assert actions.run_one("another")
        assert read(quick).state == Job.State.DONE
        assert {read(job).state for job in jobs} == {"RUNNING"}
        server.touch()
        until(lambda: {read(job).state for job in jobs} == {"DONE"})
        until(lambda: worker_connections() == 0)
        assert effects(jobs[0].organization_id) == {str(job.id): 1 for job in jobs}


def test_a_worker_that_is_told_to_stop_gives_back_what_a_slow_server_holds_up(
    bell: actions._Bell, own_valkey: Valkey, transactional_db: None, tmp_path: Path
) -> None:
    server = tmp_path / "server"
    with celery(own_valkey, *THREADS) as worker:
        [job] = jobs = slow_jobs(1, server)
        all_begin(jobs, server, bell)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=20) == 0
        assert (read(job).state, read(job).attempts) == ("QUEUED", 0)
    server.touch()
    assert actions.run_one("another", lane=NETWORK)
    assert read(job).state == Job.State.DONE


def test_a_worker_that_is_told_to_stop_ends_what_is_nearly_done(
    bell: actions._Bell, own_valkey: Valkey, transactional_db: None, tmp_path: Path
) -> None:
    server = tmp_path / "server"
    with celery(own_valkey, *THREADS) as worker:
        [job] = jobs = slow_jobs(1, server)
        all_begin(jobs, server, bell)
        worker.send_signal(signal.SIGTERM)
        server.touch()
        assert worker.wait(timeout=20) == 0
    assert (read(job).state, read(job).attempts) == ("DONE", 1)
